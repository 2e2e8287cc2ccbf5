// Package deploy holds what runs Curfew outside its own repository: the
// container images, the compose file's parts and a NATS configuration. It has
// no code; its tests keep those files in step with the services' settings.
package deploy

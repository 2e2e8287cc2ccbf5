// Package contexts keeps what the command line knows of its clusters: URLs, an
// admin's token, the session of whoever logged in. It is one YAML file in the
// user's configuration directory, with mode 0600 because it holds secrets, and
// read strictly.
//
// Update is the only way to change it. It holds a lock, so that two commands
// at once lose nothing, and replaces the file whole or not at all.
package contexts

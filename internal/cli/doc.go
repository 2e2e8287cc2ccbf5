// Package cli is the commands that people use to see and steer a cluster. They
// do nothing but call its HTTP API, through apiclient.
//
// Results go to standard output, as a table or as JSON; progress, prompts and
// errors to standard error. No secret is ever taken from an argument, except an
// admin's token by whoever insists, and none is printed. What others chose, such
// as the name of a device, is printed without control characters.
//
// Errors about the call itself match config.ErrUsage: exit code 2. An
// *Unconfirmed is exit code 3, every other error 1.
package cli

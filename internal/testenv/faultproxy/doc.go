// Package faultproxy is a TCP proxy that can misbehave as networks do: refuse,
// hang with its sockets open, or be slow. What does pass through is passed
// byte for byte and in order, whatever the modes in between.
//
// It does not import testing. All methods may be called concurrently, and a
// change of mode applies to connections that exist as well as to new ones.
package faultproxy

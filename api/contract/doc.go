// Package contract holds real answers of the real services against the
// documents in package api. It is a module of its own, because the validator
// needs a tree of modules that nothing else does.
package contract

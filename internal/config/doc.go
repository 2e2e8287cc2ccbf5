// Package config reads the settings of Curfew's commands. A setting is
// declared once, as a tagged struct field:
//
//	Listen string `koanf:"listen" default:":8080" usage:"address to serve on"`
//
// and can then be given, in falling order of precedence, as the flag
// --listen, the environment variable CURFEW_LISTEN, or the key listen in the
// YAML file named by --config; else the default holds. Field types are
// string, bool, int and time.Duration. An embedded struct may change the
// defaults of what it embeds: `defaults:"listen=:8081"`.
//
// Nothing is guessed: unknown keys, unknown CURFEW_ variables, values that do
// not parse and values out of bounds are all errors, reported together, one
// line each, in the spelling in which they were given. An environment
// variable that is set but empty counts as not set, because compose files and
// charts cannot leave one out; a flag given as --name= does set the empty
// value.
//
// # Secrets
//
// A field tagged secret:"true" has no flag of its own, since other users of a
// machine can read its process list. It, and a field tagged secret:"url" (a
// URL that may hold a password), can also be read from a file: --name-file,
// CURFEW_NAME_FILE or the key name_file. One trailing newline is dropped.
// Giving both the value and the file is an error, wherever each was given.
// No error and no print shows a secret or the user part of a URL.
//
// # Concurrency
//
// Bind and Load belong to start-up and are not meant to run concurrently on
// one command. A loaded struct is a plain value: share it, do not change it.
package config

// Package doors has no code. Its tests run the configurations in deploy on the
// real proxies: nginx, HAProxy and Caddy, before an edge of a real cluster and
// in front of an application that says what reached it. The edge as a proxy has
// to pass the same.
package doors

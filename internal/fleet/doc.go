// Package fleet is what issuers know of the edges.
//
// Every edge runs a [Reporter]: it tells over core NATS, every second or two,
// how it stands, and says goodbye at a clean end. Every issuer keeps a
// [Registry] of these reports, for people and for knowing which edges there are.
//
// [Registry.Confirm] asks the fleet whether it holds what was revoked. An edge
// that has confirmed cannot accept it any more, whatever happens to the edge or
// to the log: what it holds it keeps until it expires, and when it is started
// anew it accepts nothing before it has read the log up to a beat that was
// committed later. docs/consistency.md has the argument.
//
// Reports decide about no request. They come at most once, may be lost, and
// may come from anybody who may publish on their subject, so a registry is
// bounded in number and in size, and ignores what it cannot read.
//
// All methods may be called concurrently, unless they say otherwise.
package fleet

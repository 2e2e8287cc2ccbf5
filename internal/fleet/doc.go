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
// What is not known never counts as done. Somebody whose report cannot be read,
// or for whom there is no room, may be fresh: they are expected, and cannot
// confirm. Silence counts only while one listens. An edge that does not tell its
// bound goes by the largest there is.
//
// Reports decide about no request. They come at most once, may be lost, and
// may come from anybody who may publish on their subject. So a registry is
// bounded in number and in size, and what is said in an edge's place can make
// others wait for it, but never confirms ([Life]).
//
// All methods may be called concurrently, unless they say otherwise.
package fleet

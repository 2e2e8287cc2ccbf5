// Package fleet is what issuers know of the edges.
//
// Every edge runs a [Reporter]: it tells over core NATS, every second or two,
// how it stands, and says goodbye at a clean end. Every issuer keeps a
// [Registry] of these reports, for people and for knowing which edges there are.
//
// Reports decide about no request. They come at most once, may be lost, and
// may come from anybody who may publish on their subject, so a registry is
// bounded in number and in size, and ignores what it cannot read.
//
// All methods may be called concurrently, unless they say otherwise.
package fleet

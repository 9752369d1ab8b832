// Package forward moves the bytes of one request to one instance of a cell, once, and says exactly what came of
// it: a [route.Attempt]. It decides nothing about what happens next.
//
// # What was sent
//
// Whether a write may be repeated hangs on one fact: was a byte of it written to a connection. Every connection
// counts what it writes; an attempt compares the count before and after. No byte: [route.Unsent], safe. Any byte,
// and no whole answer: [route.Lost] or [route.TimedOut].
//
// net/http's Transport repeats a request by itself when a kept-alive connection breaks and it believes the
// request to be idempotent: by its method, or because it carries an Idempotency-Key. It must not, for writes: a
// write's body is given without GetBody, and the key travels under a name that Transport does not look for (HTTP
// does not care about its case).
//
// # Where it may go
//
// Addresses come from the registry, which takes any. The dialer checks the address that a name resolved to
// against the allowed networks; link-local addresses (metadata services) are never dialled. There is no proxy.
//
// # What goes along
//
// Hop-by-hop headers go neither way. What only the platform says (Cellway-*, X-Forwarded-*, X-Real-Ip) is dropped
// from outside, also where an underscore stands for a dash, and set by the router.
package forward

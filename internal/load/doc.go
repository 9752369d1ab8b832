// Package load is a client of the customers' API that writes and reads without pause and knows what each answer has
// to be. Tests of the whole system and `cellway demo` use it to see what customers see.
//
//   - [Load] sends the requests: each worker has customers of its own, and one operation at a time.
//   - [Model] is what the client knows of every [Customer]: the value last acknowledged, or the two that are possible
//     after an answer that leaves the outcome open (502, or none at all).
//   - [Tape] is its transport in tests with faults: it keeps the history, and a pace.
//   - [Stats] is what was seen: every answer is counted, and each that its request did not deserve is kept.
//
// It knows HTTP and the public API, and nothing of the system behind it: what it finds wrong is wrong for a customer.
package load

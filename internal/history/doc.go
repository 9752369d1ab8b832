// Package history judges what the clients of a whole system saw: whether there is, for each customer, one order of all
// operations that explains every answer and lets each operation take effect between its call and its return
// (linearizability; Porcupine does the search). No expectation of a single client is needed, so any number may work on
// the same customer at once, during joins, drains and faults.
//
//   - [Recorder] keeps the operations of a load, all of a customer's or none, on one monotonic clock.
//   - [Check] searches, customer by customer, within a bound of time: [ErrIllegal] names the customers whose answers no
//     order explains, [ErrUnknown] says that the time was not enough. Neither is a success.
//   - [Need] says what a history must contain to prove anything; less is [ErrWeak].
//   - [Save] and [Read] keep a history as JSON lines, so that it can be checked again:
//     go test -run TestReplay ./internal/history -args FILE.
//
// # The model of one customer
//
// A register that is absent, or holds the number last written. An answer of success (200, 201, 204) says that the
// operation was done; 404 and 409 that the customer was absent, or there. 502 and no answer leave it open: such a write
// never returned, so it takes effect at any time after its call, or at the very end, where nobody sees it. Every other
// answer promises that nothing was done (503 above all) and says nothing about the customer: if the write comes to
// light all the same, no order explains it.
package history

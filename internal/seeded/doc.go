// Package seeded breaks the protocol on purpose, one small mutation at a time, and requires a named test to notice.
//
// Each testdata/NAME.bug says which rule of docs/PROTOCOL.md it breaks, the file, the lines there and what they become,
// and the test that must fail. The mutation is made while building (go test -overlay): what ships has no switch for it.
// A mutation that does not build has caught nothing, and counts as a failure of this package's own test; so does one
// whose lines are not in its file exactly once. That the same tests pass without it is what the ordinary run shows.
package seeded

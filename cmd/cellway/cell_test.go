package main

import (
	"net/http/httptest"
	"testing"
)

// A note's request is its customer's: else the gate would let it pass while the customer moves.
func TestTheGateTakesWhatIsBelowACustomerForTheCustomers(t *testing.T) {
	for path, want := range map[string]string{
		"/api/customers/alice": "alice", "/api/customers/alice/notes": "alice", "/api/customers/al%69ce/n%6Ftes/0190": "alice",
		"/api/customers/alice%2Fnotes": "", "/api/customers/": "", "/api/customers/alice/": "", "/api/customers/alice/../bob": "", "/health": "",
	} {
		key, ok, err := customerKey(httptest.NewRequest("GET", path, nil))
		if key != want || ok != (want != "") || err != nil {
			t.Errorf("%s: %q, %v, %v", path, key, ok, err)
		}
	}
}

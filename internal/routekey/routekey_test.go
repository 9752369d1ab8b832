package routekey

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestFromPathDecodesOnceAndThenIsStrict(t *testing.T) {
	long := strings.Repeat("a", MaxLen)
	for path, want := range map[string]string{
		"/api/customers/alice":       "alice",
		"/api/customers/a%6Cice":     "alice",
		"/api/customers/a.b_c~d@e+f": "a.b_c~d@e+f",
		"/api/customers/0-":          "0-",
		"/api/customers/" + long:     long,
		"/api/customers/a%2Bb":       "a+b",
	} {
		if got, err := FromPath(path, "/api/customers/"); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{
		"/api/customers/", "/api/customers", "/api/customer/alice", "/api/customers/a/b", "/api/customers/a%2Fb",
		"/api/customers/a%252Fb", "/api/customers/..", "/api/customers/.a", "/api/customers/a%00", "/api/customers/a%0D%0Ab",
		"/api/customers/%C3%A9", "/api/customers/%zz", "/api/customers/a%", "/api/customers/a b", "/api/customers/-a",
		"/api/customers/alice/", "/api/customers/" + long + "a",
	} {
		if got, err := FromPath(path, "/api/customers/"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %q, %v; want it refused", path, got, err)
		}
	}
}

// FuzzParse holds the rule against the pattern that the API promises.
func FuzzParse(f *testing.F) {
	pattern := regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._~@+-]{0,127}\z`)
	for _, seed := range []string{"alice", "", ".", "a/b", "a\x00", "é", strings.Repeat("x", 129)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if allowed := pattern.MatchString(s); allowed != (err == nil) || allowed && got != s {
			t.Errorf("%q: %q, %v; the pattern says %v", s, got, err, allowed)
		}
	})
}

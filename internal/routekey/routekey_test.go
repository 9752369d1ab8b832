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

func TestSplitIsAsStrictBelowTheKey(t *testing.T) {
	const prefix = "/api/customers/"
	for path, want := range map[string][2]string{
		"alice":                                  {"alice", ""},
		"alice/notes":                            {"alice", "/notes"},
		"a%6Cice/n%6Ftes/0-1":                    {"alice", "/notes/0-1"},
		"a/b" + strings.Repeat("/c", MaxBelow-1): {"a", "/b" + strings.Repeat("/c", MaxBelow-1)},
	} {
		key, below, err := Split(prefix+path, prefix)
		if err != nil || key != want[0] || below != want[1] {
			t.Errorf("%s: %q, %q, %v; want %q", path, key, below, err, want)
		}
	}
	for _, path := range []string{
		"", "/", "/notes", "alice/", "alice//notes", "alice/notes/", "alice/..", "alice/../bob", "alice/./notes", "alice/%2e%2e/bob",
		"alice/notes%2Fx", "alice%2Fnotes", "alice/%252e", "alice/notes/a%00", "alice/notes/%zz", "alice/notes/a b", "alice/notes/a\\b",
		"alice/notes/%C3%A9", "../alice", "alice/notes/" + strings.Repeat("a", MaxLen+1), "a" + strings.Repeat("/b", MaxBelow+1),
	} {
		if key, below, err := Split(prefix+path, prefix); !errors.Is(err, ErrInvalid) || key+below != "" {
			t.Errorf("%s: %q, %q, %v; want it refused", path, key, below, err)
		}
	}
	if _, _, err := Split("/api/orders/alice", prefix); !errors.Is(err, ErrInvalid) {
		t.Errorf("another prefix: %v", err)
	}
}

// FuzzSplit: what is let through, written plainly, is let through again as the same; and a path that ends with its key
// is read as FromPath reads it.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"alice", "alice/notes/1", "a%2Fb/c", "a/../b", "a//b", "%61/%62", "a/%2561", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		key, below, err := Split("/"+path, "/")
		if alone, aloneErr := FromPath("/"+path, "/"); (aloneErr == nil) != (err == nil && below == "") || aloneErr == nil && alone != key {
			t.Errorf("%q: %q, %q, %v; alone %q, %v", path, key, below, err, alone, aloneErr)
		}
		if err != nil {
			return
		}
		again, belowAgain, err := Split("/"+key+below, "/")
		if err != nil || again != key || belowAgain != below || strings.ContainsAny(below, "%\\\x00 ") || strings.Contains(below, "/.") {
			t.Errorf("%q: %q, %q; again %q, %q, %v", path, key, below, again, belowAgain, err)
		}
	})
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

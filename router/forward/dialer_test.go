package forward

import (
	"net/netip"
	"testing"
)

func TestAllowed(t *testing.T) {
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	cases := []struct {
		address           string
		byDefault, anyNet bool
	}{
		{"127.0.0.1", true, true},
		{"::1", true, true},
		{"10.1.2.3", true, true},
		{"172.16.0.1", true, true},
		{"172.32.0.1", false, true},
		{"192.168.7.7", true, true},
		{"fd12::1", true, true},
		{"8.8.8.8", false, true},
		{"2001:db8::1", false, true},
		{"::ffff:10.1.2.3", true, true},
		{"169.254.169.254", false, false},
		{"::ffff:169.254.169.254", false, false},
		{"fe80::1", false, false},
		{"fe80::1%eth0", false, false},
		{"fd00:ec2::254", false, false},
		{"0.0.0.0", false, false},
		{"::", false, false},
		{"224.0.0.1", false, false},
	}
	for _, c := range cases {
		a := netip.MustParseAddr(c.address)
		if got := allowed(a, PrivateNetworks()); got != c.byDefault {
			t.Errorf("%s by default: %v", c.address, got)
		}
		if got := allowed(a, everywhere); got != c.anyNet {
			t.Errorf("%s with everything allowed: %v", c.address, got)
		}
	}
}

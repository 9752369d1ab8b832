package consul

import (
	"strings"
	"testing"
	"time"
)

func TestConfigNamesTheFieldThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		want string
		cfg  Config
	}{
		{"address", Config{}},
		{"address", Config{Address: "consul"}},
		{"address", Config{Address: ":8500"}},
		{"prefix", Config{Address: "c:8500", Prefix: "/x"}},
		{"prefix", Config{Address: "c:8500", Prefix: "a//b"}},
		{"service", Config{Address: "c:8500", Service: "a b"}},
		{"session TTL", Config{Address: "c:8500", SessionTTL: time.Millisecond}},
		{"lock delay", Config{Address: "c:8500", LockDelay: time.Hour}},
		{"check TTL", Config{Address: "c:8500", CheckTTL: -1}},
		{"HTTP interval", Config{Address: "c:8500", HTTPInterval: time.Millisecond}},
		{"deregister after", Config{Address: "c:8500", DeregisterAfter: time.Second}},
		{"request timeout", Config{Address: "c:8500", RequestTimeout: time.Hour}},
		{"watch wait", Config{Address: "c:8500", WatchWait: time.Hour}},
	} {
		if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one that names %q", c.cfg, err, c.want)
		}
		if _, err := New(c.cfg); err == nil {
			t.Errorf("%+v was accepted", c.cfg)
		}
	}
	if err := (Config{Address: "127.0.0.1:8500"}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

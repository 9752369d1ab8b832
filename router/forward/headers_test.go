package forward

import (
	"net/http"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
)

func TestRequestHeader_drops_what_a_client_must_not_say(t *testing.T) {
	forged := []string{
		"Cellway-Key", "Cellway-Cell", "Cellway-Admin", "Cellway-Anything", "Cellway_Key", "cellway_key", "CELLWAY_key",
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "X_Forwarded_For", "Forwarded",
		"X-Real-Ip", "X_real_ip", "X-Request-Id", "X_Request_Id",
		"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X_HTTP_Method_Override",
		"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Proxy-Connection", "Expect",
		"Content-Length", "X-Named", "Authorization-Like",
	}
	client := http.Header{}
	for _, name := range forged {
		client[name] = []string{"forged"}
	}
	client["Connection"] = []string{"close, x-named", "Authorization-Like"}
	client["Accept"] = []string{"a", "b"}
	client["X_customer_id"] = []string{"the application's own affair"}
	out := RequestHeader(client, Inbound{Key: "k", RequestID: "r", ClientIP: "10.0.0.1", Host: "example.org", Proto: "http"})
	for name, values := range out {
		for _, v := range values {
			if v == "forged" {
				t.Errorf("%s came through", name)
			}
		}
	}
	for name, v := range map[string]string{
		protocol.HeaderKey: "k", protocol.HeaderRequestID: "r", "X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1",
		"X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "http", "User-Agent": "", "X_customer_id": "the application's own affair",
	} {
		if got := out[name]; len(got) != 1 || got[0] != v {
			t.Errorf("%s is %q, want %q", name, got, v)
		}
	}
	if len(out["Accept"]) != 2 {
		t.Errorf("Accept is %q", out["Accept"])
	}
}

func TestResponseHeader_shows_no_inner_workings(t *testing.T) {
	answer := http.Header{
		"Cellway-Owner": {"cell-b; epoch=3"}, "Cellway-Fenced": {"1"}, "Cellway-Inner": {"x"}, "Cellway-Cell": {"cell-a"},
		"Connection": {"close, X-Named"}, "X-Named": {"x"}, "Keep-Alive": {"x"}, "Upgrade": {"h2c"}, "X-Request-Id": {"the cell's"},
		"Content-Type": {"application/json"}, "Set-Cookie": {"a", "b"},
	}
	out := ResponseHeader(answer, "cell-b")
	if len(out) != 3 || out.Get("Cellway-Cell") != "cell-a" || len(out["Set-Cookie"]) != 2 || out.Get("Content-Type") == "" {
		t.Errorf("got %v", out)
	}
	if out := ResponseHeader(http.Header{}, "cell-b"); out.Get("Cellway-Cell") != "cell-b" {
		t.Errorf("a cell that does not name itself is not named: %v", out)
	}
}

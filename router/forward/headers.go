package forward

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
)

// Inbound is what the edge knows of a client's request beside its headers.
type Inbound struct {
	Key       string // the routing key
	RequestID string
	ClientIP  string // of the connection
	Host      string // that the client asked for
	Proto     string // http or https
}

// hopByHop headers concern one connection (RFC 9110, 7.6.1, and their ancestors).
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Expect": true, "Content-Length": true,
}

// fromPlatform are headers that only the platform may send: an application may trust them. The last ones would
// make an application read another path or method than the one that was routed.
var fromPlatform = map[string]bool{
	"Forwarded": true, "X-Real-Ip": true, protocol.HeaderRequestID: true,
	"X-Original-Url": true, "X-Rewrite-Url": true, "X-Original-Host": true,
	"X-Http-Method": true, "X-Http-Method-Override": true, "X-Method-Override": true,
}

// plain is a header's name as an application may read it: CGI and its heirs cannot tell a dash from an underscore.
func plain(name string) string {
	if strings.Contains(name, "_") {
		name = strings.ReplaceAll(name, "_", "-")
	}
	return textproto.CanonicalMIMEHeaderKey(name) // costs nothing where it is canonical already
}

func isPlatform(name string) bool {
	return fromPlatform[name] || strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, protocol.HeaderPrefix)
}

// connectionNamed returns the headers that the Connection headers name.
func connectionNamed(h http.Header) map[string]bool {
	var named map[string]bool
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			if named == nil {
				named = map[string]bool{}
			}
			named[plain(strings.TrimSpace(name))] = true
		}
	}
	return named
}

// RequestHeader returns what goes to the cell of a client's headers, with what the router says itself. The
// Idempotency-Keys stand under names that net/http's Transport does not know: it would repeat writes for them.
func RequestHeader(client http.Header, in Inbound) http.Header {
	out := make(http.Header, len(client)+6)
	named := connectionNamed(client)
	for name, values := range client {
		p := plain(name)
		if hopByHop[p] || named[p] || isPlatform(p) {
			continue
		}
		if name == "Idempotency-Key" || name == "X-Idempotency-Key" {
			name = strings.ToLower(name)
		}
		out[name] = values
	}
	out[protocol.HeaderKey] = []string{in.Key}
	out[protocol.HeaderRequestID] = []string{in.RequestID}
	out["X-Forwarded-For"] = []string{in.ClientIP}
	out["X-Real-Ip"] = []string{in.ClientIP}
	out["X-Forwarded-Host"] = []string{in.Host}
	out["X-Forwarded-Proto"] = []string{in.Proto}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // else Transport names itself
	}
	return out
}

// ResponseHeader returns what goes to the client of a cell's headers; the cell is named.
func ResponseHeader(answer http.Header, cell string) http.Header {
	out := make(http.Header, len(answer)+2)
	named := connectionNamed(answer)
	for name, values := range answer {
		p := plain(name)
		if hopByHop[p] || named[p] || p == protocol.HeaderRequestID || strings.HasPrefix(p, protocol.HeaderPrefix) {
			continue
		}
		out[name] = values
	}
	if v := answer.Get(protocol.HeaderCell); v != "" {
		cell = v
	}
	out[protocol.HeaderCell] = []string{cell}
	return out
}

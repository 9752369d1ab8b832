package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/router/edge"
)

// guard stands before everything that changes something. The header keeps out a browser's forms and foreign
// pages, the host a name that was rebound to this address, the token everybody else.
func (a *api) guard(c *gin.Context) {
	switch {
	case c.GetHeader(protocol.HeaderAdmin) != "1":
		refuseOrder(c, http.StatusForbidden, "the header "+protocol.HeaderAdmin+": 1 is missing")
	case a.cfg.Loopback && !localHost(c.Request.Host):
		refuseOrder(c, http.StatusForbidden, "this listener is asked by its address, or as localhost")
	case a.cfg.Token != "" && !sameToken(c.GetHeader("Authorization"), a.cfg.Token):
		c.Header("WWW-Authenticate", `Bearer realm="cellway admin"`)
		refuseOrder(c, http.StatusForbidden, "the bearer token is missing, or is another")
	}
}

func refuseOrder(c *gin.Context, status int, why string) {
	edge.Refuse(c, edge.Problem{Status: status, Error: "Refused", Details: why, Code: codeRefused})
}

// sameToken compares in a time that tells nothing.
func sameToken(header, token string) bool {
	given, ok := strings.CutPrefix(header, "Bearer ")
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && ok
}

// localHost says whether a Host header names this machine by something that no name server can point elsewhere.
func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

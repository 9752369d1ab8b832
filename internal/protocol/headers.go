package protocol

import (
	"errors"
	"strconv"
	"strings"

	"github.com/cellway/cellway/placement"
)

// Headers. All begin with Cellway-; the router drops any of them that come from outside.
const (
	HeaderPrefix = "Cellway-"
	// HeaderCell names the cell that answered.
	HeaderCell = "Cellway-Cell"
	// HeaderOwner goes with a 421: "<cell>; epoch=<n>", or is absent when the refusing cell knows no owner.
	HeaderOwner = "Cellway-Owner"
	// HeaderFenced: 1 goes with a 503 that a move in progress causes; it lasts for milliseconds.
	HeaderFenced = "Cellway-Fenced"
	// HeaderKey carries the routing key from the router to the cell.
	HeaderKey = "Cellway-Key"
	// HeaderAdmin: 1 is required on every POST and DELETE of the admin API (a browser's form cannot send it).
	HeaderAdmin = "Cellway-Admin"
	// HeaderOperator is who gives an order to the admin API, in their own words.
	HeaderOperator = "Cellway-Operator"
	// HeaderRequestID identifies a request in logs and errors.
	HeaderRequestID = "X-Request-Id"
)

// ErrBadOwner is returned for an owner header that is not "<cell>; epoch=<n>".
var ErrBadOwner = errors.New("malformed Cellway-Owner header")

// FormatOwner writes the value of a Cellway-Owner header.
func FormatOwner(cell string, epoch placement.Epoch) string {
	return cell + "; epoch=" + strconv.FormatUint(uint64(epoch), 10)
}

// ParseOwner reads the value of a Cellway-Owner header.
func ParseOwner(v string) (cell string, epoch placement.Epoch, err error) {
	cell, num, ok := strings.Cut(v, "; epoch=")
	if !ok || placement.ValidateCellName(cell) != nil {
		return "", 0, ErrBadOwner
	}
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil {
		return "", 0, ErrBadOwner
	}
	return cell, placement.Epoch(n), nil
}

package protocol

import (
	"fmt"
	"net/url"
	"strconv"
)

// Wanted says which of a partition's rows a stream is to carry.
type Wanted struct {
	Move    string
	FenceNo int64  // 0: the source is at work still
	Base    string // the snapshot that the copy began with; "" for all rows
	Mark    string // the snapshot that is there already: only what it does not show is sent
	Whole   bool   // count all rows of the partition, too
}

// query writes it as the query of a URL.
func (w Wanted) query() string {
	v := url.Values{"move": {w.Move}, "fence_no": {strconv.FormatInt(w.FenceNo, 10)}}
	if w.Base != "" {
		v.Set("base", w.Base)
		v.Set("mark", w.Mark)
	}
	if w.Whole {
		v.Set("whole", "1")
	}
	return v.Encode()
}

// ParseWanted reads the query of a URL.
func ParseWanted(v url.Values) (Wanted, error) {
	fenceNo, err := strconv.ParseInt(v.Get("fence_no"), 10, 64)
	if err != nil {
		return Wanted{}, fmt.Errorf("fence_no: %w", err)
	}
	return Wanted{
		Move: v.Get("move"), FenceNo: fenceNo, Base: v.Get("base"), Mark: v.Get("mark"), Whole: v.Get("whole") == "1",
	}, nil
}

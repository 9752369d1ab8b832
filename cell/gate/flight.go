package gate

import (
	"context"
	"fmt"
	"time"
)

const (
	namedFlights  = 10  // how many requests in flight are named, the oldest first
	namedPathSize = 200 // bytes of a path that are shown
)

// flight is a request inside the gate.
type flight struct {
	method, path string
	since        time.Time // the admission
	write        bool
	prev, next   *flight
}

// flights are the requests of one kind in one partition, the oldest first. The door's lock guards them.
type flights struct {
	first, last *flight
	idle        chan struct{} // closed when the last one leaves; nil while nobody waits
}

func (fs *flights) add(f *flight) {
	f.prev = fs.last
	if fs.last != nil {
		fs.last.next = f
	} else {
		fs.first = f
	}
	fs.last = f
}

func (fs *flights) remove(f *flight) {
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		fs.first = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	} else {
		fs.last = f.prev
	}
	f.prev, f.next = nil, nil
	if fs.first == nil && fs.idle != nil {
		close(fs.idle)
		fs.idle = nil
	}
}

// names describes the oldest ones, for people.
func (fs *flights) names(now time.Time) []string {
	var names []string
	for f := fs.first; f != nil && len(names) < namedFlights; f = f.next {
		path := f.path
		if len(path) > namedPathSize {
			path = path[:namedPathSize] + "..."
		}
		names = append(names, fmt.Sprintf("%s %s, %.1fs", f.method, path, now.Sub(f.since).Seconds()))
	}
	return names
}

// wait returns true once no request of the kind is inside, and false when ctx ends before.
func (d *door) wait(ctx context.Context, write bool) bool {
	d.mu.Lock()
	fs := d.side(write)
	if fs.first == nil {
		d.mu.Unlock()
		return true
	}
	if fs.idle == nil {
		fs.idle = make(chan struct{})
	}
	idle := fs.idle
	d.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}

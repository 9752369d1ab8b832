package protocol

import (
	"errors"
	"testing"

	"github.com/cellway/cellway/placement"
)

func TestOwnerHeaderIsReadAsItWasWritten(t *testing.T) {
	for _, epoch := range []placement.Epoch{0, 1, 1 << 63} {
		cell, got, err := ParseOwner(FormatOwner("cell-a", epoch))
		if err != nil || cell != "cell-a" || got != epoch {
			t.Errorf("epoch %d: %q, %d, %v", epoch, cell, got, err)
		}
	}
	for _, v := range []string{"", "cell-a", "cell-a; epoch=", "cell-a; epoch=-1", "Cell; epoch=1", "cell-a;epoch=1", "a; epoch=1x", "http://x; epoch=1"} {
		if cell, epoch, err := ParseOwner(v); !errors.Is(err, ErrBadOwner) {
			t.Errorf("%q: %q, %d, %v; want it refused", v, cell, epoch, err)
		}
	}
}

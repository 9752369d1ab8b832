package placement

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"testing"
)

func TestValidatePartitionCount(t *testing.T) {
	for n := 1; n <= MaxPartitions; n *= 2 {
		if err := ValidatePartitionCount(n); err != nil {
			t.Errorf("%d refused: %v", n, err)
		}
	}
	for _, n := range []int{-4096, -1, 0, 3, 4095, 4097, MaxPartitions + 1, 2 * MaxPartitions} {
		if err := ValidatePartitionCount(n); !errors.Is(err, ErrPartitionCount) {
			t.Errorf("%d: got %v, want ErrPartitionCount", n, err)
		}
	}
}

func TestPartitionOf_takes_the_first_four_bytes_of_sha256(t *testing.T) {
	// sha256("abc") = ba7816bf... (FIPS 180-4, the standard's own example)
	for _, c := range []struct{ count, want int }{{1, 0}, {4096, 0x6bf}, {65536, 0x16bf}} {
		if got := PartitionOf("abc", c.count); got != Partition(c.want) {
			t.Errorf("of %d partitions: got %d, want %d", c.count, got, c.want)
		}
	}
	// sha256("") = e3b0c442...
	if got := PartitionOf("", 4096); got != 0x442 {
		t.Errorf("the empty key: got %d", got)
	}
}

func TestPartitionOf_allocates_nothing(t *testing.T) {
	for _, n := range []int{0, 8, 36, 128, 1000} {
		key := string(make([]byte, n))
		if allocs := testing.AllocsPerRun(100, func() { PartitionOf(key, DefaultPartitions) }); allocs != 0 {
			t.Errorf("key of %d bytes: %v allocations", n, allocs)
		}
	}
}

// slowPartitionOf says the same as PartitionOf the way SQL says it: through hexadecimal digits and a modulo.
func slowPartitionOf(t *testing.T, key string, count int) Partition {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	n, err := strconv.ParseUint(hex.EncodeToString(sum[:])[:8], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return Partition(n % uint64(count))
}

func FuzzPartitionOf(f *testing.F) {
	for _, key := range []string{"", "abc", "customer-1", "é\x00\xff", "A.B_c~1@d+e-f"} {
		f.Add(key, uint8(12))
	}
	f.Fuzz(func(t *testing.T, key string, power uint8) {
		count := 1 << (power % 17)
		got := PartitionOf(key, count)
		if got < 0 || int(got) >= count {
			t.Fatalf("partition %d of %d", got, count)
		}
		if want := slowPartitionOf(t, key, count); got != want {
			t.Fatalf("partition %d, the slow way %d", got, want)
		}
		if count > 1 && PartitionOf(key, count/2) != got%Partition(count/2) {
			t.Fatal("half as many partitions disagree")
		}
	})
}

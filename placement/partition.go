package placement

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unsafe"
)

const (
	// DefaultPartitions is the partition count of a new cluster unless its operator chooses another.
	DefaultPartitions = 4096
	// MaxPartitions is the largest partition count.
	MaxPartitions = 65536
	// HashName names the function that turns a key into a partition. It is stored with a cluster and with
	// every cell's schema: a process with another name would look for customers in the wrong place, so it
	// must refuse to start.
	HashName = "sha256-be32"
)

// Partition is the number of a partition: 0 <= p < partition count.
type Partition int

// Epoch orders changes of ownership. A partition's epoch and a map's epoch only grow; 0 means never owned.
type Epoch uint64

// ValidatePartitionCount accepts the powers of two from 1 to [MaxPartitions].
func ValidatePartitionCount(n int) error {
	if n < 1 || n > MaxPartitions || n&(n-1) != 0 {
		return fmt.Errorf("%w: %d is not a power of two from 1 to %d", ErrPartitionCount, n, MaxPartitions)
	}
	return nil
}

// PartitionOf returns the partition of a key: the first four bytes of sha256(key), big-endian, modulo count.
// The count must be one that [ValidatePartitionCount] accepts. The cells' databases compute the same in SQL:
//
//	('x' || substr(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 1, 8))::bit(32)::bigint & (count - 1)
func PartitionOf(key string, count int) Partition {
	// The bytes are lent, not copied: Sum256 neither changes nor keeps them, but its argument escapes, and
	// []byte(key) would cost every request an allocation.
	sum := sha256.Sum256(unsafe.Slice(unsafe.StringData(key), len(key)))
	return Partition(int64(binary.BigEndian.Uint32(sum[:4])) & int64(count-1))
}

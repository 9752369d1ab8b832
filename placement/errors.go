package placement

import "errors"

// Errors of this package, wrapped with what was wrong where.
var (
	// ErrPartitionCount: the number is no partition count (a power of two from 1 to [MaxPartitions]).
	ErrPartitionCount = errors.New("invalid partition count")
	// ErrNoPartition: the map or ring has no partition of that number.
	ErrNoPartition = errors.New("no such partition")
	// ErrCellName: the text cannot be the name of a cell.
	ErrCellName = errors.New("invalid cell name")
	// ErrMembers: the list of cells contradicts itself: a duplicate, a weight out of range, too many.
	ErrMembers = errors.New("invalid list of cells")
	// ErrEpoch: the epoch would not rise.
	ErrEpoch = errors.New("epoch does not rise")
	// ErrUnknownOwner: the map names an owner that the list of cells does not have. A cell that owns
	// partitions is never forgotten, however silent it is: the caller must list every known cell.
	ErrUnknownOwner = errors.New("owner is not a known cell")
	// ErrNoCells: no cell is there to own the partitions: the list is empty, or all of it is draining.
	ErrNoCells = errors.New("no cell may own partitions")
	// ErrEncoding: the bytes are no encoded map, or a damaged one, or one of a newer version.
	ErrEncoding = errors.New("invalid encoded map")
	// ErrRing: the ring library could not place the partitions.
	ErrRing = errors.New("ring cannot be built")
)

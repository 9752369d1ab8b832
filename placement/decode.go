package placement

import (
	"fmt"
	"math/bits"
)

// The decoders of the single sections. Each checks lengths before it allocates and ranges before it indexes.

func decodeShape(b []byte) (*Map, error) {
	count, b, err := cutUvarint(b)
	if err != nil {
		return nil, fmt.Errorf("partition count: %w", err)
	}
	if count > MaxPartitions {
		return nil, fmt.Errorf("%w: %d", ErrPartitionCount, count)
	}
	epoch, b, err := cutUvarint(b)
	if err != nil {
		return nil, fmt.Errorf("map epoch: %w", err)
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes after the shape", len(b))
	}
	m, err := NewMap(int(count))
	if err != nil {
		return nil, err
	}
	m.epoch = Epoch(epoch)
	return m, nil
}

func (m *Map) decodeCells(b []byte) error {
	for len(b) > 0 {
		length := int(b[0])
		if length > len(b)-1 {
			return fmt.Errorf("cell name of %d bytes, %d are left", length, len(b)-1)
		}
		cell := string(b[1 : 1+length])
		b = b[1+length:]
		if err := ValidateCellName(cell); err != nil {
			return err
		}
		if n := len(m.cells); n > 0 && m.cells[n-1] >= cell {
			return fmt.Errorf("cell %s after cell %s", cell, m.cells[n-1])
		}
		m.cells = append(m.cells, cell)
	}
	if len(m.cells) > MaxCells || len(m.cells) > len(m.owners) {
		return fmt.Errorf("%d cells own %d partitions, at most %d cells", len(m.cells), len(m.owners), MaxCells)
	}
	m.counts = make([]int, len(m.cells))
	return nil
}

func (m *Map) decodeOwners(b []byte) error {
	err := unpackBits(b, len(m.owners), bits.Len(uint(len(m.cells))), func(p int, v uint64) error {
		if v > uint64(len(m.cells)) {
			return fmt.Errorf("partition %d belongs to cell %d of %d", p, v, len(m.cells))
		}
		m.owners[p] = uint16(v)
		if v > 0 {
			m.counts[v-1]++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("owners: %w", err)
	}
	for i, n := range m.counts {
		if n == 0 {
			return fmt.Errorf("cell %s owns nothing", m.cells[i])
		}
	}
	return nil
}

func (m *Map) decodeEpochs(b []byte) error {
	lowest, b, err := cutUvarint(b)
	if err != nil {
		return fmt.Errorf("lowest epoch: %w", err)
	}
	if len(b) == 0 || b[0] > 64 {
		return fmt.Errorf("width of epochs is missing or above 64")
	}
	err = unpackBits(b[1:], len(m.epochs), int(b[0]), func(p int, v uint64) error {
		epoch := Epoch(lowest + v)
		if uint64(epoch) < lowest || epoch > m.epoch {
			return fmt.Errorf("partition %d has an epoch above the map's %d", p, m.epoch)
		}
		if (epoch == 0) != (m.owners[p] == 0) {
			return fmt.Errorf("partition %d has epoch %d and owner number %d", p, epoch, m.owners[p])
		}
		m.epochs[p] = epoch
		m.highest = max(m.highest, epoch)
		return nil
	})
	if err != nil {
		return fmt.Errorf("epochs: %w", err)
	}
	return nil
}

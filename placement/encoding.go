package placement

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
)

// The encoding of a map, version 1:
//
//	"CWMP" version(1 byte) section... crc(4 bytes, big-endian CRC-32C of all before)
//
// A section is a tag (1 byte), the payload's length (uvarint) and the payload. Sections stand in ascending
// order of their tags, each exactly once:
//
//	1 shape   uvarint partition count, uvarint map epoch
//	2 cells   per owning cell, sorted: length (1 byte), name
//	3 owners  by partition, bit-packed: 1 + index into cells, 0 = unassigned; as many bits as the count of cells needs
//	4 epochs  uvarint lowest, width (1 byte); by partition, bit-packed in that width: epoch - lowest
//
// Equal maps have equal bytes, and a map has one encoding: the decoder refuses any other. It also refuses tags
// that it does not know: whoever adds a section (pins) adds something that an older process must not overlook.
const (
	mapMagic   = "CWMP"
	mapVersion = 1

	sectionShape  = 1
	sectionCells  = 2
	sectionOwners = 3
	sectionEpochs = 4

	crcSize = 4
	// maxEncoded bounds what the decoder looks at: no valid map is longer.
	maxEncoded = 1 << 20
)

// MarshalBinary encodes the map; equal maps have equal bytes. The error is always nil.
func (m *Map) MarshalBinary() ([]byte, error) {
	shape := binary.AppendUvarint(nil, uint64(len(m.owners)))
	shape = binary.AppendUvarint(shape, uint64(m.epoch))

	var cells []byte
	for _, cell := range m.cells {
		cells = append(append(cells, byte(len(cell))), cell...)
	}

	b := append([]byte(mapMagic), mapVersion)
	b = appendSection(b, sectionShape, shape)
	b = appendSection(b, sectionCells, cells)
	b = appendSection(b, sectionOwners, packBits(nil, m.owners, 0, bits.Len(uint(len(m.cells)))))
	b = appendSection(b, sectionEpochs, m.encodeEpochs())
	return binary.BigEndian.AppendUint32(b, checksum(b)), nil
}

func (m *Map) encodeEpochs() []byte {
	lowest := slices.Min(m.epochs)
	width := bits.Len64(uint64(m.highest - lowest))
	b := append(binary.AppendUvarint(nil, uint64(lowest)), byte(width))
	return packBits(b, m.epochs, lowest, width)
}

func appendSection(b []byte, tag byte, payload []byte) []byte {
	b = binary.AppendUvarint(append(b, tag), uint64(len(payload)))
	return append(b, payload...)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// UnmarshalMap decodes what [Map.MarshalBinary] wrote. Anything else is [ErrEncoding], wrapped with what is
// wrong. It allocates at most some megabytes, whatever it is given.
func UnmarshalMap(b []byte) (*Map, error) {
	m, err := decodeMap(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return m, nil
}

func decodeMap(b []byte) (*Map, error) {
	body, err := openEnvelope(b)
	if err != nil {
		return nil, err
	}
	var payloads [sectionEpochs + 1][]byte
	for tag := byte(sectionShape); tag <= sectionEpochs; tag++ {
		if payloads[tag], body, err = cutSection(body, tag); err != nil {
			return nil, err
		}
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("section %d is unknown: written by a newer version?", body[0])
	}

	m, err := decodeShape(payloads[sectionShape])
	if err != nil {
		return nil, err
	}
	if err := m.decodeCells(payloads[sectionCells]); err != nil {
		return nil, err
	}
	if err := m.decodeOwners(payloads[sectionOwners]); err != nil {
		return nil, err
	}
	if err := m.decodeEpochs(payloads[sectionEpochs]); err != nil {
		return nil, err
	}
	// One comparison stands for many rules: shortest numbers, narrowest widths, zero padding.
	if again, err := m.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("not in its one valid form: %d bytes, would be %d", len(b), len(again))
	}
	return m, nil
}

// openEnvelope checks magic, version and checksum and returns what lies between.
func openEnvelope(b []byte) ([]byte, error) {
	if len(b) > maxEncoded {
		return nil, fmt.Errorf("%d bytes, at most %d", len(b), maxEncoded)
	}
	if len(b) < len(mapMagic)+1+crcSize {
		return nil, fmt.Errorf("%d bytes are too few", len(b))
	}
	if string(b[:len(mapMagic)]) != mapMagic {
		return nil, fmt.Errorf("begins with %q instead of %q", b[:len(mapMagic)], mapMagic)
	}
	if v := b[len(mapMagic)]; v != mapVersion {
		return nil, fmt.Errorf("version %d, this program reads version %d", v, mapVersion)
	}
	end := len(b) - crcSize
	if got, want := binary.BigEndian.Uint32(b[end:]), checksum(b[:end]); got != want {
		return nil, fmt.Errorf("checksum %08x, content has %08x", got, want)
	}
	return b[len(mapMagic)+1 : end], nil
}

func cutSection(b []byte, tag byte) (payload, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("section %d is missing", tag)
	}
	if b[0] != tag {
		return nil, nil, fmt.Errorf("section %d instead of %d", b[0], tag)
	}
	length, rest, err := cutUvarint(b[1:])
	if err != nil {
		return nil, nil, fmt.Errorf("length of section %d: %w", tag, err)
	}
	if length > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("section %d has %d bytes, %d are left", tag, length, len(rest))
	}
	return rest[:length], rest[length:], nil
}

func cutUvarint(b []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("no number in %d bytes", len(b))
	}
	return v, b[n:], nil
}

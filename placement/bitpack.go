package placement

import "fmt"

// packBits appends every value minus base in width bits, lowest bit first, and fills the last byte with zeros.
func packBits[T ~uint16 | ~uint64](b []byte, values []T, base T, width int) []byte {
	start := len(b)
	b = append(b, make([]byte, packedSize(len(values), width))...)
	out := b[start:]
	for i, value := range values {
		v := uint64(value - base)
		for pos, left := i*width, width; left > 0; {
			take := min(8-pos%8, left)
			out[pos/8] |= byte(v << (pos % 8))
			v >>= take
			pos, left = pos+take, left-take
		}
	}
	return b
}

// unpackBits calls each with the n values of width bits (0 to 64) in b, until it returns an error.
func unpackBits(b []byte, n, width int, each func(i int, v uint64) error) error {
	if want := packedSize(n, width); len(b) != want {
		return fmt.Errorf("%d bytes for %d values of %d bits, must be %d", len(b), n, width, want)
	}
	for i := range n {
		var v uint64
		for pos, got := i*width, 0; got < width; {
			take := min(8-pos%8, width-got)
			chunk := uint64(b[pos/8]>>(pos%8)) & (1<<take - 1)
			v |= chunk << got
			pos, got = pos+take, got+take
		}
		if err := each(i, v); err != nil {
			return err
		}
	}
	return nil
}

func packedSize(n, width int) int { return (n*width + 7) / 8 }

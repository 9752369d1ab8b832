package placement

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawMap draws any map that can exist, with whatever epochs.
func drawMap(t *rapid.T) *Map {
	count := 1 << rapid.IntRange(0, 7).Draw(t, "power")
	m, err := NewMap(count)
	if err != nil {
		t.Fatal(err)
	}
	names := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z0-9-]{0,30}`), 1, 40).Draw(t, "names")
	for range rapid.IntRange(0, 2*count).Draw(t, "changes") {
		p := Partition(rapid.IntRange(0, count-1).Draw(t, "p"))
		_, epoch := m.Owner(p)
		epoch += Epoch(rapid.Uint64Range(1, 1<<rapid.IntRange(0, 56).Draw(t, "bits")).Draw(t, "rise"))
		if m, err = m.WithOwner(p, rapid.SampledFrom(names).Draw(t, "cell"), epoch); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestMap_survives_encoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMap(t)
		encoded := mustMarshal(t, m)
		got, err := UnmarshalMap(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(*got) != fmt.Sprint(*m) {
			t.Fatalf("decoded %+v, encoded %+v", *got, *m)
		}
		if !bytes.Equal(mustMarshal(t, got), encoded) {
			t.Fatal("encoded again it has other bytes")
		}
	})
}

func TestMap_encoding_does_not_depend_on_the_order_of_changes(t *testing.T) {
	a := mustFirstMap(t, 8, equalMembers(2))
	b := a
	var err error
	for i, p := range []Partition{1, 5, 3} {
		if a, err = a.WithOwner(p, "cell-9", Epoch(10+p)); err != nil {
			t.Fatal(err)
		}
		p = []Partition{5, 3, 1}[i]
		if b, err = b.WithOwner(p, "cell-9", Epoch(10+p)); err != nil {
			t.Fatal(err)
		}
	}
	b.epoch = a.epoch // the one thing that tells of the order
	if !bytes.Equal(mustMarshal(t, a), mustMarshal(t, b)) {
		t.Error("the same assignment has two encodings")
	}
}

func TestMap_encoding_stays_small_at_worst(t *testing.T) {
	const kib = 1024
	// A value of Consul holds 512 KiB; inside a transaction it travels as base64, 4/3 of its size.
	for epochs, limit := range map[string]int{"equal": 112 * kib, "all different": 240 * kib, "32 bits apart": 368 * kib} {
		m := worstMap(t, epochs)
		encoded := mustMarshal(t, m)
		if len(encoded) > limit {
			t.Errorf("epochs %s: %d bytes, limit %d", epochs, len(encoded), limit)
		}
		got, err := UnmarshalMap(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if got.HighestEpoch() != m.HighestEpoch() || len(got.Cells()) != 1000 {
			t.Errorf("epochs %s: decoded differently", epochs)
		}
	}
}

// seal puts magic, version and checksum around sections.
func seal(sections ...[]byte) []byte {
	b := append([]byte(mapMagic), mapVersion)
	b = append(b, bytes.Join(sections, nil)...)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

func section(tag byte, payload ...byte) []byte { return appendSection(nil, tag, payload) }

func TestUnmarshalMap_says_what_is_wrong(t *testing.T) {
	shape, cells := section(sectionShape, 2, 1), section(sectionCells, 1, 'a')
	owners, epochs := section(sectionOwners, 0b11), section(sectionEpochs, 1, 0)
	good := seal(shape, cells, owners, epochs)
	if _, err := UnmarshalMap(good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	damaged := bytes.Clone(good)
	damaged[8] ^= 1
	newer := bytes.Clone(good)
	newer[len(mapMagic)] = 2

	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "too few"},
		{"something else", []byte("{\"epoch\": 1}"), "begins with"},
		{"newer version", newer, "version 2"},
		{"a bit flipped", damaged, "checksum"},
		{"cut short", good[:len(good)-1], "checksum"},
		{"trailing byte", append(bytes.Clone(good), 0), "checksum"},
		{"too long", make([]byte, maxEncoded+1), "at most"},
		{"no sections", seal(), "section 1 is missing"},
		{"sections in another order", seal(cells, shape, owners, epochs), "section 2 instead of 1"},
		{"a section twice", seal(shape, cells, cells, owners, epochs), "section 2 instead of 3"},
		{"an unknown section", seal(shape, cells, owners, epochs, section(9)), "section 9 is unknown"},
		{"section longer than the rest", seal(shape, cells, owners, []byte{sectionEpochs, 200, 1}), "are left"},
		{"section without length", seal([]byte{sectionShape}), "length of section 1"},
		{"section of huge length", seal([]byte{sectionShape, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}), "are left"},
		{"number without end", seal([]byte{sectionShape, 255}), "length of section 1"},
		{"no shape", seal(section(sectionShape), cells, owners, epochs), "partition count"},
		{"no map epoch", seal(section(sectionShape, 2), cells, owners, epochs), "map epoch"},
		{"3 partitions", seal(section(sectionShape, 3, 1), cells, owners, epochs), "partition count"},
		{"2^34 partitions", seal(section(sectionShape, 128, 128, 128, 128, 64, 1), cells, owners, epochs), "partition count"},
		{"more shape", seal(section(sectionShape, 2, 1, 0), cells, owners, epochs), "after the shape"},
		{"cut cell name", seal(shape, section(sectionCells, 2, 'a'), owners, epochs), "cell name of 2 bytes"},
		{"bad cell name", seal(shape, section(sectionCells, 1, 'A'), owners, epochs), "invalid cell name"},
		{"empty cell name", seal(shape, section(sectionCells, 0), owners, epochs), "invalid cell name"},
		{"cells out of order", seal(shape, section(sectionCells, 1, 'b', 1, 'a'), owners, epochs), "cell a after cell b"},
		{"cell twice", seal(shape, section(sectionCells, 1, 'a', 1, 'a'), owners, epochs), "cell a after cell a"},
		{"more cells than partitions", seal(shape, section(sectionCells, 1, 'a', 1, 'b', 1, 'c'), owners, epochs), "3 cells own 2"},
		{"owner out of range", seal(shape, section(sectionCells, 1, 'a', 1, 'b'), section(sectionOwners, 0b0111), epochs), "cell 3 of 2"},
		{"too many owners", seal(shape, cells, section(sectionOwners, 3, 0), epochs), "must be 1"},
		{"cell without partitions", seal(shape, cells, section(sectionOwners, 0), section(sectionEpochs, 0, 0)), "cell a owns nothing"},
		{"no epochs", seal(shape, cells, owners, section(sectionEpochs)), "lowest epoch"},
		{"no width", seal(shape, cells, owners, section(sectionEpochs, 1)), "width"},
		{"width of 65", seal(shape, cells, owners, section(sectionEpochs, 1, 65)), "width"},
		{"too few epochs", seal(shape, cells, owners, section(sectionEpochs, 1, 8, 0)), "must be 2"},
		{"epoch above the map's", seal(shape, cells, owners, section(sectionEpochs, 2, 0)), "above the map's"},
		{"epoch past 64 bits", seal(shape, cells, owners, section(sectionEpochs, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1, 3)), "above the map's"},
		{"owner without epoch", seal(shape, cells, owners, section(sectionEpochs, 0, 0)), "owner number 1"},
		{"epoch without owner", seal(shape, cells, section(sectionOwners, 1), epochs), "owner number 0"},
		{"padding not zero", seal(shape, cells, section(sectionOwners, 0b111), epochs), "one valid form"},
		{"width too wide", seal(shape, cells, owners, section(sectionEpochs, 1, 1, 0)), "one valid form"},
		{"number too long", seal(section(sectionShape, 0x82, 0, 1), cells, owners, epochs), "one valid form"},
	} {
		_, err := UnmarshalMap(c.b)
		if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", c.name, err, c.want)
		}
	}
}

func TestUnmarshalMap_notices_every_flipped_bit(t *testing.T) {
	good := mustMarshal(t, mustFirstMap(t, 16, equalMembers(3)))
	for bit := range 8 * len(good) {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := UnmarshalMap(b); !errors.Is(err, ErrEncoding) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

func FuzzUnmarshalMap(f *testing.F) {
	for _, n := range []int{1, 3, 40} {
		b := mustMarshal(f, mustFirstMap(f, 64, equalMembers(n)))
		f.Add(b[len(mapMagic)+1 : len(b)-crcSize])
	}
	f.Add([]byte{})
	// The envelope is put on here: a fuzzer does not guess checksums.
	f.Fuzz(func(t *testing.T, sections []byte) {
		for _, b := range [][]byte{sections, seal(sections)} {
			m, err := UnmarshalMap(b)
			if err != nil {
				if m != nil || !errors.Is(err, ErrEncoding) {
					t.Fatalf("map %v, error %v", m, err)
				}
				continue
			}
			if !bytes.Equal(mustMarshal(t, m), b) {
				t.Fatal("a second encoding of the same map was accepted")
			}
		}
	})
}

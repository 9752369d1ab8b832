package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// A stream of a partition's rows is a sequence of frames: one byte of kind, four bytes of length (big-endian), and
// so many bytes of content. All rows, in order:
//
//	M          manifest: what follows, of whom, of which snapshot, and the source's tables
//	T D D ...  a table's name, and its rows as COPY text; for each table of the manifest, in its order. Between data
//	           frames, at the end of a row, or before the next table:
//	C          a cut: what came so far may be taken in
//	E          the end
//
// What changed between two snapshots:
//
//	M
//	K D D ...  a table's name, and keys as COPY text, of rows that were deleted (d), and of those that will follow
//	           (u); for each table, in backward order
//	T D D ...  a table's name, and the rows that were inserted or updated; for each table, in order
//	E          the end: digests of the rows that were sent
//	V          where it was asked for: digests of all rows of the snapshot
//
// A stream without its last frame is a failure of the source, wherever it stops.
const (
	frameManifest = 'M'
	frameKeys     = 'K'
	frameTable    = 'T'
	frameData     = 'D'
	frameCut      = 'C'
	frameEnd      = 'E'
	frameWhole    = 'V'

	frameVersion = 2
	frameHead    = 5
	dataSize     = 64 << 10
	batchSize    = 1 << 20 // rows of this size, and no less, are taken in together
	maxFrame     = 4 << 20 // a manifest of some ten thousand columns
)

// errStream: the stream is not what a source sends, or broke off.
var errStream = errors.New("broken stream of rows")

// manifest is the first frame.
type manifest struct {
	Version    int                 `json:"version"`
	Cluster    string              `json:"cluster"`
	Cell       string              `json:"cell"`
	Partitions int                 `json:"partitions"`
	Hash       string              `json:"hash"`
	Partition  placement.Partition `json:"partition"`
	Move       string              `json:"move"`
	FenceNo    int64               `json:"fence_no"`
	Snapshot   string              `json:"snapshot"` // that the rows are of
	Mark       string              `json:"mark"`     // what it shows beyond this is sent; "" for everything
	Tables     []Table             `json:"tables"`
}

// ending are the last frames: what was sent, or all that there is.
type ending struct {
	Digests []protocol.Digest `json:"digests"`
}

// frameWriter writes frames; as an io.Writer it collects data frames.
type frameWriter struct {
	w   io.Writer
	buf []byte

	cuts  bool // write cuts between rows
	since int  // the last cut, so many bytes
}

func newFrameWriter(w io.Writer) *frameWriter {
	return &frameWriter{w: w, buf: make([]byte, 0, dataSize)}
}

// Write implements io.Writer: content of data frames. In COPY text a line's end is a row's.
func (f *frameWriter) Write(b []byte) (int, error) {
	n := len(b)
	f.since += n
	if end := bytes.LastIndexByte(b, '\n'); f.cuts && f.since >= batchSize && end >= 0 {
		if err := f.collect(b[:end+1]); err != nil {
			return 0, err
		}
		if err := f.cut(); err != nil {
			return 0, err
		}
		b = b[end+1:]
	}
	return n, f.collect(b)
}

// cut says that what came so far may be taken in.
func (f *frameWriter) cut() error {
	f.since = 0
	if err := f.flush(); err != nil {
		return err
	}
	return f.frame(frameCut, nil)
}

func (f *frameWriter) collect(b []byte) error {
	for len(b) > 0 {
		room := min(dataSize-len(f.buf), len(b))
		f.buf = append(f.buf, b[:room]...)
		b = b[room:]
		if len(f.buf) == dataSize {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *frameWriter) flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	err := f.frame(frameData, f.buf)
	f.buf = f.buf[:0]
	return err
}

func (f *frameWriter) json(kind byte, v any) error {
	if err := f.flush(); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame %c: %w", kind, err)
	}
	return f.frame(kind, raw)
}

func (f *frameWriter) frame(kind byte, content []byte) error {
	var head [frameHead]byte
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(content)))
	if _, err := f.w.Write(head[:]); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	if _, err := f.w.Write(content); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// frameReader reads frames; as an io.Reader it reads the data frames that come next, and ends before another kind.
type frameReader struct {
	r    *bufio.Reader
	left int   // of the data frame being read
	err  error // the first failure of the stream
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, dataSize)}
}

// Read implements io.Reader.
func (f *frameReader) Read(b []byte) (int, error) {
	for f.left == 0 {
		kind, err := f.next()
		if err != nil {
			return 0, err
		}
		if kind != frameData {
			return 0, io.EOF
		}
		if _, f.left, err = f.head(); err != nil {
			return 0, err
		}
	}
	n, err := f.r.Read(b[:min(len(b), f.left)])
	f.left -= n
	if err != nil {
		return n, f.fail(err)
	}
	return n, nil
}

// next is the kind of the frame that comes next.
func (f *frameReader) next() (byte, error) {
	kind, err := f.r.Peek(1)
	if err != nil {
		return 0, f.fail(err)
	}
	return kind[0], nil
}

func (f *frameReader) json(kind byte, v any) error {
	got, n, err := f.head()
	if err != nil {
		return err
	}
	if got != kind {
		return f.fail(fmt.Errorf("frame %q where %q belongs", got, kind))
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(f.r, raw); err != nil {
		return f.fail(err)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return f.fail(fmt.Errorf("frame %q: %w", kind, err))
	}
	return nil
}

func (f *frameReader) head() (kind byte, n int, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, 0, f.fail(err)
	}
	n = int(binary.BigEndian.Uint32(head[1:]))
	if n > maxFrame {
		return 0, 0, f.fail(fmt.Errorf("frame %q of %d bytes", head[0], n))
	}
	return head[0], n, nil
}

// end makes sure that nothing follows: what comes after the end is not from this source.
func (f *frameReader) end() error {
	if _, err := f.r.ReadByte(); err == nil {
		return f.fail(errors.New("content after the end"))
	} else if !errors.Is(err, io.EOF) {
		return f.fail(err)
	}
	return nil
}

// fail remembers the stream's first failure: COPY hides it behind its own.
func (f *frameReader) fail(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if f.err == nil {
		f.err = fmt.Errorf("%w: %w", errStream, err)
	}
	return f.err
}

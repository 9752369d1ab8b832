package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// copyText reads rows in COPY's text form: fields between tabs, lines between rows, backslashes before what is meant
// otherwise.
type copyText struct {
	r      *bufio.Reader
	fields int
}

func newCopyText(r io.Reader, fields int) *copyText {
	return &copyText{r: bufio.NewReaderSize(r, dataSize), fields: fields}
}

// columns is a page of rows: by column, then by row; nil is NULL.
type columns [][]*string

func (c columns) rows() int {
	if len(c) == 0 {
		return 0
	}
	return len(c[0])
}

// page reads up to limit rows (0: all). No rows: the end.
func (t *copyText) page(limit int) (columns, error) {
	page := make(columns, t.fields)
	for n := 0; limit == 0 || n < limit; n++ {
		line, err := t.r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return page, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		fields := bytes.Split(line[:len(line)-1], []byte{'\t'})
		if len(fields) != t.fields {
			return nil, fmt.Errorf("%w: a row of %d fields, not %d", errStream, len(fields), t.fields)
		}
		for i, f := range fields {
			page[i] = append(page[i], fieldOf(f))
		}
	}
	return page, nil
}

// fieldOf takes the backslashes out of a field.
func fieldOf(raw []byte) *string {
	if string(raw) == `\N` {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		s := string(raw)
		return &s
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		out = append(out, escaped(raw[i]))
	}
	s := string(out)
	return &s
}

// escaped is what a letter stands for behind a backslash.
func escaped(b byte) byte {
	switch b {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return b
}

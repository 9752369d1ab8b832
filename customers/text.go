package customers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Limits on a profile, beside the length of the body. PostgreSQL writes numbers out in full: 1e308 takes five
// characters in a request and 309 in every answer.
const (
	maxDepth     = 100     // objects and arrays within each other
	maxDigits    = 1000    // of one number, written out in full
	maxExpansion = 1 << 20 // digits that all exponents of a profile add, together
)

var (
	errNUL       = errors.New(`must not contain NUL (\u0000)`)
	errSurrogate = errors.New("contains half of a surrogate pair")
	errDepth     = fmt.Errorf("is nested deeper than %d levels", maxDepth)
	errDigits    = fmt.Errorf("contains a number of more than %d digits", maxDigits)
	errExpansion = errors.New("contains too many numbers with large exponents")
)

// checkEscapes refuses the two things that valid JSON can say and a PostgreSQL text cannot hold: NUL, and half of
// a surrogate pair. In valid JSON a backslash is always the beginning of an escape in a text.
func checkEscapes(raw []byte) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // the character that is escaped
		if raw[i] != 'u' {
			continue
		}
		r := hex4(raw[i+1:])
		i += 4
		if r == 0 {
			return errNUL
		}
		if !utf16.IsSurrogate(r) {
			continue
		}
		rest := raw[i+1:]
		if !bytes.HasPrefix(rest, []byte(`\u`)) || utf16.DecodeRune(r, hex4(rest[2:])) == '\uFFFD' {
			return errSurrogate
		}
		i += 6
	}
	return nil
}

func hex4(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return 0 // not in valid JSON
	}
	return rune(n)
}

// checkTree refuses objects with two equal keys (PostgreSQL would drop one), nesting without end, and numbers
// that grow beyond measure when written out.
func checkTree(raw json.RawMessage) error {
	w := walker{dec: json.NewDecoder(bytes.NewReader(raw))}
	w.dec.UseNumber()
	if err := w.value(1); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

type walker struct {
	dec       *json.Decoder
	expansion int
}

func (w *walker) value(depth int) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Number:
		return w.number(t.String())
	case json.Delim:
		if depth > maxDepth {
			return errDepth
		}
		return w.members(depth, t == '{')
	}
	return nil
}

// members reads what is inside an object or an array, and its end.
func (w *walker) members(depth int, object bool) error {
	seen := map[string]bool{}
	for w.dec.More() {
		if object {
			if err := w.key(seen); err != nil {
				return err
			}
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w *walker) key(seen map[string]bool) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	key := fmt.Sprint(token)
	if seen[key] {
		return fmt.Errorf("has the key %.64q twice in one object", key)
	}
	seen[key] = true
	return nil
}

func (w *walker) number(text string) error {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	shift := 0
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return errDigits
		}
		shift = max(n, -n)
	}
	if shift > maxDigits || len(mantissa)+shift > maxDigits {
		return errDigits
	}
	w.expansion += shift
	if w.expansion > maxExpansion {
		return errExpansion
	}
	return nil
}

package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cellway/cellway/internal/load"
)

// Save writes a history as JSON lines into a new file below the directory and returns its path. "" is the system's
// directory for temporary files.
func Save(dir string, ops []load.Operation) (path string, err error) {
	f, err := os.CreateTemp(dir, "cellway-history-*.jsonl")
	if err != nil {
		return "", fmt.Errorf("save history: %w", err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, op := range ops {
		if err = enc.Encode(op); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return "", fmt.Errorf("save history %s: %w", f.Name(), err)
	}
	return f.Name(), nil
}

// Read reads a history that Save has written.
func Read(path string) ([]load.Operation, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer f.Close()
	var ops []load.Operation
	dec := json.NewDecoder(bufio.NewReader(f))
	dec.DisallowUnknownFields()
	for {
		var op load.Operation
		switch err := dec.Decode(&op); {
		case errors.Is(err, io.EOF):
			return ops, nil
		case err != nil:
			return nil, fmt.Errorf("read history %s, operation %d: %w", path, len(ops)+1, err)
		}
		ops = append(ops, op)
	}
}

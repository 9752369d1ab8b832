package ledger

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// names is what the platform's migrations have to be told.
type names struct {
	Schema       string
	PlatformRole string
	AppRole      string
	Identity     Identity
}

// values of the placeholders: identifiers quoted as identifiers, texts as literals.
func (n names) values() map[string]string {
	ident := func(s string) string { return pgx.Identifier{s}.Sanitize() }
	return map[string]string{
		"@schema@":        ident(n.Schema),
		"@schema_text@":   literal(n.Schema),
		"@platform_text@": literal(n.PlatformRole),
		"@approle@":       ident(n.AppRole),
		"@cluster_text@":  literal(n.Identity.ClusterID),
		"@cell_text@":     literal(n.Identity.Cell),
		"@hash_text@":     literal(n.Identity.Hash),
		"@partitions@":    strconv.Itoa(n.Identity.Partitions),
	}
}

var placeholder = regexp.MustCompile(`@[a-z_]+@`)

// filledFS is a tree of migrations whose placeholders are filled in as the files are opened.
type filledFS struct {
	fs.FS
	values map[string]string
}

// Open implements fs.FS.
func (f filledFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	defer file.Close()
	raw, err := fs.ReadFile(f.FS, name)
	if err != nil {
		return nil, err
	}
	for _, p := range placeholder.FindAllString(string(raw), -1) {
		if _, ok := f.values[p]; !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("unknown placeholder %s", p)}
		}
	}
	sql := placeholder.ReplaceAllFunc(raw, func(p []byte) []byte { return []byte(f.values[string(p)]) })
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &filledFile{Reader: bytes.NewReader(sql), info: info}, nil
}

// filledFile is an open migration; its info is that of the file with the placeholders, its size included.
type filledFile struct {
	*bytes.Reader
	info fs.FileInfo
}

// Stat implements fs.File.
func (f *filledFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (f *filledFile) Close() error { return nil }

// literal quotes a text for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

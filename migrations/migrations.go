// Package migrations holds the SQL that builds a cell's schema, in the order of the files' numbers: first the
// platform's objects, then the application's tables. Moving data from cell to cell is never called a migration.
//
// Names between @ in the platform's files ("@schema@") are put in by the runner, cell/ledger; the application's
// files are plain SQL, run with the schema as their search path.
package migrations

import (
	"embed"
	"io/fs"
	"path"
)

//go:embed cellway/*.sql
var cellwayFiles embed.FS

//go:embed customers/*.sql
var customersFiles embed.FS

var (
	// Cellway is the platform's migrations, at the root.
	Cellway fs.FS = dir{cellwayFiles, "cellway"}
	// Customers is the migrations of the customer application, at the root.
	Customers fs.FS = dir{customersFiles, "customers"}
)

// dir is one folder of an embedded tree, as a root of its own.
type dir struct {
	files embed.FS
	name  string
}

// Open implements fs.FS.
func (d dir) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return d.files.Open(path.Join(d.name, name))
}

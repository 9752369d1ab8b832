package ledger

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// list writes one piece of SQL for each of the columns named, separated.
func list(names []string, separator string, piece func(name string) string) string {
	pieces := make([]string, 0, len(names))
	for _, name := range names {
		pieces = append(pieces, piece(name))
	}
	return strings.Join(pieces, separator)
}

// names are the columns that travel, in the order in which they do.
func (t Table) names() []string {
	names := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// columnList is the quoted list of the columns that travel.
func (t Table) columnList() string { return list(t.names(), ", ", quoted) }

// of is the quoted list of columns, of the table that alias stands for.
func of(alias string, names []string) string {
	return list(names, ", ", func(name string) string { return alias + "." + quoted(name) })
}

// column finds one by its name; tables fit, so it is there.
func (t Table) column(name string) Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{Name: name}
	}
	return t.Columns[i]
}

// sameKey is the condition that the row t is the one that key, an SQL expression of type jsonb, names. Column by
// column and as their types: the texts of two sessions may differ.
func (t Table) sameKey(key string) string {
	return list(t.Primary, " AND ", func(name string) string {
		return "t." + quoted(name) + " = (" + key + " ->> " + literal(name) + ")::" + t.column(name).Type
	})
}

// rowHash is a hash of the columns of the row t as a bigint. A sum of such hashes depends on no order; a sum and not
// an exclusive or, because a row twice is not a row never.
func rowHash(names []string) string {
	return `('x' || substr(encode(sha256(convert_to(ROW(` + of("t", names) + `)::text, 'UTF8')), 'hex'), 1, 16))::bit(64)::bigint`
}

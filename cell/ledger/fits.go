package ledger

import (
	"fmt"
	"slices"
)

// Fits says why rows of the source's tables cannot be taken in by the target's, nil if they can: the target must
// have every table and column, of the same type and key, and none that it cannot fill. The error names the first.
//
// So while a deploy is half-way, customers move from the cells that it has not reached to those that it has, and not
// back. A table that the target lacks is refused whether or not it holds rows of the partition: a customer that may
// have such rows at its cell would be able to no longer, and whether a move fits would change while it is under way.
func Fits(source, target []Table) error {
	for _, s := range source {
		i := slices.IndexFunc(target, func(t Table) bool { return t.Name == s.Name })
		if i < 0 {
			return fmt.Errorf("table %s is tracked at the source and not at the target", s.Name)
		}
		if err := s.fits(target[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t Table) fits(target Table) error {
	if t.Key != target.Key {
		return fmt.Errorf("table %s has key %s at the source and %s at the target", t.Name, t.Key, target.Key)
	}
	if !slices.Equal(t.Primary, target.Primary) {
		return fmt.Errorf("table %s has primary key %v at the source and %v at the target", t.Name, t.Primary, target.Primary)
	}
	for _, c := range t.Columns {
		i := slices.IndexFunc(target.Columns, func(o Column) bool { return o.Name == c.Name })
		if i < 0 {
			return fmt.Errorf("column %s.%s is missing at the target%s", t.Name, c.Name, butGenerated(target, c.Name))
		}
		if why := c.fits(target.Columns[i]); why != "" {
			return fmt.Errorf("column %s.%s %s", t.Name, c.Name, why)
		}
	}
	for _, c := range target.Columns {
		known := slices.ContainsFunc(t.Columns, func(o Column) bool { return o.Name == c.Name })
		switch {
		case known:
		case slices.Contains(t.Generated, c.Name): // its values would stay behind
			return fmt.Errorf("column %s.%s is generated at the source and stored at the target", t.Name, c.Name)
		case c.Required:
			return fmt.Errorf("column %s.%s of the target is NOT NULL, has no default, and is missing at the source", t.Name, c.Name)
		}
	}
	return nil
}

func butGenerated(target Table, column string) string {
	if slices.Contains(target.Generated, column) {
		return ", where it is generated"
	}
	return ""
}

// fits says why a value of the column may not be one of the target's column, "" if it is. A side of a version that
// does not describe its types is taken at their names: what does not fit then fails while it is copied.
func (c Column) fits(target Column) string {
	if c.Type != target.Type {
		return fmt.Sprintf("is %s at the source and %s at the target", c.Type, target.Type)
	}
	if c.Shape != "" && target.Shape != "" && c.Shape != target.Shape {
		return fmt.Sprintf("is %s, which is (%s) at the source and (%s) at the target", c.Type, c.Shape, target.Shape)
	}
	for _, label := range c.Labels {
		if !slices.Contains(target.Labels, label) {
			return fmt.Sprintf("is %s, which lacks %q at the target", c.Type, label)
		}
	}
	return ""
}

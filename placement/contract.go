package placement

// CONTRACT (to be replaced by the real files):
//
//	type Partition int; type Epoch uint64; type Member struct; type Map; ...
type Partition int
type Epoch uint64
type Map struct{}

func ValidateCellName(string) error { return nil }

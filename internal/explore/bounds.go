package explore

// Bounds are what one configuration explores to its end.
type Bounds struct {
	Name      string
	Cells     int  // 2 or 3
	Moves     int  // that are journalled, one after the other
	Leaders   int  // terms
	Zombies   bool // former leaders go on with what they know
	Late      int  // commands in all that stay on their way: they arrive at any time, any number of times, or never
	Copies    int  // copies and pulls that run at the same time
	Fencings  int  // in all
	Attempts  int  // highest number of an import in a row
	Batches   int  // highest number of batches in a row
	Writes    int  // that are begun, on either of two tables
	Deletes   bool // writes may delete
	Open      bool // a write may stay open, or be taken back
	MaxStates int  // more than this many fails
}

// Result is what an exploration has seen.
type Result struct {
	States, Steps int
	Done, Undone  int            // states in which the last move has ended so
	Seen          map[string]int // steps by name
}

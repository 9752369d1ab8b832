package mover

// Point is a place between two steps at which [Config.Hook] is called: the only places where tests stop a mover.
type Point string

// Points that are not before or after an [Action].
const (
	BeforeOpen         Point = "before-open"          // step 1: the journal does not know the move yet
	AfterOpen          Point = "after-open"           // step 1: it does, and no row does
	AfterClose         Point = "after-close"          // step 5: the source's gates are closed, its row is not fenced
	AfterSourceReceipt Point = "after-source-receipt" // step 11: half of it
	BeforeCreateMap    Point = "before-create-map"    // the first map is not stored
	AfterCreateMap     Point = "after-create-map"     // it is, and no cell knows of it
	AfterAssign        Point = "after-assign"         // one cell has been given its share
)

// Before is the point before an action.
func Before(a Action) Point { return Point("before-" + a) }

// After is the point after an action.
func After(a Action) Point { return Point("after-" + a) }

// Points lists every point, in the order of a move's story.
func Points() []Point {
	points := []Point{BeforeCreateMap, AfterCreateMap, AfterAssign, BeforeOpen, AfterOpen}
	for _, a := range []Action{
		ActRecord, ActImport, ActCopy, ActFence, ActPull, ActHandover, ActOwn, ActFlip, ActCheck, ActReceipt, ActSweep, ActDone,
		ActUndo, ActRelease, ActClear, ActUndone,
	} {
		points = append(points, Before(a))
		switch a {
		case ActFence:
			points = append(points, AfterClose)
		case ActReceipt:
			points = append(points, AfterSourceReceipt)
		default:
		}
		points = append(points, After(a))
	}
	return points
}

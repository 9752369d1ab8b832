package registry

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// NewMove returns the move as it is journalled first, but for its epoch: an ID, a state and a time where they
// are not set yet. The error says what is wrong with it.
func NewMove(mv Move, now time.Time) (Move, error) {
	if err := mv.Validate(); err != nil {
		return Move{}, err
	}
	if mv.ID == "" {
		mv.ID = uuid.NewString()
	}
	if mv.State == "" {
		mv.State = MoveOpen
	}
	if !mv.State.Open() {
		return Move{}, fmt.Errorf("%w: state %q is not one of an open move", ErrInvalid, mv.State)
	}
	if mv.CreatedAt.IsZero() {
		mv.CreatedAt = now.UTC()
	}
	return mv, nil
}

// CheckUpdate says whether the record may replace an open one: it must be valid, open, and have been read
// before (Epoch and Version set).
func CheckUpdate(mv Move) error {
	if err := mv.Validate(); err != nil {
		return err
	}
	if !mv.State.Open() {
		return fmt.Errorf("%w: state %q is not one of an open move", ErrInvalid, mv.State)
	}
	if mv.Epoch == 0 || mv.Version == 0 {
		return fmt.Errorf("%w: epoch %d and version %d must come from the journal", ErrInvalid, mv.Epoch, mv.Version)
	}
	return nil
}

// EndedMove returns the record as it enters the history.
func EndedMove(mv Move, now time.Time) (Move, error) {
	if err := mv.Validate(); err != nil {
		return Move{}, err
	}
	if !mv.State.Ended() {
		return Move{}, fmt.Errorf("%w: state %q is neither done nor undone", ErrInvalid, mv.State)
	}
	if mv.Epoch == 0 || mv.Version == 0 {
		return Move{}, fmt.Errorf("%w: epoch %d and version %d must come from the journal", ErrInvalid, mv.Epoch, mv.Version)
	}
	if mv.EndedAt.IsZero() {
		mv.EndedAt = now.UTC()
	}
	return mv, nil
}

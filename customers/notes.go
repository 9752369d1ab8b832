package customers

import (
	"context"
	"net/http"
	"time"
)

// noteBody is a note by itself.
type noteBody struct {
	CustomerID string `json:"customer_id"`
	noteItem
	CellID string `json:"cell_id"`
}

// noteItem is a note in a list.
type noteItem struct {
	NoteID    string    `json:"note_id"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type noteListBody struct {
	CustomerID string     `json:"customer_id"`
	Notes      []noteItem `json:"notes"`
	Next       *string    `json:"next"` // what to give as "after" for the next page; null on the last
	CellID     string     `json:"cell_id"`
}

func (a *app) createNote(ctx context.Context, req request) (answer, error) {
	text, err := parseNote(req.body)
	if err != nil {
		return answer{}, err
	}
	note, err := a.store.createNote(ctx, req.id, text)
	return a.note(http.StatusCreated, req, note, err)
}

func (a *app) getNote(ctx context.Context, req request) (answer, error) {
	note, err := a.store.getNote(ctx, req.id, req.note)
	return a.note(http.StatusOK, req, note, err)
}

func (a *app) updateNote(ctx context.Context, req request) (answer, error) {
	text, err := parseNote(req.body)
	if err != nil {
		return answer{}, err
	}
	note, err := a.store.updateNote(ctx, req.id, req.note, text)
	return a.note(http.StatusOK, req, note, err)
}

func (a *app) deleteNote(ctx context.Context, req request) (answer, error) {
	if err := a.store.deleteNote(ctx, req.id, req.note); err != nil {
		return answer{}, err
	}
	return answer{http.StatusNoContent, nil}, nil
}

func (a *app) listNotes(ctx context.Context, req request) (answer, error) {
	p, err := parsePage(req.query)
	if err != nil {
		return answer{}, err
	}
	// One more than fits on the page: it says whether there is a next one.
	notes, err := a.store.listNotes(ctx, req.id, p.after, p.limit+1)
	if err != nil {
		return answer{}, err
	}
	body := noteListBody{CustomerID: req.id, Notes: []noteItem{}, CellID: a.cfg.CellID}
	for _, n := range notes[:min(len(notes), p.limit)] {
		body.Notes = append(body.Notes, item(n))
	}
	if len(notes) > p.limit {
		body.Next = &body.Notes[p.limit-1].NoteID
	}
	return answer{http.StatusOK, body}, nil
}

func (a *app) note(status int, req request, n Note, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return answer{status, noteBody{req.id, item(n), a.cfg.CellID}}, nil
}

func item(n Note) noteItem {
	return noteItem{NoteID: n.ID.String(), Text: n.Text, CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC()}
}

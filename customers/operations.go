package customers

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

type createdBody struct {
	CustomerID string `json:"customer_id"`
	Name       string `json:"name"`
	Email      string `json:"email"`
	CellID     string `json:"cell_id"`
	Status     string `json:"status"`
}

type customerBody struct {
	CustomerID string          `json:"customer_id"`
	Name       string          `json:"name"`
	Email      string          `json:"email"`
	Profile    json.RawMessage `json:"profile"`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	CellID     string          `json:"cell_id"`
}

func (a *app) create(ctx context.Context, req request) (answer, error) {
	change, err := parseChange(req.body)
	if err == nil {
		err = change.checkNew()
	}
	if err == nil {
		err = a.store.create(ctx, req.id, change)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, createdBody{req.id, *change.Name, *change.Email, a.cfg.CellID, "created"}}, nil
}

func (a *app) get(ctx context.Context, req request) (answer, error) {
	customer, err := a.store.get(ctx, req.id)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, a.body(customer)}, nil
}

func (a *app) update(ctx context.Context, req request) (answer, error) {
	change, err := parseChange(req.body)
	if err == nil {
		err = change.checkUpdate()
	}
	if err != nil {
		return answer{}, err
	}
	customer, err := a.store.update(ctx, req.id, change)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, a.body(customer)}, nil
}

func (a *app) delete(ctx context.Context, req request) (answer, error) {
	if err := a.store.delete(ctx, req.id); err != nil {
		return answer{}, err
	}
	return answer{http.StatusNoContent, nil}, nil
}

func (a *app) body(c Customer) customerBody {
	return customerBody{
		CustomerID: c.ID, Name: c.Name, Email: c.Email, Profile: c.Profile,
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), CellID: a.cfg.CellID,
	}
}

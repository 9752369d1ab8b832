// Package customers is the application that Cellway ships: customer records behind a small JSON API. It is an
// ordinary Gin and pgx application. It knows one database schema (the search_path of its role) and nothing of
// what runs in front of it.
//
//	POST   /api/customers/{id}   {"name", "email", "profile"?}   201
//	GET    /api/customers/{id}                                   200
//	PUT    /api/customers/{id}   any of name, email, profile     200
//	DELETE /api/customers/{id}                                   204
//
//	POST   /api/customers/{id}/notes              {"text"}       201
//	GET    /api/customers/{id}/notes              ?after&limit   200
//	GET    /api/customers/{id}/notes/{note_id}                   200
//	PUT    /api/customers/{id}/notes/{note_id}    {"text"}       200
//	DELETE /api/customers/{id}/notes/{note_id}                   204
//
// A request passes through these files, in this order:
//
//	http.go   what a request and an answer look like
//	routes.go what a path leads to
//	body.go   reads the body whole, before anything else happens
//	input.go  turns it into values, strictly: what is not understood is refused, by the field's name
//	text.go   what PostgreSQL could not store as it was sent is refused here
//	store.go  one statement of plain SQL; note_store.go those for notes
//	tx.go     the transaction around it, and what is known when it fails
//
// # What a failed write means
//
// Whoever repeats requests has to know whether a failed one was done. Therefore each write is an explicit
// transaction, and the only thing that counts is how far its COMMIT got:
//
//	BEGIN, statement ──fails──► 503 not_done          nothing was done
//	        │
//	     COMMIT ──not sent────► 503 not_done          nothing was done
//	        │ ──ERROR─────────► 503 not_done          the server said so: nothing was done
//	        │ ──no answer─────► 502 outcome_unknown   it may have been done, or not
//	        ▼
//	     200, 201, 204
//
// 503 is a promise, 502 an honest "unknown"; a lost session is never 500.
package customers

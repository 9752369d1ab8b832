// Package router is the data plane: it sends each customer's request to the one cell that holds the customer's
// data, and shows operators what it knows.
//
//	             public listener                                 admin listener
//	client --> Gin edge: ID, method, body, headers         operators --> package admin
//	             |                                                          |
//	             v                                                          v
//	           engine <-- what next? --> package route (plain values)    registry
//	             |   \
//	             |    \-- what is known -- package view (atomic pointer, disk, watches)
//	             v
//	           package forward: one attempt at one instance ----------------> cells
//
// The engine is a loop: ask [route.Request.Next], do it, tell what came of it. It keeps count of what is bounded:
// the time that a request is held, how many are held, how many each cell has in flight. It has no rule of its own.
//
// # Start and stop
//
//	New --> Run: listen, read disk, follow the registry --> serving <--> no map: 503, until there is one
//	                                                          |
//	                        ctx done: /health says 503, a short grace, no new connections, requests end, bounded
package router

// Package edge is how both listeners of the router use Gin: paths matched as they were sent, every error in JSON,
// a request ID on every answer, a panic that ends one request and not the process.
package edge

// Package registrytest is the conformance suite of registry.Registry: what every implementation must do, whatever
// it is built on. Each implementation's own tests call [Run]; what is peculiar to it stands beside them.
package registrytest

// Package consulmodule holds the module from which a Consul server is built where none is installed. It is a module of
// its own, so that Consul's several hundred dependencies stay out of ours. The files are not named go.mod and
// go.sum because a folder with a go.mod cannot be embedded; who builds writes them out under those names first.
//
// To go to another version: copy both files to an empty folder under their usual names, `go get -tool
// github.com/hashicorp/consul@vX.Y.Z`, `go get github.com/hashicorp/consul/api@...` as our own go.mod has it (without
// it the build fails on missing fields), `go mod tidy`, and copy them back; then change Version.
package consulmodule

import _ "embed" // for the module's two files

// Version of Consul that the module builds.
const Version = "1.22.7"

// Package to build: its main package.
const Package = "github.com/hashicorp/consul"

// Mod is the module's go.mod.
//
//go:embed consul.mod
var Mod []byte

// Sum is the module's go.sum.
//
//go:embed consul.sum
var Sum []byte

//go:build !linux

package localserver

import "syscall"

// endWithParent does nothing: no other system ends children with their parent. A parent that is killed with
// SIGKILL leaves them behind there; the next start finds them by their port.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}

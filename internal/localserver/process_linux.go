package localserver

import "syscall"

// endWithParent has the kernel send sig to the child when the thread that started it ends. Go asks for it after
// the change of user, which would undo it.
func endWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

package localserver

import (
	"os/exec"
	"runtime"
	"strings"
)

// runOnOwnThread runs a command that ends by itself, and returns its output. The thread that starts it stays for
// it (see Process.run).
func runOnOwnThread(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

func lastLines(out []byte, n int) string {
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(all[max(0, len(all)-n):], " | ")
}

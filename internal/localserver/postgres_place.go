package localserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// placeFile, in the server's directory, names the directory that holds its data.
const placeFile = "data-is-in"

// farPlaces are where data goes that cannot stay in the state directory, the first that can be made.
func farPlaces() []string {
	return []string{"/var/lib/cellway", filepath.Join(os.TempDir(), "cellway")}
}

// serverUser is the user that Postgres runs as when this process is root: nil otherwise.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("postgres does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// dataPlace returns the directory that holds, or will hold, the data directory: dir itself where the server's user
// can enter it, else one elsewhere, the same at every call. It belongs to that user.
func dataPlace(dir string, as *syscall.Credential) (string, error) {
	if raw, err := os.ReadFile(filepath.Join(dir, placeFile)); err == nil {
		place := strings.TrimSpace(string(raw))
		if _, err := os.Stat(place); err == nil {
			return place, nil
		}
		return "", fmt.Errorf("the data should be in %s (so says %s), which is gone: remove %s to begin anew", place, filepath.Join(dir, placeFile), dir)
	}
	near := filepath.Join(dir, "server")
	if err := os.MkdirAll(near, 0o700); err != nil {
		return "", fmt.Errorf("make directory for data: %w", err)
	}
	if as == nil {
		return near, nil
	}
	if err := os.Chown(near, int(as.Uid), int(as.Gid)); err != nil {
		return "", fmt.Errorf("give %s to the server's user: %w", near, err)
	}
	if canEnter(near, as) {
		return near, nil
	}
	if err := os.Remove(near); err != nil {
		return "", fmt.Errorf("remove %s: %w", near, err)
	}
	return farPlace(dir, as)
}

func farPlace(dir string, as *syscall.Credential) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	var last error
	for _, base := range farPlaces() {
		if last = os.MkdirAll(base, 0o755); last != nil {
			continue
		}
		// A new name each time: what an earlier state directory of this path left there is not ours to open.
		place, err := os.MkdirTemp(base, "postgres-"+hex.EncodeToString(sum[:4])+"-*")
		if err != nil {
			last = err
			continue
		}
		if err := os.Chown(place, int(as.Uid), int(as.Gid)); err != nil {
			return "", fmt.Errorf("give %s to the server's user: %w", place, err)
		}
		if !canEnter(place, as) {
			last = fmt.Errorf("%s: the server's user cannot enter it", place)
			_ = os.Remove(place)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, placeFile), []byte(place+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("note where the data is: %w", err)
		}
		return place, nil
	}
	return "", fmt.Errorf("find a place for the data: %w", last)
}

// canEnter tries it: the rights of every directory above count, and more than their bits may decide.
func canEnter(dir string, as *syscall.Credential) bool {
	cmd := exec.Command("/bin/sh", "-c", "exit 0")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd.Run() == nil
}

// RemovePostgres removes a stopped server's directory and its data, wherever that is.
func RemovePostgres(dir string) error {
	if raw, err := os.ReadFile(filepath.Join(dir, placeFile)); err == nil {
		if err := os.RemoveAll(strings.TrimSpace(string(raw))); err != nil {
			return fmt.Errorf("remove data: %w", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

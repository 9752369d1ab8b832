// Package secretfile keeps secrets in files, one each: made once, read by whoever may enter the folder, and never
// printed. A container mounts the folder of its role and no other.
package secretfile

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// mode of a secret: its owner and the folder's group read it, nobody changes it in place.
const mode = 0o440

// Password is a new random password of more than 128 bits, safe in a URL.
func Password() string { return rand.Text() }

// Token is a new random UUID, the form that Consul wants for the secrets of its tokens.
func Token() string { return uuid.NewString() }

// GossipKey is a new random key of 256 bits for Consul's gossip, in base64.
func GossipKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.StdEncoding.EncodeToString(key[:])
}

// Keep returns the secret in the folder's file, which make fills where there is none yet. An empty file is an error:
// something else lost the secret, and a new one would lock everybody out.
func Keep(dir, name string, make func() string) (string, error) {
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		secret := make()
		return secret, Write(dir, name, secret+"\n")
	case err != nil:
		return "", fmt.Errorf("read secret: %w", err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", fmt.Errorf("read secret: %s is empty", path)
	}
	return secret, nil
}

// Write replaces the folder's file in one step.
func Write(dir, name, text string) error {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write secret %s: %w", name, err)
	}
	return nil
}

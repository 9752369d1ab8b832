package view

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

// The file is one JSON object: version, the SHA-256 of body's bytes, body. It holds no secrets, but addresses: 0600.
const (
	fileVersion = 1
	maxFile     = 16 << 20 // bytes; a map of 65,536 partitions and 2,048 cells with several instances each is less
)

// ErrDamaged: the file is not what a router saved.
var ErrDamaged = errors.New("damaged view file")

// saved is a view as the disk holds it.
type saved struct {
	m         *placement.Map
	cluster   string
	instances []registry.Instance
	confirmed time.Time
}

type envelope struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Body    json.RawMessage `json:"body"`
}

type body struct {
	Cluster   string              `json:"cluster"`
	Hash      string              `json:"hash"` // placement.HashName of who saved it
	Map       []byte              `json:"map"`  // as placement encodes it
	Instances []registry.Instance `json:"instances"`
	Confirmed time.Time           `json:"confirmed_at"`
}

func encode(s saved) ([]byte, error) {
	m, err := s.m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode map: %w", err)
	}
	raw, err := json.Marshal(body{s.cluster, placement.HashName, m, s.instances, s.confirmed.UTC()})
	if err != nil {
		return nil, fmt.Errorf("encode view: %w", err)
	}
	sum := sha256.Sum256(raw)
	return json.Marshal(envelope{fileVersion, hex.EncodeToString(sum[:]), raw})
}

func decode(raw []byte) (saved, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return saved{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if e.Version != fileVersion {
		return saved{}, fmt.Errorf("%w: version %d, this program reads version %d", ErrDamaged, e.Version, fileVersion)
	}
	if sum := sha256.Sum256(e.Body); e.SHA256 != hex.EncodeToString(sum[:]) {
		return saved{}, fmt.Errorf("%w: checksum %.64s, content has %x", ErrDamaged, e.SHA256, sum)
	}
	var b body
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return saved{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if b.Hash != placement.HashName {
		return saved{}, fmt.Errorf("%w: saved with hash %q, this program has %q", ErrForeign, b.Hash, placement.HashName)
	}
	m, err := placement.UnmarshalMap(b.Map)
	if err != nil {
		return saved{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return saved{m, b.Cluster, b.Instances, b.Confirmed}, nil
}

func load(name string) (saved, error) {
	f, err := os.Open(name)
	if err != nil {
		return saved{}, fmt.Errorf("read saved view: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return saved{}, fmt.Errorf("read saved view: %w", err)
	}
	if len(raw) > maxFile {
		return saved{}, fmt.Errorf("%w: longer than %d bytes", ErrDamaged, maxFile)
	}
	return decode(raw)
}

// store replaces the file as a whole or not at all, also when the machine loses power.
func store(name string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // 0600
	if err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	defer os.Remove(f.Name()) // after the renaming there is nothing of that name
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("save view: %w", err)
	}
	return nil
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// save writes the view whenever it has changed, not too often, and once more at the end.
func (k *Keeper) save(ctx context.Context) error {
	if k.cfg.File == "" {
		return nil
	}
	for wait(ctx, saveAtLeast, k.dirty) {
		k.saveOnce()
		wait(ctx, k.cfg.Save, nil)
	}
	select {
	case <-k.dirty:
		k.saveOnce()
	default:
	}
	return nil
}

// saveAtLeast: the view is saved at least that often, so that its age on disk stays true.
const saveAtLeast = 30 * time.Second

func (k *Keeper) saveOnce() {
	t := k.Table()
	if t.Map() == nil || t.Source() == route.SourceDisk && k.listedNothing() {
		return
	}
	raw, err := encode(saved{t.Map(), t.Cluster(), t.AllInstances(), time.Unix(0, k.confirmed.Load())})
	if err == nil {
		err = store(k.cfg.File, raw)
	}
	if err != nil {
		k.cfg.Logger.Error("view not saved", slog.String("file", k.cfg.File), slog.Any("error", err))
	}
}

// listedNothing: there is nothing new since the view was read from disk.
func (k *Keeper) listedNothing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.listed == nil
}

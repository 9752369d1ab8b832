package view

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

func TestDisk_a_keeper_starts_from_what_another_saved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "view")
	synctest.Test(t, func(t *testing.T) {
		f := newFake("one", mapOf(t, "cell-a", 5))
		stop := run(t, New(Config{Registry: f, File: file}))
		f.lists <- []registry.Instance{instance("cell-a", "a:1", "one")}
		elapse(10 * time.Second)
		stop()

		f.err = registry.ErrUnavailable
		elapse(time.Hour)
		k := New(Config{Registry: f, File: file})
		defer run(t, k)()
		synctest.Wait()
		if k.Table().Source() != route.SourceDisk || k.Table().Owner(0).Cell != "cell-a" || len(k.Table().Instances("cell-a")) != 1 {
			t.Errorf("source %s, owner %+v, instances %+v", k.Table().Source(), k.Table().Owner(0), k.Table().AllInstances())
		}
		if age, _ := k.Age(); age < time.Hour || age > time.Hour+time.Minute {
			t.Errorf("the age is %v", age)
		}
		f.set(func(f *fake) { f.err = nil })
		elapse(5 * time.Second)
		if k.Table().Source() != route.SourceLive {
			t.Errorf("the registry is back, the source is %s", k.Table().Source())
		}
	})
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, mode %v", err, info.Mode())
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v (%v)", entries, err)
	}
}

func TestDisk_saves_not_too_often_and_last_of_all_at_the_end(t *testing.T) {
	file := filepath.Join(t.TempDir(), "view")
	synctest.Test(t, func(t *testing.T) {
		f := newFake("one", mapOf(t, "cell-a", 5))
		stop := run(t, New(Config{Registry: f, File: file, Save: 10 * time.Second}))
		synctest.Wait()
		f.maps <- mapOf(t, "cell-b", 9)
		synctest.Wait()
		if s, err := load(file); err != nil || s.m.Epoch() >= 9 {
			t.Errorf("saved again at once: %v", err)
		}
		stop()
		if s, err := load(file); err != nil || s.m.Epoch() < 9 {
			t.Errorf("not saved at the end: %v", err)
		}
	})
}

func TestDisk_nothing_but_what_was_saved_is_read(t *testing.T) {
	good, err := encode(saved{mapOf(t, "cell-a", 5), "one", nil, time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"empty":            {},
		"cut off":          good[:len(good)/2],
		"a flipped bit":    bytes.Replace(good, []byte(`"cluster":"one"`), []byte(`"cluster":"onf"`), 1),
		"a newer version":  bytes.Replace(good, []byte(`"version":1`), []byte(`"version":2`), 1),
		"not an object":    []byte(`[]`),
		"without anything": []byte(`{"version":1}`),
	}
	for name, raw := range bad {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(raw); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
			file := filepath.Join(t.TempDir(), "view")
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if k := New(Config{File: file}); k.Table().Map() != nil {
				t.Error("a damaged view is used")
			}
		})
	}
	if _, err := load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

package view

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

func TestKeeper(t *testing.T) {
	scenes := []struct {
		name string
		play func(t *testing.T, f *fake, k *Keeper)
	}{
		{"begins with nothing and takes what the registry holds", func(t *testing.T, f *fake, k *Keeper) {
			if k.Table().Map() == nil || k.Table().Source() != route.SourceLive || k.Table().Cluster() != "one" {
				t.Fatalf("the table is %+v", k.Table())
			}
		}},
		{"takes a newer map from the watch and tells who waits", func(t *testing.T, f *fake, k *Keeper) {
			before := k.Snapshot()
			f.maps <- mapOf(t, "cell-b", 9)
			<-before.Outdated
			if o := k.Table().Owner(0); o.Cell != "cell-b" {
				t.Errorf("the owner is %+v", o)
			}
		}},
		{"has a newer map at once when somebody else has read it", func(t *testing.T, f *fake, k *Keeper) {
			k.Offer(t.Context(), mapOf(t, "cell-b", 9))
			if o := k.Table().Owner(0); o.Cell != "cell-b" {
				t.Errorf("the owner is %+v", o)
			}
		}},
		{"ignores an older map of the same cluster and says so", func(t *testing.T, f *fake, k *Keeper) {
			f.set(func(f *fake) { f.m = mapOf(t, "cell-b", 3) })
			elapse(10 * time.Second)
			if o := k.Table().Owner(0); o.Cell != "cell-a" {
				t.Errorf("the map went back to %+v", o)
			}
			if err := k.Problem(); !errors.Is(err, ErrOlder) {
				t.Errorf("the problem is %v", err)
			}
			if age, _ := k.Age(); age < 2*time.Second {
				t.Errorf("an ignored map confirmed the present one: age %v", age)
			}
		}},
		{"does not mind an overtaken watch", func(t *testing.T, f *fake, k *Keeper) {
			f.maps <- mapOf(t, "cell-b", 3)
			synctest.Wait()
			if o := k.Table().Owner(0); o.Cell != "cell-a" || k.Problem() != nil {
				t.Errorf("owner %+v, problem %v", o, k.Problem())
			}
		}},
		{"takes an older map of another cluster and forgets what it knew", func(t *testing.T, f *fake, k *Keeper) {
			k.Remember(0, route.Owner{Cell: "cell-c", Epoch: 99})
			f.lists <- []registry.Instance{instance("cell-a", "a:1", "one"), instance("cell-b", "b:1", "two")}
			f.set(func(f *fake) { f.cluster.ID, f.m = "two", mapOf(t, "cell-b", 2) })
			elapse(10 * time.Second)
			if o := k.Table().Owner(0); o.Cell != "cell-b" || k.Table().Cluster() != "two" {
				t.Errorf("owner %+v of cluster %s", o, k.Table().Cluster())
			}
			if len(k.Table().Instances("cell-a")) != 0 || len(k.Table().Instances("cell-b")) != 1 {
				t.Errorf("instances %+v", k.Table().AllInstances())
			}
		}},
		{"leaves out instances of another cluster", func(t *testing.T, f *fake, k *Keeper) {
			f.lists <- []registry.Instance{instance("cell-a", "a:1", "one"), instance("cell-a", "x:1", "two")}
			synctest.Wait()
			if got := k.Table().Instances("cell-a"); len(got) != 1 || got[0].Address != "a:1" {
				t.Errorf("instances %+v", got)
			}
		}},
		{"remembers an owner until the map has it", func(t *testing.T, f *fake, k *Keeper) {
			k.Remember(2, route.Owner{Cell: "cell-b", Epoch: 8})
			if o := k.Table().Owner(2); o.Cell != "cell-b" {
				t.Errorf("not remembered: %+v", o)
			}
			f.maps <- mapOf(t, "cell-c", 8)
			synctest.Wait()
			if o := k.Table().Owner(2); o.Cell != "cell-c" {
				t.Errorf("the map has reached the epoch, the owner is %+v", o)
			}
		}},
		{"reads the map again on wish, many wishes being one", func(t *testing.T, f *fake, k *Keeper) {
			f.set(func(f *fake) { f.m, f.reads = mapOf(t, "cell-b", 9), 0 })
			for range 100 {
				k.Reread()
			}
			elapse(100 * time.Millisecond)
			if o := k.Table().Owner(0); o.Cell != "cell-b" {
				t.Errorf("the owner is %+v", o)
			}
			f.set(func(f *fake) {
				if f.reads > 2 {
					t.Errorf("read %d times", f.reads)
				}
			})
		}},
		{"grows old when nobody confirms, and keeps serving", func(t *testing.T, f *fake, k *Keeper) {
			f.set(func(f *fake) { f.err = registry.ErrUnavailable })
			elapse(time.Minute)
			age, ok := k.Age()
			if !ok || age < 50*time.Second || !errors.Is(k.Problem(), registry.ErrUnavailable) || k.Table().Owner(0).Cell != "cell-a" {
				t.Errorf("age %v, problem %v, owner %+v", age, k.Problem(), k.Table().Owner(0))
			}
			f.set(func(f *fake) { f.err = nil })
			elapse(10 * time.Second)
			if age, _ := k.Age(); age > 10*time.Second || k.Problem() != nil {
				t.Errorf("age %v, problem %v", age, k.Problem())
			}
		}},
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("one", mapOf(t, "cell-a", 5))
				k := New(Config{Registry: f})
				defer run(t, k)()
				synctest.Wait()
				s.play(t, f, k)
			})
		})
	}
}

func TestKeeper_does_not_take_a_map_that_does_not_fit(t *testing.T) {
	for name, spoil := range map[string]func(*registry.Cluster){
		"another hash":            func(c *registry.Cluster) { c.Hash = "md5" },
		"another partition count": func(c *registry.Cluster) { c.Partitions = 8 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("one", mapOf(t, "cell-a", 5))
				spoil(&f.cluster)
				k := New(Config{Registry: f})
				defer run(t, k)()
				synctest.Wait()
				if k.Table().Map() != nil || !errors.Is(k.Problem(), ErrForeign) {
					t.Errorf("map %v, problem %v", k.Table().Map(), k.Problem())
				}
			})
		})
	}
}

func TestKeeper_takes_the_first_map_the_moment_it_is_there(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("one", nil)
		k := New(Config{Registry: f})
		defer run(t, k)()
		synctest.Wait()
		if _, ok := k.Age(); ok || k.Problem() != nil {
			t.Errorf("an absent map has an age, or is a problem: %v", k.Problem())
		}
		f.maps <- mapOf(t, "cell-a", 1)
		synctest.Wait()
		if k.Table().Owner(0) != (route.Owner{Cell: "cell-a", Epoch: placement.Epoch(1)}) {
			t.Errorf("the owner is %+v", k.Table().Owner(0))
		}
	})
}

package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/testenv"
)

func TestProvisionIsSafeToRepeatAndToRunForSeveralCellsAtOnce(t *testing.T) {
	url := testenv.Postgres(t)
	suffix := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	var group errgroup.Group
	for i := range 3 {
		for range 3 {
			group.Go(func() error {
				return Provision(t.Context(), url, Provisioning{
					Schema:       fmt.Sprintf("cell_%d", i),
					PlatformRole: fmt.Sprintf("platform_%s_%d", suffix, i), PlatformPassword: `it's platform`,
					AppRole: fmt.Sprintf("app_%s_%d", suffix, i), AppPassword: `it's platform`,
				})
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	app := connect(t, withUser(t, url, fmt.Sprintf("app_%s_0", suffix)))
	if path := one[string](t, app, `SHOW search_path`); path != `"cell_0"` && path != "cell_0" {
		t.Errorf("search path %s", path)
	}
}

func TestACellsRolesReachNothingOfAnotherCell(t *testing.T) {
	s := newStage(t, false)
	for _, sql := range []string{
		`SELECT * FROM cell_b.people`,
		`INSERT INTO cell_b.people (person) VALUES ('x')`,
		`SELECT * FROM cell_b.cellway_partitions`,
		`CREATE TABLE public.mine (x int)`,
	} {
		for name, pool := range map[string]querier{"application": s.source.app, "platform": s.source.platform} {
			rows, err := pool.Query(t.Context(), sql)
			if err == nil {
				rows.Close()
				err = rows.Err()
			}
			if sqlState(err) != "42501" {
				t.Errorf("%s by the %s's role: got %v", sql, name, err)
			}
		}
	}
}

func TestProvisioningNamesTheFieldThatIsWrong(t *testing.T) {
	good := Provisioning{Schema: "cell_a", PlatformRole: "a", AppRole: "b"}
	for field, spoil := range map[string]func(*Provisioning){
		"Schema":       func(p *Provisioning) { p.Schema = "cell-a" },
		"PlatformRole": func(p *Provisioning) { p.PlatformRole = "" },
		"AppRole":      func(p *Provisioning) { p.AppRole = "a" },
	} {
		bad := good
		spoil(&bad)
		if err := Provision(t.Context(), "postgres://nowhere", bad); !errors.Is(err, ErrBadConfig) || !contains(err, field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

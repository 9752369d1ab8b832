package docs_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/customers"
)

// document is what this test looks at in openapi.yaml.
type document struct {
	OpenAPI    string                    `yaml:"openapi"`
	Paths      map[string]map[string]any `yaml:"paths"`
	Components map[string]map[string]any `yaml:"components"`
}

func readDocument(t *testing.T) (document, string) {
	t.Helper()
	raw, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc, string(raw)
}

func TestEveryMethodOfTheCustomersAPIIsDocumented(t *testing.T) {
	// Connects when it is first used, which it never is.
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	app, err := customers.New(customers.Config{Pool: pool, CellID: "here"})
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := readDocument(t)
	const id, note = "x", "0190a6b3-5c5e-7aaa-8bbb-0123456789ab"
	found := 0
	for path, item := range doc.Paths {
		if !strings.HasPrefix(path, "/api/customers/") {
			continue
		}
		found++
		answer := httptest.NewRecorder()
		url := strings.NewReplacer("{id}", id, "{note_id}", note).Replace(path)
		app.ServeHTTP(answer, httptest.NewRequest(http.MethodOptions, url, nil))
		served := strings.Split(strings.ToLower(answer.Header().Get("Allow")), ", ")
		var documented []string
		for key := range item {
			if key != "parameters" {
				documented = append(documented, key)
			}
		}
		slices.Sort(served)
		slices.Sort(documented)
		if !slices.Equal(served, documented) {
			t.Errorf("%s: served: %v; documented: %v", path, served, documented)
		}
	}
	if found != 3 {
		t.Errorf("%d paths, want the customer, its notes, and one note", found)
	}
}

func TestEveryReferenceHasItsTarget(t *testing.T) {
	doc, raw := readDocument(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	const prefix = "#/components/"
	used := map[string]bool{}
	for rest := raw; ; {
		_, after, found := strings.Cut(rest, prefix)
		if !found {
			break
		}
		name, remainder, _ := strings.Cut(after, `"`)
		used[name], rest = true, remainder
	}
	for name := range used {
		kind, item, _ := strings.Cut(name, "/")
		if doc.Components[kind][item] == nil {
			t.Errorf("%s%s does not exist", prefix, name)
		}
	}
	for kind, items := range doc.Components {
		for item := range items {
			if !used[kind+"/"+item] {
				t.Errorf("%s%s/%s is not used", prefix, kind, item)
			}
		}
	}
}

package router

import (
	"io"
	"net/http"
	"testing"
)

// BenchmarkRouter is a small read through the whole router and back, client and cell in the same process: to be
// compared with BenchmarkDirect, which is the same without the router.
func BenchmarkRouter(b *testing.B) { bench(b, func(s *scene, _ string) string { return s.url }) }

// BenchmarkDirect is the client asking the cell.
func BenchmarkDirect(b *testing.B) { bench(b, func(_ *scene, cell string) string { return cell }) }

func bench(b *testing.B, base func(s *scene, cell string) string) {
	b.Helper()
	s := newScene(b)
	cell := s.cell("cell-a", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"customer_id":"alice","name":"Alice","email":"alice@example.org"}`)
	})
	s.serve("cell-a", Config{})
	url := base(s, cell.URL) + customersPath + key
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := s.client.Get(url)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// oddities puts rows into the stage's partition that a careless copy would spoil.
func (s stage) oddities(t testing.TB) {
	t.Helper()
	for i, name := range []string{
		"", "plain", `back\slash \. \N`, "new\nline\r\ttab", "\\.", "ünïcödé 漢字 🚀", `quote " ' , ;`, "\x01\x7f", "  blanks  ",
	} {
		exec(t, s.source.app, `INSERT INTO people (person, name, profile, mood, ratio, raw, seen_at)
			VALUES ($1, $2, jsonb_build_object('n', $2::text, 'big', 12345678901234567890.123), 'bad', 0.1::float8 + 0.2, $3, '2024-02-29 23:59:59.123456+03')`,
			keyOf(s.p, i), name, []byte(name+"\x00\xff"))
	}
	exec(t, s.source.app, `INSERT INTO people (person) VALUES ($1)`, keyOf(s.p, 20)) // all NULL
	exec(t, s.source.app, `INSERT INTO people (person, ratio, seen_at) VALUES ($1, 'NaN', 'infinity')`, keyOf(s.p, 21))
	exec(t, s.source.app, `INSERT INTO people (person, name) VALUES ($1, repeat('long', 100000))`, keyOf(s.p, 22))
	exec(t, s.source.app, `INSERT INTO notes (person, body) SELECT $1, 'note ' || n FROM generate_series(1, 300) AS n`, keyOf(s.p, 0))
	s.source.person(t, s.p+1, 0) // stays
}

const content = `SELECT coalesce(string_agg(p::text || coalesce((SELECT string_agg(n.id || n.body, ',' ORDER BY id) FROM notes n WHERE n.person = p.person), ''), E'\n'
	ORDER BY p.person), '') FROM (SELECT person, name, profile, mood, ratio, raw, seen_at, shout FROM people WHERE cellway_partition = $1) p`

func TestARoundTripKeepsEveryValue(t *testing.T) {
	for name, early := range map[string]bool{"as rows copied": false, "as rows that changed since": true} {
		t.Run(name, func(t *testing.T) {
			var counted protocol.Reply
			s := newStage(t, early)
			// Sessions of other habits must not matter.
			role := s.target.platform.Config().ConnConfig.User
			exec(t, s.target.admin, `ALTER ROLE `+role+` SET DateStyle = 'German'`)
			exec(t, s.target.admin, `ALTER ROLE `+role+` SET TimeZone = 'Asia/Tokyo'`)
			s.target.platform.Reset()
			cmd := command("m1", 2)
			s.begin(t, cmd)
			if early {
				counted = s.copy(t, cmd)
			}
			s.oddities(t)
			before := one[string](t, s.source.app, content, s.p)
			if !early {
				counted = s.copy(t, cmd)
			}
			cmd = s.fence(t, cmd)
			reply := s.pull(t, cmd)
			if reply.Row.State != protocol.StateReady || reply.Row.FenceNo != cmd.FenceNo {
				t.Errorf("row %+v", reply.Row)
			}
			if early {
				counted = reply
			}
			if after := one[string](t, s.target.app, content, s.p); after != before {
				t.Errorf("came as\n%.2000s\nleft as\n%.2000s", after, before)
			}
			if n := one[int](t, s.target.app, `SELECT count(*) FROM people WHERE cellway_partition <> $1`, s.p); n != 0 {
				t.Errorf("%d rows of other partitions came along", n)
			}
			want := map[string]int64{"people": 12, "notes": 300}
			for i, d := range counted.Source {
				if d != counted.Target[i] || d.Rows != want[d.Table] || d.Sum == "0" {
					t.Errorf("source %+v, target %+v", d, reply.Target[i])
				}
			}
			again, _, err := s.target.Pull(t.Context(), s.p, cmd, nil) // done already: no stream is read
			if err != nil || again.Row.State != protocol.StateReady {
				t.Errorf("repeated: %+v, %v", again, err)
			}
		})
	}
}

func TestADigestDoesNotDependOnOrderAndSeesEveryChange(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	s.source.person(t, s.p, 1)
	digests := func(move string, epoch placement.Epoch) map[string]protocol.Digest {
		cmd := command(move, epoch)
		s.begin(t, cmd)
		out := map[string]protocol.Digest{}
		for _, d := range s.copy(t, cmd).Source {
			out[d.Table] = d
		}
		do(t, s.source.Release, s.p, cmd)
		do(t, s.target.Clear, s.p, cmd)
		return out
	}
	first := digests("m1", 2)
	exec(t, s.source.app, `UPDATE people SET name = name WHERE person = $1`, keyOf(s.p, 0)) // written behind the other
	if second := digests("m2", 3); !maps.Equal(first, second) {
		t.Errorf("%v, then %v", first, second)
	}
	exec(t, s.source.app, `UPDATE people SET name = NULL WHERE person = $1`, keyOf(s.p, 0))
	third := digests("m3", 4)
	if third["people"] == first["people"] || third["notes"] != first["notes"] {
		t.Errorf("%v, then %v", first, third)
	}
}

// frames cuts a stream into its frames.
func frames(t testing.TB, stream []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for len(stream) > 0 {
		n := frameHead + int(binary.BigEndian.Uint32(stream[1:frameHead]))
		out, stream = append(out, stream[:n]), stream[n:]
	}
	return out
}

func TestAStreamThatBreaksOffOrIsAlteredChangesNothing(t *testing.T) {
	s := newStage(t, true)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	s.oddities(t)
	cmd = s.fence(t, cmd)
	stream := s.export(t, cmd)
	all := frames(t, stream)
	if len(all) < 12 {
		t.Fatalf("only %d frames: the long text was to make more", len(all))
	}
	spoiled := map[string]io.Reader{
		"empty":       strings.NewReader(""),
		"garbage":     strings.NewReader("<html>502 Bad Gateway</html>"),
		"twice":       bytes.NewReader(append(bytes.Clone(stream), stream...)),
		"huge frame":  bytes.NewReader(append([]byte{frameManifest, 0xff, 0xff, 0xff, 0xff}, stream...)),
		"read error":  io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), failing{}),
		"late error":  io.MultiReader(bytes.NewReader(stream), failing{}),
		"no manifest": bytes.NewReader(bytes.Join(all[1:], nil)),
	}
	for i := range all {
		spoiled["cut before frame "+string(all[i][0])+string(rune('0'+i%10))] = bytes.NewReader(bytes.Join(all[:i], nil))
		spoiled["cut inside frame "+string(all[i][0])+string(rune('0'+i%10))] = bytes.NewReader(append(bytes.Join(all[:i], nil), all[i][:len(all[i])-1]...))
	}
	for name, r := range spoiled {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.target.Pull(t.Context(), s.p, cmd, always(r))
			refused(t, protocol.CodePeer, err)
			s.unchanged(t, err)
		})
	}
	s.pull(t, cmd) // the attempt is as good as before
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// unchanged: a refused pull left the target importing, with no rows, and said so.
func (s stage) unchanged(t testing.TB, err error) {
	t.Helper()
	problem, ok := errors.AsType[*protocol.Problem](err)
	if !ok || problem.Row == nil || problem.Row.State != protocol.StateImporting {
		t.Errorf("the problem does not carry the row as it is: %+v", problem)
	}
	row, err := s.target.Row(t.Context(), s.p)
	if err != nil || row.State != protocol.StateImporting || row.Batch != 2 || !row.Copied {
		t.Errorf("row %+v, %v", row, err)
	}
	if n := one[int](t, s.target.app, `SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM notes)`); n != 0 {
		t.Errorf("%d rows are there", n)
	}
}

func TestADifferenceIsNamedAndRolledBack(t *testing.T) {
	s := newStage(t, false)
	other := keyOf(s.p+1, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	s.source.person(t, s.p, 0)
	cmd = s.fence(t, cmd)
	stream := string(s.export(t, cmd))
	foreign := strings.Replace(stream, "hello\t3\n", "hello\t4\n", 1) // as if it were of partition 4
	for name, tc := range map[string]struct{ stream, table string }{
		"content":         {strings.Replace(stream, "Ada", "Eve", 1), "people"},
		"child's content": {strings.Replace(stream, "hello", "hullo", 1), "notes"},
		"digest":          {strings.Replace(stream, `"rows":1`, `"rows":2`, 1), "people"},
		"partition":       {foreign, "notes"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.stream == stream {
				t.Fatal("nothing was altered: " + other)
			}
			_, _, err := s.target.Pull(t.Context(), s.p, cmd, always(strings.NewReader(tc.stream)))
			refused(t, protocol.CodeDiffers, err)
			if !contains(err, "table "+tc.table) {
				t.Errorf("the table is not named: %v", err)
			}
			s.unchanged(t, err)
		})
	}
}

func TestTheStreamOfAnotherMoveIsRefused(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	cmd = s.fence(t, cmd)
	stream := string(s.export(t, cmd))
	for what, altered := range map[string]string{
		"version":   strings.Replace(stream, `"version":2`, `"version":3`, 1),
		"cluster":   strings.Replace(stream, testCluster, strings.Repeat("x", len(testCluster)), 1),
		"cell":      strings.Replace(stream, `"cell":"cell-a"`, `"cell":"cell-c"`, 1),
		"partition": strings.Replace(stream, `"partition":3`, `"partition":4`, 1),
		"hash":      strings.Replace(stream, placement.HashName, strings.Repeat("x", len(placement.HashName)), 1),
		"move":      strings.Replace(stream, `"m1"`, `"m2"`, 1),
		"snapshot":  strings.Replace(stream, `"mark":`, `"nark":`, 1),
		"fence":     strings.Replace(stream, `"fence_no":1`, `"fence_no":2`, 1),
	} {
		_, _, err := s.target.Pull(t.Context(), s.p, cmd, always(strings.NewReader(altered)))
		if altered == stream || protocol.CodeOf(err) != protocol.CodePeer || !contains(err, what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestRule14TheTargetMustHaveEveryColumn(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	exec(t, s.source.platform, `ALTER TABLE people ADD COLUMN phone text`)
	_, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), s.from)
	refused(t, protocol.CodeCatalog, err)
	if !contains(err, "people.phone") {
		t.Errorf("the column is not named: %v", err)
	}
	// A newer target may have more, if it can fill it, in another order.
	exec(t, s.target.platform, `ALTER TABLE people ADD COLUMN fax text NOT NULL DEFAULT 'none', ADD COLUMN phone text`)
	s.copy(t, cmd)
	// A deploy between the copy and the fence is noticed at step 7.
	exec(t, s.source.platform, `ALTER TABLE people ADD COLUMN pager text`)
	cmd = s.fence(t, cmd)
	_, _, err = s.target.Pull(t.Context(), s.p, cmd, s.from)
	refused(t, protocol.CodeCatalog, err)
	exec(t, s.target.platform, `ALTER TABLE people ADD COLUMN pager text`)
	s.finish(t, cmd)
}

func TestExportRefusesWhatIsNotFencedForThisMove(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	fenced := s.fence(t, cmd)
	var w bytes.Buffer
	refused(t, protocol.CodeConflict, s.source.Export(t.Context(), s.p, protocol.Wanted{Move: "m2", FenceNo: fenced.FenceNo}, &w))
	refused(t, protocol.CodeConflict, s.source.Export(t.Context(), s.p, protocol.Wanted{Move: "m1", FenceNo: fenced.FenceNo + 1}, &w))
	s.expire(t)
	refused(t, protocol.CodeConflict, s.source.Export(t.Context(), s.p, protocol.Wanted{Move: "m1", FenceNo: fenced.FenceNo}, &w))
	refused(t, protocol.CodeInvalid, s.source.Export(t.Context(), testPartitions, protocol.Wanted{Move: "m1"}, &w))
	bad := protocol.Wanted{Move: "m1", Base: "1:1:", Mark: "1:1:' OR true"}
	refused(t, protocol.CodeInvalid, s.source.Export(t.Context(), s.p, bad, &w))
	do(t, s.source.Release, s.p, cmd)
	refused(t, protocol.CodeConflict, s.source.Export(t.Context(), s.p, protocol.Wanted{Move: "m1"}, &w))
	if w.Len() != 0 {
		t.Fatalf("%d bytes were written before the refusal", w.Len())
	}
}

func TestExportFailsWhenItsReaderIsGone(t *testing.T) {
	s := newStage(t, false)
	s.oddities(t)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	cmd = s.fence(t, cmd)
	r, w := io.Pipe()
	go func() {
		_, _ = io.CopyN(io.Discard, r, 100_000)
		_ = r.CloseWithError(errors.New("gone"))
	}()
	err := s.source.Export(t.Context(), s.p, protocol.Wanted{Move: cmd.Move, FenceNo: cmd.FenceNo}, w)
	if err == nil || protocol.CodeOf(err) != "" {
		t.Fatalf("got %v", err)
	}
}

func TestAnImportLiftsSequencesAboveWhatItBrought(t *testing.T) {
	s := newStage(t, true)
	key := s.source.person(t, s.p, 0)
	exec(t, s.source.app, `INSERT INTO notes (person) SELECT $1 FROM generate_series(1, 50)`, key)
	s.move(t, "m1", 2)
	exec(t, s.target.app, `INSERT INTO notes (person) SELECT $1 FROM generate_series(1, 60)`, key)
	if n := one[int](t, s.target.app, `SELECT count(*) FROM notes`); n != 111 {
		t.Fatalf("%d notes, want 111", n)
	}
}

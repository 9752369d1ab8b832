package main

import (
	"io"
	"strings"
	"testing"
)

func TestAPlanIsToldInWords(t *testing.T) {
	rows, bytes, took := int64(12345), int64(3_400_000), 130.4
	p := planReply{Moves: 7, Rows: &rows, Bytes: &bytes, Seconds: &took, ByPair: []planPair{
		{From: "cell-a", To: "cell-b", Partitions: 4, Rows: &rows, Bytes: &bytes}, {From: "cell-c", To: "cell-b", Partitions: 3},
	}}
	p.Speed.Moves = 120
	var b strings.Builder
	if err := printAs(&b, "table", p, func(w io.Writer) { writePlan(w, p) }); err != nil {
		t.Fatal(err)
	}
	const want = `7 moves, about 12345 rows (3.4 MB), about 2m10s, as measured over the last 120 moves
FROM    TO      MOVES  ROWS   SIZE
cell-a  cell-b  4      12345  3.4 MB
cell-c  cell-b  3      ?      ?
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

func TestPlanRefusesAWeightWithoutACell(t *testing.T) {
	cmd := newPlan()
	if err := cmd.ParseFlags([]string{"--drain", "cell-a", "--weight", "2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := (planFlags{drain: "cell-a", weight: 2}).query(cmd.Flags()); err == nil || !strings.Contains(err.Error(), "--weight") {
		t.Errorf("%v", err)
	}
}

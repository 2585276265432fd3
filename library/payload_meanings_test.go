package library

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"abaton.local/library/vector"
	"abaton.local/vault"
)

// meaningFixtures are further records of version 1.
func meaningFixtures(t *testing.T) (m Model, in vault.ID, seg *vector.Segment) {
	t.Helper()
	m = Model{Digest: [32]byte{1, 2, 3}, Pooling: 1, Query: "query: ", Passage: "passage: é", Dims: 3}
	x, err := vector.NewIndex(m.space())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Add(vector.ID(passageID(vault.ID{9}, 1)), []float32{0.5, -1, 0}); err != nil {
		t.Fatal(err)
	}
	return m, vault.ID{0xaa, 1}, x.Merge(nil, true, nil)
}

func TestVectorsAreReadForEver(t *testing.T) {
	m, in, seg := meaningFixtures(t)
	for name, b := range map[string][]byte{"embedder1": m.payload(), "meanings1": vectorsPayload(in, seg)} {
		path := "testdata/" + name + ".hex"
		if *update {
			if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.Dump(b); got != string(want) {
			t.Errorf("%s is written otherwise:\n%s", name, got)
		}
	}
	if got, err := parseModel(m.payload()); err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
	if of, got, err := parseVectors(vectorsPayload(in, seg)); err != nil || of != in || !bytes.Equal(got.Encoded(), seg.Encoded()) {
		t.Errorf("%v %v", of, err)
	}
}

func TestStrangeVectorsAreRefused(t *testing.T) {
	m, in, seg := meaningFixtures(t)
	for _, change := range [][2]string{{`"dimensions":3`, `"dimensions":0`}, {`"pooling":1`, `"pooling":-1`}, {`"model":"01`, `"model":"`}, {`"model":"01`, `"model":"0x`}, {"\n", "\nmore"}, {`"schema":1`, `"schema":1,"more":1`}} {
		if _, err := parseModel([]byte(strings.Replace(string(m.payload()), change[0], change[1], 1))); !errors.Is(err, errPayload) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
	b := vectorsPayload(in, seg)
	for _, bad := range [][]byte{nil, b[:10], append([]byte{2}, b[1:]...), b[:len(b)-1]} {
		if _, _, err := parseVectors(bad); err == nil {
			t.Errorf("%x is taken", bad)
		}
	}
	// Whatever makes another vector is another space.
	seen := map[vector.Space]bool{m.space(): true}
	for _, change := range []func(*Model){
		func(m *Model) { m.Digest[31]++ }, func(m *Model) { m.Pooling++ }, func(m *Model) { m.Dims++ },
		func(m *Model) { m.Query += "x" }, func(m *Model) { m.Passage += "x" }, func(m *Model) { m.Query, m.Passage = m.Query+m.Passage, "" },
	} {
		other := m
		change(&other)
		if seen[other.space()] {
			t.Errorf("%+v is as another", other)
		}
		seen[other.space()] = true
	}
}

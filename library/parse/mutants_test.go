package parse

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	"path"
	"testing"
)

// TestMutants reads documents in which bytes were changed, cut, doubled or
// taken from another: a panic ends the test, work without proportion fails it.
// In a ZIP, what is packed is changed before it is packed, for else nothing but
// its checksum would be tried.
func TestMutants(t *testing.T) {
	all := madeAll(t)
	r := rand.New(rand.NewPCG(8, 2026))
	answered, cut, refused := 0, 0, 0
	for i := range mutants {
		m := all[i%len(all)]
		other := all[r.IntN(len(all))]
		m.data = mutant(t, r, m, other.data)
		got := parsed(m.name, m.data, Limits{})
		sound(t, m, got)
		for _, rec := range got.records {
			checkMap(t, rec.Text, rec.Raw, rec.Map)
		}
		switch {
		case got.err != nil:
			refused++
		case len(got.Cuts) > 0:
			cut++
		default:
			answered++
		}
	}
	t.Logf("%d mutants: %d read, %d in part, %d refused", mutants, answered, cut, refused)
}

func mutant(t *testing.T, r *rand.Rand, m made, other []byte) []byte {
	z, err := zip.NewReader(bytes.NewReader(m.data), int64(len(m.data)))
	if err != nil || r.IntN(4) == 0 {
		return changed(r, m.data, other)
	}
	victim := r.IntN(len(z.File))
	var pairs []string
	for i, f := range z.File {
		rd, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rd)
		if err != nil {
			t.Fatal(err)
		}
		if i == victim || r.IntN(3) == 0 && path.Ext(f.Name) == ".xml" {
			content = changed(r, content, other)
		}
		pairs = append(pairs, f.Name, string(content))
	}
	return zipped(t, pairs...)
}

func changed(r *rand.Rand, b, other []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < 2 {
		return b
	}
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b))
		to := min(len(b), at+1+r.IntN(60))
		switch r.IntN(6) {
		case 0:
			b = b[:max(1, at)]
		case 1:
			b = append(b[:at:at], b[to:]...)
		case 2:
			b = append(b[:to:to], b[at:]...)
		case 3:
			k := r.IntN(len(other))
			b = append(append(b[:at:at], other[k:min(len(other), k+60)]...), b[at:]...)
		default:
			for range 1 + r.IntN(30) {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
		}
		if len(b) < 2 {
			break
		}
	}
	return b
}

func FuzzParse(f *testing.F) {
	for _, m := range madeAll(f) {
		f.Add(m.name, m.data)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		m := made{name, data}
		got := parsed(name, data, Limits{})
		sound(t, m, got)
		for _, rec := range got.records {
			checkMap(t, rec.Text, rec.Raw, rec.Map)
		}
	})
}

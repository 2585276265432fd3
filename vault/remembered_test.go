package vault

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func FuzzRemembered(f *testing.F) {
	none := memory{salt: [16]byte{1}}
	two := memory{salt: [16]byte{2}, bound: [32]byte{4}, tried: [32]byte{5}, marks: map[ID]mark{{1}: {Head: Head{Seq: 7, Sum: [32]byte{3}}}, {2}: {doubt: true}}}
	f.Add(none.encode())
	f.Add(two.encode())
	f.Add(unbound([16]byte{3}, map[ID]Head{{1}: {Seq: 7, Sum: [32]byte{3}}, {2}: {}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMemory(b)
		if err != nil || b[0] == unboundFormat {
			return
		}
		if !bytes.Equal(m.encode(), b) {
			t.Error("two encodings of one memory")
		}
	})
}

// The file is written anew whether or not anything changed, shows nothing of
// what is in it, and is closed to others.
func TestRememberedHeadsAreSealedAndAlwaysNew(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	path := filepath.Join(p.config.StateDir, rememberedFile)
	read := func() []byte {
		t.Helper()
		if err := d.Remember(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before, digest := read(), d.heads.file.digest()
	idle := read()
	if bytes.Equal(before, idle) || len(before) != len(idle) || digest == d.heads.file.digest() {
		t.Error("an idle quarter of an hour can be told from a busy one")
	}
	p.keep(olga, "words")
	busy := read()
	id := identity(olga.Person)
	if len(busy) != len(idle) || bytes.Contains(busy, id[:]) {
		t.Error("the file tells something")
	}
	v, err := olga.Vault()
	if err != nil {
		t.Fatal(err)
	}
	if m, known := d.heads.of(id); !known || m != (mark{Head: v.Head()}) {
		t.Errorf("remembered %d, the vault is at %d", m.Seq, v.Head().Seq)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if rememberedEvery != 15*time.Minute {
		t.Error("the schedule is another than docs/decisions/0008 says")
	}
}

// unbound is a file's content as format 1 had it.
func unbound(salt [16]byte, marks map[ID]Head) []byte {
	b := append([]byte{unboundFormat}, salt[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(marks)))
	for _, id := range slices.SortedFunc(maps.Keys(marks), func(x, y ID) int { return bytes.Compare(x[:], y[:]) }) {
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, marks[id].Seq)
		sum := marks[id].Sum
		b = append(b, sum[:]...)
	}
	return b
}

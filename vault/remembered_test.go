package vault

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func FuzzRemembered(f *testing.F) {
	f.Add(encodeMarks([16]byte{1}, nil))
	f.Add(encodeMarks([16]byte{2}, map[ID]Head{{1}: {Seq: 7, Sum: [32]byte{3}}, {2}: {}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		salt, marks, err := parseMarks(b)
		if err == nil && !bytes.Equal(encodeMarks(salt, marks), b) {
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
	before, digest := read(), d.HeadsDigest()
	idle := read()
	if bytes.Equal(before, idle) || len(before) != len(idle) || digest == d.HeadsDigest() {
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
	if m, known := d.heads.of(id); !known || m != v.Head() {
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

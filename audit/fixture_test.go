package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

// fixture makes the log that lies in testdata/v1, bit by bit.
func fixture(t testing.TB) fstest.MapFS {
	t.Helper()
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 250 {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
		c.add(10 * time.Second)
	}
	c.add(-time.Hour)
	if err := l.RecordAll([]Event{event(1), event(2), event(3)}); err != nil { // with a ClockJump: four together
		t.Fatal(err)
	}
	if err := l.append([]entry{{event: Event{What: Heads, Digest: [32]byte{7}}, at: c.now().Unix() - 10}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	w := testWitness(t, 1)
	cosigned, err := w.Check(nil, l.Checkpoint(), l.log, true, nil, c.now())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Cosign(cosigned, w.Verifier()); err != nil {
		t.Fatal(err)
	}
	record(t, l, 4)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return d.fs()
}

// The first format's log must verify, be read and be continued for ever, and
// what is written today is still that format.
func TestFixtureOpensForEver(t *testing.T) {
	const dir = "testdata/v1"
	key, witness := testVkey(), testWitness(t, 1).Key()
	r, err := verifyDir(dir, Check{Key: key, Witnesses: []string{witness}})
	if err != nil || r.Records != 260 || len(r.Cosigned) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, f := range fixture(t) {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(b, f.Data) {
			t.Errorf("%s is written differently today: %v", name, err)
		}
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, copied, time.Now)
	record(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := verifyDir(copied, Check{Key: key, Since: [][]byte{old}}); err != nil || r.Records != 261 {
		t.Errorf("continued: %+v, %v", r, err)
	}
}

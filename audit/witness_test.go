package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// growing is a log that a gateway shows, and what a witness asks of it.
type growing struct {
	*Log
	clock *clock
	disk  *memDisk
}

func newGrowing(t *testing.T, n int) growing {
	t.Helper()
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	g := growing{l, c, d}
	g.grow(t, n)
	return g
}

func (g growing) grow(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := g.Record(event(int(g.tree.size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Sign(); err != nil {
		t.Fatal(err)
	}
	g.clock.add(time.Minute)
}

func (g growing) fetch(name string) ([]byte, error) { return fs.ReadFile(g.Files(), name) }

func TestWitnessFollowsALogThatGrows(t *testing.T) {
	g := newGrowing(t, 5)
	w := testWitness(t, 1)
	if _, err := w.Check(nil, g.Checkpoint(), g.log, false, g.fetch, g.clock.now()); !errors.Is(err, ErrFirstSight) {
		t.Fatalf("a witness without a state: %v", err)
	}
	var state []byte
	var kept [][]byte
	for i, n := range []int{0, 1, 90, 200, 0, 300, 66000} {
		if n > 1000 {
			if err := g.RecordAll(slices.Repeat([]Event{{What: Exported}}, n)); err != nil {
				t.Fatal(err)
			}
			n = 0
		}
		g.grow(t, n)
		next, err := w.Check(state, g.Checkpoint(), g.log, i == 0, g.fetch, g.clock.now())
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		_, note, err := openNote(next, g.log, w.Verifier())
		if err != nil || len(note.Sigs) != 2 {
			t.Fatalf("step %d: %v", i, err)
		}
		if at, ok := cosignedAt(note, w.Verifier()); !ok || !at.Equal(g.clock.now()) {
			t.Errorf("cosigned at %v", at)
		}
		if err := g.Cosign(next, w.Verifier()); err != nil {
			t.Fatal(err)
		}
		state, kept = next, append(kept, next)
	}
	if err := g.Sign(); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(g.disk.fs(), Check{Key: g.Key(), Since: kept, Witnesses: []string{w.Key()}})
	if err != nil || len(r.Cosigned) != 1 || r.Cosigned[0].Records != r.Records {
		t.Errorf("%+v, %v", r, err)
	}
	changed := 0
	for _, r := range records(t, g.disk.fs()) {
		if r.What == WitnessChanged {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("the witness is recorded %d times", changed)
	}
	for _, name := range []string{"tile/0/257.p/3", "tile/entries/999", "tile/2/000.p/1", "tile/2/000.p/2", "tile/data/000", "tile/8/000", "lock", "checkpoints", "..", "tile/0/000.p/256", "tile/0/00", "cosigned/../key", "tile/0/9999999999999999999"} {
		_, err := g.fetch(name)
		if there := name == "tile/2/000.p/1" || name == "tile/0/257.p/3"; (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Five rewrites by somebody who owns the box and its signing key; that they are
// refused at every position is shown by TestEveryForgeryAtEveryPosition.
func TestWitnessRefusesFiveRewrites(t *testing.T) {
	base := smallLog(t, 300)
	whole := records(t, base)
	log, w := testLogKey(t), testWitness(t, 1)
	state, err := w.Check(nil, base[checkpointFile].Data, log, true, nil, newClock().now())
	if err != nil {
		t.Fatal(err)
	}
	last := whole[len(whole)-1]
	grown := func(l []Record) []Record {
		return append(l, slices.Repeat([]Record{at(Record{What: Exported}, last)}, 100)...)
	}
	for name, list := range map[string][]Record{
		"edit": func() []Record { l := slices.Clone(whole); l[5].Detail ^= 1; return grown(l) }(),
		"drop": grown(slices.Delete(slices.Clone(whole), 77, 78)),
		"cut":  slices.Clone(whole[:290]),
		"swap": func() []Record {
			l := slices.Clone(whole)
			l[1], l[2] = at(l[2], l[1]), at(l[1], l[2])
			return grown(l)
		}(),
		"rewrite a tail": grown(slices.Clone(whole[:290])),
		"same size":      func() []Record { l := slices.Clone(whole); l[299].Result = Failed; return l }(),
	} {
		forged := rewrite(t, base, list, true)
		next, err := w.Check(state, forged[checkpointFile].Data, log, false, fetchFrom(forged), newClock().now())
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Err != nil || next != nil {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%-15s %v", name, err)
		}
	}
	honest := rewrite(t, base, grown(slices.Clone(whole)), true)
	if _, err := w.Check(state, honest[checkpointFile].Data, log, false, fetchFrom(honest), newClock().now()); err != nil {
		t.Errorf("an honest log is refused, so the refusals above tell nothing: %v", err)
	}
}

// A box that shows each of two witnesses another log is found out when the two
// compare, or when one verifies with the other's checkpoint.
func TestSplitViewIsFoundByComparing(t *testing.T) {
	base := smallLog(t, 20)
	list := records(t, base)
	log := testLogKey(t)
	one := rewrite(t, base, slices.Clone(list), true)
	list[7].Result = Failed
	two := rewrite(t, base, append(list, list[len(list)-1]), true)
	a, errA := testWitness(t, 1).Check(nil, one[checkpointFile].Data, log, true, fetchFrom(one), newClock().now())
	b, errB := testWitness(t, 2).Check(nil, two[checkpointFile].Data, log, true, fetchFrom(two), newClock().now())
	if errA != nil || errB != nil {
		t.Fatal("each witness alone must be fooled, or this test tells nothing", errA, errB)
	}
	for name, from := range map[string]fstest.MapFS{"one": one, "two": two} {
		for _, pair := range [][2][]byte{{a, b}, {b, a}} {
			if err := Compare(pair[0], pair[1], log, fetchFrom(from)); err == nil {
				t.Errorf("asked %s: not seen", name)
			}
		}
		if _, err := Verify(from, Check{Since: [][]byte{a, b}}); err == nil {
			t.Errorf("verifying %s with both checkpoints: not seen", name)
		}
	}
	if err := Compare(a, a, log, nil); err != nil {
		t.Errorf("one view compared with itself: %v", err)
	}
}

func TestWitnessDistrusts(t *testing.T) {
	g := newGrowing(t, 30)
	w := testWitness(t, 1)
	state, err := w.Check(nil, g.Checkpoint(), g.log, true, g.fetch, g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	g.grow(t, 300)
	new := g.Checkpoint()
	check := func(state, msg []byte, fetch func(string) ([]byte, error), at time.Time) *Refusal {
		next, err := w.Check(state, msg, g.log, false, fetch, at)
		r, ok := errors.AsType[*Refusal](err)
		if !ok || next != nil {
			t.Errorf("not refused: %v", err)
			return &Refusal{}
		}
		return r
	}
	if r := check(state, new, func(string) ([]byte, error) { return nil, errDisk }, g.clock.now()); !errors.Is(r, errDisk) {
		t.Errorf("a log that cannot be asked: %v", r)
	}
	check(state, new, func(name string) ([]byte, error) {
		b, err := g.fetch(name)
		b = bytes.Clone(b)
		b[0] ^= 1
		return b, err
	}, g.clock.now())
	check(state, new, func(name string) ([]byte, error) { b, err := g.fetch(name); return b[1:], err }, g.clock.now())
	check(state, new, g.fetch, g.clock.now().Add(-time.Hour))
	for bit := range len(new) * 8 { // of what it is shown
		b := bytes.Clone(new)
		b[bit/8] ^= 1 << (bit % 8)
		next, err := w.Check(state, b, g.log, false, g.fetch, g.clock.now())
		if err == nil {
			c, _, err := openNote(next, g.log)
			if own, _ := openOwn(new, g.log); err != nil || c.Size != own.Size || c.Root != own.Root {
				t.Fatalf("bit %d of the checkpoint: cosigned", bit)
			}
		}
	}
	for bit := range len(state) * 8 { // and of what it remembers
		b := bytes.Clone(state)
		b[bit/8] ^= 1 << (bit % 8)
		next, err := w.Check(b, new, g.log, false, g.fetch, g.clock.now())
		if err == nil && !strings.HasPrefix(string(next), string(new[:bytes.IndexByte(new, '\xe2')])) {
			t.Fatalf("bit %d of the state: cosigned something else", bit)
		}
	}
	other := testWitness(t, 2)
	if _, err := other.Check(state, new, g.log, false, g.fetch, g.clock.now()); err == nil {
		t.Error("a witness took the state of another")
	}
}

func TestOnlyWhatAWitnessCosignedIsKept(t *testing.T) {
	g := newGrowing(t, 30)
	w, other := testWitness(t, 1), testWitness(t, 2)
	old, err := w.Check(nil, g.Checkpoint(), g.log, true, g.fetch, g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	g.grow(t, 30)
	newer, err := w.Check(old, g.Checkpoint(), g.log, false, g.fetch, g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Cosign(newer, w.Verifier()); err != nil {
		t.Fatal(err)
	}
	fork := rewrite(t, g.disk.fs(), append(records(t, g.disk.fs())[:10], Record{What: Exported, Time: g.clock.now()}), true)
	foreign, err := w.Check(nil, fork[checkpointFile].Data, g.log, true, nil, g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.Check(nil, g.Checkpoint(), g.log, true, nil, g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	later, err := w.Check(newer, g.Checkpoint(), g.log, false, g.fetch, g.clock.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(newer, []byte("\n")) // the last is empty
	// Ends of base 64 have spellings of the same bytes: what is kept has one.
	var spelled []byte
	for at, c := range later {
		if bytes.HasPrefix(later[at+1:], []byte("==\n")) {
			spelled = bytes.Clone(later)
			spelled[at] = c + 1
		}
	}
	records := g.tree.size
	for name, msg := range map[string][]byte{
		"a signature twice": append(bytes.Clone(later), bytes.SplitAfter(later, []byte("\n"))[5]...),
		"another spelling":  spelled, "half of one": newer[:len(newer)-30], "only the cosignature": bytes.Join(slices.Concat(lines[:4], lines[5:]), nil),
		"nothing": nil, "no cosignature": g.Checkpoint(), "an older one": old, "one of another history": foreign,
		"one of a stranger": stranger, "two in one": append(bytes.Clone(newer), bytes.SplitAfter(stranger, []byte("\n"))[5]...),
		"something long": bytes.Repeat([]byte("a"), 1<<20),
	} {
		if err := g.Cosign(msg, w.Verifier()); err == nil {
			t.Errorf("%s was kept", name)
		} else {
			t.Logf("%-20s %v", name, err)
		}
	}
	if g.tree.size != records {
		t.Errorf("refusing left %d records", g.tree.size-records)
	}
	if b, err := g.fetch(CosignedName(w.Verifier())); err != nil || !bytes.Equal(b, newer) {
		t.Errorf("what is kept was changed: %v", err)
	}
	if err := g.Cosign(newer, other.Verifier(), w.Verifier()); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	if err := g.Cosign(later, w.Verifier()); err != nil {
		t.Errorf("of the same records, later: %v", err)
	}
	if err := g.Cosign(newer, w.Verifier()); err == nil {
		t.Error("of the same records, earlier: kept")
	}
	if err := g.Sign(); err != nil {
		t.Fatal(err)
	}
	// Who is known and cosigned nothing is no fault, unless asked for.
	r, err := Verify(g.disk.fs(), Check{Known: []string{w.Key(), other.Key()}})
	if err != nil || len(r.Cosigned) != 1 || r.Cosigned[0].Records != 60 {
		t.Errorf("%+v, %v", r.Cosigned, err)
	}
	if kept, err := Kept(g.disk.fs(), []string{w.Key(), other.Key()}); err != nil || !slices.Equal(kept, r.Cosigned) {
		t.Errorf("%+v, %v", kept, err)
	}
	if _, err := Verify(g.disk.fs(), Check{Known: []string{w.Key()}, Witnesses: []string{other.Key()}}); err == nil {
		t.Error("a witness that must have cosigned did not, unseen")
	}
}

// The vector of C2SP tlog-cosignature: key id and signed message are spelled out
// there, and this is the signed message of its example.
func TestCosignatureIsTheOneOfTheSpecification(t *testing.T) {
	text := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if got := string(cosigned([]byte(text), 1679315147)); got != "cosignature/v1\ntime 1679315147\n"+text {
		t.Errorf("signed message %q", got)
	}
	w := testWitness(t, 3)
	v, err := ParseWitnessKey(w.Key())
	if err != nil {
		t.Fatal(err)
	}
	sig, _ := witnessSigner(w.name, w.key, time.Unix(1679315147, 0)).Sign([]byte(text))
	if len(sig) != 72 || binary.BigEndian.Uint64(sig) != 1679315147 || !v.Verify([]byte(text), sig) {
		t.Error("the signature is not eight bytes of time and one of Ed25519")
	}
	for i := range sig {
		sig[i] ^= 1
		if v.Verify([]byte(text), sig) {
			t.Errorf("byte %d may be changed", i)
		}
		sig[i] ^= 1
	}
}

func TestKeysOfTheWrongKindOrSpelling(t *testing.T) {
	key, wkey := testVkey(), testWitness(t, 1).Key()
	if _, err := ParseKey(wkey); err == nil {
		t.Error("a witness's key is taken for a log's")
	}
	if _, err := ParseWitnessKey(key); err == nil {
		t.Error("a log's key is taken for a witness's")
	}
	for i := range len(key) * 8 {
		b := []byte(key)
		b[i/8] ^= 1 << (i % 8)
		if _, err := ParseKey(string(b)); err == nil {
			t.Errorf("bit %d of the key may be changed", i)
		}
	}
	for _, name := range []string{"", "two words", "a+b", "a\nb", "abaton.local/audit/x", strings.Repeat("a", 300)} {
		if _, err := NewWitness(name, make([]byte, 32)); err == nil {
			t.Errorf("a witness called %q", name)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		l, err := openMem(newMemDisk(), newClock())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []any{testWitness(t, 1), l, *testWitness(t, 1)} {
			if s := fmt.Sprintf(verb, secret); len(s) > 250 {
				t.Errorf("a secret prints: %s", s)
			}
		}
	}
}

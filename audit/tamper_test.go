package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func testWitness(t testing.TB, n byte) *Witness {
	t.Helper()
	w, err := NewWitness(fmt.Sprintf("witness.example.org/%d", n), bytes.Repeat([]byte{100 + n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// smallLog is a closed log of n records in memory, cosigned by testWitness(1).
func smallLog(t testing.TB, n int) fstest.MapFS {
	t.Helper()
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n - 1 {
		c.add(10 * time.Second)
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	c.add(10 * time.Second)
	w := testWitness(t, 1)
	cosigned, err := w.Check(nil, l.Checkpoint(), l.log, true, nil, c.now())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Cosign(cosigned, w.Verifier()); err != nil { // records WitnessChanged
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return d.fs()
}

func testLogKey(t testing.TB) note.Verifier {
	t.Helper()
	pub := ed25519.NewKeyFromSeed(testKeys().Seed).Public().(ed25519.PublicKey)
	v, err := ParseKey(vkey(originOf(pub), logKey, pub))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testVkey() string {
	pub := ed25519.NewKeyFromSeed(testKeys().Seed).Public().(ed25519.PublicKey)
	return vkey(originOf(pub), logKey, pub)
}

// flip changes one bit of one file and hands the log to look.
func flip(base fstest.MapFS, name string, bit int, look func(fstest.MapFS)) {
	m := maps.Clone(base)
	b := bytes.Clone(base[name].Data)
	b[bit/8] ^= 1 << (bit % 8)
	m[name] = &fstest.MapFile{Data: b}
	look(m)
}

// Every bit of every file of a small log.
func TestEveryFlippedBitIsSeen(t *testing.T) {
	base := smallLog(t, 3)
	check := Check{Key: testVkey(), Witnesses: []string{testWitness(t, 1).Key()}}
	if _, err := Verify(base, check); err != nil {
		t.Fatal(err)
	}
	whole := records(t, base)
	bits := 0
	for name, f := range base {
		if name == lockFile {
			continue // empty
		}
		for bit := range len(f.Data) * 8 {
			bits++
			flip(base, name, bit, func(m fstest.MapFS) {
				_, err := Verify(m, check)
				fault, ok := errors.AsType[*Fault](err)
				if !ok {
					t.Fatalf("bit %d of %s is not seen: %v", bit, name, err)
				}
				if at := int64(bit / 8 / entrySize); name == tilePath(entries, 0) && fault.Record != at {
					t.Fatalf("bit %d of record %d: said to be of record %d", bit, at, fault.Record)
				}
				if name == tilePath(0, 0) && fault.Record != int64(bit/8/tlog.HashSize) {
					t.Fatalf("bit %d of the hashes: said to be of record %d", bit, fault.Record)
				}
				// Opening does not look at old signatures, so it may succeed, but only
				// with the very same records.
				if bit%8 == 0 {
					l, err := openMem(memOf(m), newClock())
					if err == nil && !slices.Equal(records(t, l.fsys), whole) {
						t.Fatalf("bit %d of %s: the log opens with other records", bit, name)
					}
				}
			})
		}
	}
	t.Logf("%d bits of %d files", bits, len(base)-1)
}

// flipLarge flips count random bits of a log of several bundles.
func flipLarge(t *testing.T, count int) {
	base := smallLog(t, 600)
	names := slices.Sorted(maps.Keys(base))
	names = slices.DeleteFunc(names, func(n string) bool { return n == lockFile })
	rng := rand.New(rand.NewPCG(1, 2))
	check := Check{Key: testVkey(), Witnesses: []string{testWitness(t, 1).Key()}}
	for range count {
		name := names[rng.IntN(len(names))]
		flip(base, name, rng.IntN(len(base[name].Data)*8), func(m fstest.MapFS) {
			if _, err := Verify(m, check); err == nil {
				t.Fatalf("a bit of %s is not seen", name)
			}
		})
	}
}

func TestFlippedBitsOfALargerLogAreSeen(t *testing.T) { flipLarge(t, 400) }

func TestEveryMissingOrShortFileIsSeen(t *testing.T) {
	base := smallLog(t, 300)
	check := Check{Key: testVkey(), Witnesses: []string{testWitness(t, 1).Key()}}
	for name, f := range base {
		if name == lockFile {
			continue
		}
		for _, size := range []int{-1, 0, 1, len(f.Data) / 2, len(f.Data) - 1} {
			m := maps.Clone(base)
			delete(m, name)
			if size >= 0 {
				m[name] = &fstest.MapFile{Data: f.Data[:size]}
			}
			if _, err := Verify(m, check); err == nil {
				t.Errorf("%s with %d of its %d bytes: not seen", name, size, len(f.Data))
			}
		}
		m := maps.Clone(base)
		m[name] = &fstest.MapFile{Data: append(bytes.Clone(f.Data), "what was never written"...)}
		r, err := Verify(m, check)
		if err == nil && !r.CutShort && name != historyFile {
			t.Errorf("%s with something behind it: not seen", name)
		}
	}
}

// change is one way to tell another story: of the records given, made at
// position i.
type change struct {
	name string
	do   func(list []Record, i int) []Record
}

func changes() []change {
	other := Record{What: EscrowUsed, Time: time.Unix(0, 0).UTC()}
	return []change{
		{"edit", func(l []Record, i int) []Record { l[i].Detail ^= 1; return l }},
		{"edit the time", func(l []Record, i int) []Record { l[i].Time = l[i].Time.Add(time.Second); return l }},
		{"drop", func(l []Record, i int) []Record { return slices.Delete(l, i, i+1) }},
		{"put in", func(l []Record, i int) []Record { return slices.Insert(l, i, at(other, l[i])) }},
		{"swap", func(l []Record, i int) []Record {
			j := (i + 1) % len(l)
			l[i], l[j] = at(l[j], l[i]), at(l[i], l[j])
			return l
		}},
		{"cut", func(l []Record, i int) []Record { return l[:i] }},
		{"fork", func(l []Record, i int) []Record {
			for j := range l[i:] {
				l[i+j] = at(other, l[i+j])
			}
			return l
		}},
		{"fork and grow", func(l []Record, i int) []Record {
			last := l[len(l)-1]
			l = l[:i]
			for len(l) < 40 {
				l = append(l, at(other, last))
			}
			return l
		}},
	}
}

// at is r at the time of when.
func at(r, when Record) Record { r.Time = when.Time; return r }

// rewrite makes the log that holds list, with all that can be computed without
// a secret: links and hashes. Key, checkpoint and history stay as they were,
// unless the forger has the key.
func rewrite(t testing.TB, base fstest.MapFS, list []Record, keyed bool) fstest.MapFS {
	t.Helper()
	log := testLogKey(t)
	m := maps.Clone(base)
	for name := range m {
		if strings.HasPrefix(name, "tile/") {
			delete(m, name)
		}
	}
	put := func(name string, b []byte) {
		if m[name] == nil {
			m[name] = &fstest.MapFile{}
		}
		m[name].Data = append(m[name].Data, b...)
	}
	prev := firstLink(log.Name())
	var tr tree
	var leaf []byte
	for i, r := range list {
		r.more = 0
		leaf, prev = appendLeaf(nil, r, prev)
		put(tilePath(entries, int64(i)/tileWidth), append([]byte{0, LeafSize}, leaf...))
		tr.add(tlog.RecordHash(leaf), func(level int, n int64, h tlog.Hash) { put(tilePath(level, n/tileWidth), h[:]) })
	}
	if keyed {
		key := ed25519.NewKeyFromSeed(testKeys().Seed)
		sign := func(size int64, root tlog.Hash) (head, []byte) {
			text := treeText(log.Name(), size, root)
			h := head{size: size, root: root, signature: [64]byte(ed25519.Sign(key, []byte(text)))}
			return h, h.note(log)
		}
		first, _ := sign(0, new(tree).root())
		last, msg := sign(tr.size, tr.root())
		history := first.append(nil)
		if tr.size > 0 {
			history = last.append(history)
		}
		m[historyFile] = &fstest.MapFile{Data: history}
		m[checkpointFile] = &fstest.MapFile{Data: msg}
	}
	return m
}

// Dropped, moved, changed, cut, forked, at every position, by three kinds of
// forger: who only moves records about, who also computes links and hashes
// anew, and who has the signing key as well.
func TestEveryForgeryAtEveryPosition(t *testing.T) {
	base := smallLog(t, 12)
	whole := records(t, base)
	remembered := base[checkpointFile].Data
	log := testLogKey(t)
	for _, c := range changes() {
		for i := range whole {
			list := c.do(slices.Clone(whole), i)
			name := fmt.Sprintf("%s at %d", c.name, i)

			unkeyed := rewrite(t, base, list, false)
			_, err := Verify(unkeyed, Check{Key: testVkey()})
			fault, ok := errors.AsType[*Fault](err)
			if !ok || fault.Record < 0 || fault.Record > first(whole, list) || fault.Last < first(whole, list) {
				t.Errorf("%s, all hashes anew: %v", name, err)
			}

			keyed := rewrite(t, base, list, true)
			delete(keyed, CosignedName(testWitness(t, 1).Verifier()))
			if _, err := Verify(keyed, Check{Key: testVkey()}); err != nil {
				t.Errorf("%s by who has the key: a log in itself sound is refused, so this test tests nothing: %v", name, err)
			}
			_, err = Verify(keyed, Check{Key: testVkey(), Since: [][]byte{remembered}})
			if _, ok := errors.AsType[*Fault](err); !ok {
				t.Errorf("%s by who has the key, against a remembered checkpoint: %v", name, err)
			}
			w := testWitness(t, 1)
			state, err := w.Check(nil, remembered, log, true, fetchFrom(base), newClock().now())
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Check(state, keyed[checkpointFile].Data, log, false, fetchFrom(keyed), newClock().now())
			if r, ok := errors.AsType[*Refusal](err); !ok || r.Err != nil {
				t.Errorf("%s by who has the key, before the witness: %v", name, err)
			}
			// An older state is no second history: only the memory of the newer one,
			// with its tiles, could tell.
			if c.name != "cut" && Compare(remembered, keyed[checkpointFile].Data, log, fetchFrom(keyed)) == nil {
				t.Errorf("%s by who has the key: compared as one history", name)
			}
		}
	}
}

// first is the first record that differs.
func first(a, b []Record) int64 {
	for i := range a {
		if i >= len(b) {
			return int64(i)
		}
		b[i].Index, b[i].more = a[i].Index, a[i].more
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(len(a))
}

// Records moved about as they are, without new links: the very record is named.
func TestMovedRecordsAreNamed(t *testing.T) {
	base := smallLog(t, 12)
	const e = entrySize
	for i := range 12 {
		for name, change := range map[string]func(b []byte) []byte{
			"drop":    func(b []byte) []byte { return slices.Delete(b, i*e, (i+1)*e) },
			"double":  func(b []byte) []byte { return slices.Insert(b, i*e, b[i*e:(i+1)*e]...) },
			"reverse": func(b []byte) []byte { slices.Reverse(b[i*e : (i+1)*e]); return b },
			"cut":     func(b []byte) []byte { return b[:i*e] },
			"empty":   func(b []byte) []byte { clear(b[i*e : (i+1)*e]); return b },
		} {
			m := maps.Clone(base)
			m[tilePath(entries, 0)] = &fstest.MapFile{Data: change(bytes.Clone(base[tilePath(entries, 0)].Data))}
			want := int64(i)
			if name == "double" {
				want++
			}
			_, err := Verify(m, Check{Key: testVkey()})
			fault, ok := errors.AsType[*Fault](err)
			if i == 11 && name == "double" {
				if ok && fault.Record != want {
					t.Errorf("%s %d: %v", name, i, err)
				}
				continue // behind the last signed record
			}
			if !ok || fault.Record != want || fault.Last != want {
				t.Errorf("%s %d: %v", name, i, err)
			}
		}
	}
}

// Putting the whole folder back to an older state leaves a sound log. Only who
// remembers a newer checkpoint sees it; putting back only the checkpoint is seen
// by everybody.
func TestAnOlderStateOfTheFolder(t *testing.T) {
	old, new := smallLog(t, 5), smallLog(t, 9)
	if _, err := Verify(old, Check{Key: testVkey()}); err != nil {
		t.Fatal(err)
	}
	_, err := Verify(old, Check{Key: testVkey(), Since: [][]byte{new[checkpointFile].Data}})
	if fault, ok := errors.AsType[*Fault](err); !ok || fault.Record != 5 {
		t.Errorf("a log that was put back: %v", err)
	}
	m := maps.Clone(old)
	m[historyFile] = new[historyFile]
	if _, err := Verify(m, Check{Key: testVkey()}); err == nil {
		t.Error("a checkpoint that was put back is not seen")
	}
	if _, err := openMem(memOf(m), newClock()); err == nil {
		t.Error("a log whose checkpoint was put back is opened")
	}
}

// fetchFrom serves tiles from a folder as a gateway does.
func fetchFrom(m fstest.MapFS) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		t, ok := parsePath(name)
		if !ok {
			return nil, fmt.Errorf("no tile is called %q", name)
		}
		f := m[tilePath(t.L, t.N)]
		if f == nil || int64(len(f.Data)) < int64(t.W)*unit(t.L) {
			return nil, fmt.Errorf("no tile %s", name)
		}
		return f.Data[:int64(t.W)*unit(t.L)], nil
	}
}

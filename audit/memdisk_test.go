package audit

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// memDisk is a folder in memory that works, and whose faults are ordered: the
// n-th change can fail, and a power cut leaves of what was not synced any part.
type memDisk struct {
	files map[string]*memFile
	names map[string]*memFile // as directories have them for good
	dirs  map[string]bool

	steps int // changes done so far
	fail  int // the change that fails, from 1; 0: none
	once  bool
	err   error
}

type memFile struct {
	disk *memDisk
	now  []byte // what a reader sees
	safe []byte // what is there for good
}

func newMemDisk() *memDisk {
	return &memDisk{files: map[string]*memFile{}, names: map[string]*memFile{}, dirs: map[string]bool{".": true}}
}

// memOf is a disk that holds what fsys holds, for good.
func memOf(fsys fstest.MapFS) *memDisk {
	d := newMemDisk()
	for name, f := range fsys {
		file := &memFile{d, bytes.Clone(f.Data), bytes.Clone(f.Data)}
		d.files[name], d.names[name] = file, file
		for _, dir := range folders(name) {
			d.dirs[dir] = true
		}
	}
	return d
}

// step is one change; it fails if it was told to.
func (d *memDisk) step() error {
	d.steps++
	if d.fail > 0 && (d.steps == d.fail || d.steps > d.fail && !d.once) {
		return d.err
	}
	return nil
}

func (d *memDisk) OpenFile(name string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if all := folders(name); len(all) > 0 && !d.dirs[all[len(all)-1]] {
		return nil, fs.ErrNotExist
	}
	f := d.files[name]
	if f == nil {
		f = &memFile{disk: d}
		d.files[name] = f
	}
	return f, nil
}

func (d *memDisk) Mkdir(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.dirs[name] = true
	return nil
}

func (d *memDisk) Rename(old, name string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.files[name] = d.files[old]
	delete(d.files, old)
	return nil
}

func (d *memDisk) SyncDir(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	in := func(name string) bool {
		all := append([]string{"."}, folders(name)...)
		return all[len(all)-1] == dir
	}
	maps.DeleteFunc(d.names, func(name string, _ *memFile) bool { return in(name) })
	for name, f := range d.files {
		if in(name) {
			d.names[name] = f
		}
	}
	return nil
}

// WriteAt that fails writes half, as a full disk does.
func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	err := f.disk.step()
	n := len(b)
	if err != nil {
		n /= 2
	}
	if grow := int(at) + n - len(f.now); grow > 0 {
		f.now = append(f.now, make([]byte, grow)...)
	}
	copy(f.now[at:], b[:n])
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.now = append(f.now, make([]byte, max(int(size)-len(f.now), 0))...)[:size]
	return nil
}

func (f *memFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.safe = bytes.Clone(f.now)
	return nil
}

func (f *memFile) Close() error { return nil }

// fs is what a reader sees.
func (d *memDisk) fs() fstest.MapFS {
	m := fstest.MapFS{}
	for name, f := range d.files {
		m[name] = &fstest.MapFile{Data: f.now, Mode: 0o600}
	}
	return m
}

// live is a view that follows the disk.
func (d *memDisk) live() fs.FS { return liveFS{d} }

type liveFS struct{ d *memDisk }

func (l liveFS) Open(name string) (fs.File, error) { return l.d.fs().Open(name) }

// cut is the disk after a power cut: of what was not synced, sectors of 512
// bytes are there or not, in any mixture; sizes are old, new or between; names
// are old or new.
func (d *memDisk) cut(rng *rand.Rand) fstest.MapFS {
	m := fstest.MapFS{}
	names := maps.Clone(d.names)
	for _, name := range slices.Sorted(maps.Keys(d.files)) { // sorted: the same seed cuts the same way
		if f := d.files[name]; names[name] != f && rng.IntN(2) == 0 {
			names[name] = f
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		m[name] = &fstest.MapFile{Data: f.torn(rng), Mode: 0o600}
	}
	return m
}

func (f *memFile) torn(rng *rand.Rand) []byte {
	size := max(len(f.now), len(f.safe))
	low := min(len(f.now), len(f.safe))
	b := make([]byte, size)
	for at := 0; at < size; at += 512 {
		from := f.safe
		if rng.IntN(2) == 0 {
			from = f.now
		}
		if at < len(from) {
			copy(b[at:], from[at:min(at+512, len(from))])
		}
	}
	return b[:low+rng.IntN(size-low+1)]
}

func openMem(d *memDisk, now *clock) (*Log, error) { return open(d, d.live(), testKeys(), now.now) }

var errDisk = errors.New("no space left on device")

// Whatever change fails, once or for ever: an error is given, what was
// acknowledged stays, and the log can be opened and continued afterwards.
func TestEveryChangeFails(t *testing.T) {
	for _, once := range []bool{true, false} {
		for n := 1; ; n++ {
			d, c := newMemDisk(), newClock()
			d.fail, d.once, d.err = n, once, errDisk
			acknowledged, failed := exercise(d, c)
			if n > d.steps {
				break // all of them were made to fail
			}
			if !failed {
				t.Fatalf("change %d failed (once %v) and nobody was told", n, once)
			}
			d.fail = 0
			checkAcknowledged(t, d, c, acknowledged)
		}
	}
}

// exercise writes a log across a bundle's end, closing and opening it, and says
// what was acknowledged: details of PolicyHit, ascending.
func exercise(d *memDisk, c *clock) (acknowledged []uint32, failed bool) {
	detail := uint32(0)
	for range 3 {
		l, err := openMem(d, c)
		if err != nil {
			failed = true
			continue
		}
		for _, size := range []int{1, 2, 97, 1, 30} {
			var events []Event
			var details []uint32
			for range size {
				detail++
				events, details = append(events, Event{What: PolicyHit, Detail: detail}), append(details, detail)
			}
			if err := l.RecordAll(events); err != nil {
				failed = true
			} else {
				acknowledged = append(acknowledged, details...)
			}
			c.add(1e9)
		}
		if err := l.Close(); err != nil {
			failed = true
		}
	}
	return acknowledged, failed
}

// checkAcknowledged opens the log again and finds all that was acknowledged, in
// order.
func checkAcknowledged(t *testing.T, d *memDisk, c *clock, acknowledged []uint32) {
	t.Helper()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatalf("the log does not open any more: %v", err)
	}
	if err := l.Record(Event{What: Exported}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(d.fs(), Check{}); err != nil || r.Unsigned != 0 || r.CutShort {
		t.Fatalf("%+v, %v", r, err)
	}
	var there []uint32
	for _, r := range records(t, d.fs()) {
		there = append(there, r.Detail)
	}
	for _, want := range acknowledged {
		i := slices.Index(there, want)
		if i < 0 {
			t.Fatalf("acknowledged record %d is lost", want)
		}
		there = there[i:]
	}
}

// powerCuts cuts the power at a random change of a random history, count times.
func powerCuts(t *testing.T, count int, lying bool) (lost int) {
	rng := rand.New(rand.NewPCG(26, 11))
	for range count {
		d, c := newMemDisk(), newClock()
		d.fail, d.err = 1+rng.IntN(700), errDisk
		acknowledged, _ := exercise(d, c)
		if lying {
			for _, f := range d.files {
				f.safe = f.safe[:len(f.safe)/2]
			}
		}
		after := memOf(d.cut(rng))
		l, err := openMem(after, c)
		if err != nil {
			if !lying {
				t.Fatalf("cut at change %d: %v", d.fail, err)
			}
			lost++
			continue
		}
		l.Close()
		if lying {
			if n := len(records(t, after.fs())); n < len(acknowledged) {
				lost++
			}
			continue
		}
		checkAcknowledged(t, after, c, acknowledged)
	}
	return lost
}

func TestPowerCuts(t *testing.T) {
	powerCuts(t, 1000, false)
	if powerCuts(t, 50, true) == 0 {
		t.Error("a disk that lies about syncing loses nothing: this test does not see")
	}
}

// A write that was cut short is told from damage that came later.
func TestOnlyWhatWasNeverAcknowledgedIsCut(t *testing.T) {
	d, c := newMemDisk(), newClock()
	l, err := openMem(d, c)
	if err != nil {
		t.Fatal(err)
	}
	group := func(n int) {
		events := make([]Event, n)
		for i := range events {
			events[i] = event(i)
		}
		if err := l.RecordAll(events); err != nil {
			t.Fatal(err)
		}
	}
	group(3)
	if err := l.Sign(); err != nil {
		t.Fatal(err)
	}
	group(1) // record 3
	group(7) // records 4 to 10
	group(2) // records 11 and 12; the process is killed here
	base := d.fs()
	change := func(f func(b []byte) []byte) fstest.MapFS {
		m := maps.Clone(base)
		m["tile/entries/000"] = &fstest.MapFile{Data: f(bytes.Clone(base["tile/entries/000"].Data))}
		return m
	}
	zero := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte { clear(b[from:to]); return b }
	}
	const e = entrySize
	for name, c2 := range map[string]struct {
		change func([]byte) []byte
		keep   int    // records that are left, or
		err    string // what is said
	}{
		"nothing":                            {func(b []byte) []byte { return b }, 13, ""},
		"the last record half there":         {func(b []byte) []byte { return b[:len(b)-50] }, 11, ""},
		"the last record gone":               {func(b []byte) []byte { return b[:12*e] }, 11, ""},
		"one byte of the last group":         {func(b []byte) []byte { return b[:11*e+1] }, 11, ""},
		"the last group":                     {func(b []byte) []byte { return b[:11*e] }, 11, ""},
		"zeros from a group's beginning":     {zero(11*e, 13*e), 11, ""},
		"zeros within a record":              {zero(12*e+20, 12*e+60), 0, "record 12: "},
		"zeros after the end":                {func(b []byte) []byte { return append(b, make([]byte, 2000)...) }, 13, ""},
		"a bit of the last group":            {func(b []byte) []byte { b[12*e+60] ^= 4; return b }, 0, "record 12: "},
		"a bit of an earlier group":          {func(b []byte) []byte { b[5*e+60] ^= 4; return b }, 0, "record 5: "},
		"a sector within an earlier group":   {zero(512, 1024), 0, "record 5: "},
		"a sector at an earlier group's end": {zero(1024-512+10, 1078), 0, "record 5: "},
		"an earlier group":                   {func(b []byte) []byte { return slices.Delete(b, 4*e, 11*e) }, 0, "record 4: "},
		"an earlier group's first":           {func(b []byte) []byte { return slices.Delete(b, 4*e, 5*e) }, 0, "record 4: "},
		"a single earlier record":            {func(b []byte) []byte { return slices.Delete(b, 3*e, 4*e) }, 0, "record 3: "},
		"a signed record":                    {func(b []byte) []byte { return b[:2*e+50] }, 0, "record 2: "},
		"all":                                {func(b []byte) []byte { return nil }, 0, "record 0: "},
	} {
		t.Run(name, func(t *testing.T) {
			after := memOf(change(c2.change))
			before := after.fs()
			l, err := openMem(after, c)
			if c2.err != "" {
				if err == nil || !strings.Contains(err.Error(), c2.err) {
					t.Fatalf("got %v, want %q", err, c2.err)
				}
				for name, f := range before {
					if !bytes.Equal(f.Data, after.files[name].now) {
						t.Errorf("%s was changed", name)
					}
				}
				return
			}
			if err != nil || l.tree.size != int64(c2.keep) {
				t.Fatalf("%v, want %d records", err, c2.keep)
			}
			if r, err := Verify(after.fs(), Check{}); err != nil || r.Records != int64(c2.keep) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

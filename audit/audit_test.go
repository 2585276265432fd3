package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// testKeys are the keys of the logs in these tests.
func testKeys() Keys {
	return Keys{Seed: bytes.Repeat([]byte{1}, 32), Pseudonym: bytes.Repeat([]byte{2}, 32)}
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func openLog(t testing.TB, dir string, now func() time.Time) *Log {
	t.Helper()
	l, err := Open(dir, testKeys(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// event is the i'th of a series with different ones.
func event(i int) Event {
	id := [16]byte{15: byte(i), 14: byte(i >> 8), 0: 1}
	switch i % 5 {
	case 0:
		return Event{What: Start, Digest: [32]byte{byte(i), 1}}
	case 1:
		return Event{What: PersonCreated, Actor: id, Object: [16]byte{9}, Detail: Member}
	case 2:
		return Event{What: UnlockFailed, Object: id, Detail: Passphrase, Result: Refused}
	case 3:
		return Event{What: SlotAdded, Actor: id, Object: id, Detail: Recovery}
	}
	return Event{What: PolicyHit, Detail: uint32(i % 400), Result: Failed}
}

func record(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Record(event(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// makeLog makes a closed log of n records, ten seconds apart, and gives its
// folder.
func makeLog(t testing.TB, n int) string {
	t.Helper()
	dir, c := t.TempDir(), newClock()
	l := openLog(t, dir, c.now)
	for i := range n {
		record1 := event(i)
		if err := l.Record(record1); err != nil {
			t.Fatal(err)
		}
		c.add(10 * time.Second)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verifyDir(dir string, c Check) (Report, error) { return Verify(os.DirFS(dir), c) }

func records(t testing.TB, fsys fs.FS) (list []Record) {
	t.Helper()
	for r, err := range Records(fsys, 0) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func TestWhatIsRecordedCanBeReadAndVerified(t *testing.T) {
	const n = 700 // crosses two bundles
	dir, c := t.TempDir(), newClock()
	begin := c.now()
	for i := range n { // reopened now and then, also at awkward sizes
		l := openLog(t, dir, c.now)
		for range []int{1, 3, 60, 200}[i%4] {
			if l.tree.size == n {
				break
			}
			if err := l.Record(event(int(l.tree.size))); err != nil {
				t.Fatal(err)
			}
			c.add(time.Second)
		}
		done := l.tree.size == n
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := verifyDir(dir, Check{Key: l.Key()})
		if err != nil || r.Records != l.tree.size || r.Unsigned != 0 {
			t.Fatalf("after closing at %d: %+v, %v", l.tree.size, r, err)
		}
		if done {
			break
		}
	}
	l := openLog(t, dir, c.now)
	list := records(t, os.DirFS(dir))
	if len(list) != n {
		t.Fatalf("%d records, want %d", len(list), n)
	}
	for i, r := range list {
		e := event(i)
		actor, _ := l.Pseudonym(e.Actor)
		object, _ := l.Pseudonym(e.Object)
		want := Record{
			Index: int64(i), Time: begin.Add(time.Duration(i) * time.Second), What: e.What, Result: e.Result,
			Actor: actor, Object: object, Detail: e.Detail, Digest: e.Digest,
		}
		if r != want {
			t.Fatalf("record %d is\n%+v, want\n%+v", i, r, want)
		}
	}
	if list[1].Actor.IsZero() || !list[0].Actor.IsZero() || bytes.Contains(list[1].Actor[:], []byte{9}) && list[1].Object == [16]byte{9} {
		t.Error("identifiers are kept as they are, or nobody became somebody")
	}
}

func TestFilesOnDiskHaveTheNamesAndSizesOfTheFormat(t *testing.T) {
	dir := makeLog(t, 256+3)
	sizes := map[string]int64{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
		rel, _ := filepath.Rel(dir, p)
		sizes[rel] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(sizes, "key")
	delete(sizes, "checkpoint")
	want := map[string]int64{
		"tile/entries/000": 256 * 98, "tile/entries/001": 3 * 98, "tile/0/000": 256 * 32, "tile/0/001": 3 * 32, "tile/1/000": 32,
		"checkpoints": 104 * 4, "lock": 0, // at 0, 100, 200 and when closed
	}
	if !reflect.DeepEqual(sizes, want) {
		t.Errorf("files %v, want %v", sizes, want)
	}
}

// The promise that the log is free of content: an event has no room for text.
func TestEventHasNumbersOnly(t *testing.T) {
	var numeric func(reflect.Type) bool
	numeric = func(ty reflect.Type) bool {
		switch ty.Kind() {
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			return true
		case reflect.Array:
			return numeric(ty.Elem())
		case reflect.Struct:
			for field := range ty.Fields() {
				if !numeric(field.Type) {
					return false
				}
			}
			return ty.NumField() > 0
		}
		return false
	}
	if !numeric(reflect.TypeFor[Event]()) {
		t.Error("an Event can hold text")
	}
	if numeric(reflect.TypeFor[struct{ Text string }]()) || numeric(reflect.TypeFor[struct{ B []byte }]()) {
		t.Error("this test does not see text")
	}
}

func TestEventsThatTheTableDoesNotAllowAreRefused(t *testing.T) {
	l := openLog(t, t.TempDir(), newClock().now)
	digest := [32]byte(bytes.Repeat([]byte("t"), 32))
	for name, e := range map[string]Event{
		"none":              {},
		"unknown":           {What: ShapeRefused + 1},
		"largest":           {What: 255},
		"result":            {What: Start, Result: 3},
		"heads":             {What: Heads},
		"clock":             {What: ClockJump},
		"detail":            {What: SlotAdded, Detail: 6},
		"detail of none":    {What: TokenCreated, Detail: 1},
		"four letters":      {What: VerificationFailed, Detail: 0x74657874},
		"digest of none":    {What: SlotAdded, Digest: digest},
		"digest of a token": {What: TokenCreated, Digest: digest},
	} {
		if err := l.Record(e); err == nil {
			t.Errorf("%s: recorded", name)
		}
	}
	if err := l.Record(Event{What: SlotAdded, Detail: Escrow}); err != nil {
		t.Error(err)
	}
	if l.tree.size != 1 {
		t.Errorf("%d records", l.tree.size)
	}
}

// Numbers of events stand in logs for ever.
func TestEventNumbersAreFixed(t *testing.T) {
	names := []string{
		1: "start", 2: "configuration changed", 3: "role changed", 4: "person created", 5: "person removed", 6: "person disabled",
		7: "person enabled", 8: "invitation made", 9: "invitation used", 10: "slot added", 11: "slot removed", 12: "slot changed",
		13: "unlock failed", 14: "token created", 15: "token revoked", 16: "escrow used", 17: "exported", 18: "backed up",
		19: "restored", 20: "rollback accepted", 21: "key rotated", 22: "verification failed", 23: "model file changed",
		24: "clock went back", 25: "witness changed", 26: "heads of all vaults", 27: "sandbox tier", 28: "policy hit",
		29: "forged engine field", 30: "person renamed", 31: "shape refused",
		34: "people share engines", 35: "shared engine did not forget",
		45: "documents added", 46: "documents removed", 47: "library removed",
		50: "browser opened", 51: "certificate page without TLS",
	}
	for i, name := range names {
		if name == "" { // a number that nobody took yet
			name = fmt.Sprint("event ", i)
		}
		if i > 0 && What(i).String() != name {
			t.Errorf("event %d is %q, was %q", i, What(i), name)
		}
	}
	if len(rules) != len(names) {
		t.Errorf("%d events, this test knows %d: add the new one", len(rules), len(names))
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := Keys{Seed: []byte("canary-seed-canary-seed-canary-s"), Pseudonym: []byte("canary-pseudonym-canary-pseudony")}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&out, verb+" ", k)
		fmt.Fprintf(&out, verb+" ", &k)
		fmt.Fprintf(&out, verb+" ", []any{k})
	}
	b, _ := json.Marshal(map[string]any{"k": k})
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "keys", k)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "keys", k)
	for _, leak := range []string{"canary", "63616e617279", "99 97 110", "Y2FuYXJ5"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the keys print: %q", out.String())
		}
	}
	if control := fmt.Sprintf("%s", struct{ Seed []byte }{k.Seed}); !strings.Contains(control, "canary") {
		t.Error("this test does not see")
	}
}

func TestOneWriterAtATime(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, newClock().now)
	if _, err := Open(dir, testKeys(), time.Now); !errors.Is(err, ErrInUse) {
		t.Errorf("a second writer: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(event(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	openLog(t, dir, newClock().now)
}

func TestAnotherKeyDoesNotContinueALog(t *testing.T) {
	dir := makeLog(t, 3)
	other := testKeys()
	other.Seed[0] = 9
	if _, err := Open(dir, other, time.Now); err == nil || !strings.Contains(err.Error(), "move the folder elsewhere") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.TempDir(), Keys{Seed: []byte("short")}, time.Now); err == nil {
		t.Error("a short key was taken")
	}
	if _, err := verifyDir(t.TempDir(), Check{}); !errors.Is(err, ErrNoLog) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestManyWritersShareTheDisk(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, newClock().now)
	const writers, each = 16, 40
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				if err := l.Record(Event{What: TokenCreated, Actor: [16]byte{1: byte(w + 1)}, Object: [16]byte{2: byte(i + 1)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := verifyDir(dir, Check{})
	if err != nil || r.Records != writers*each {
		t.Fatalf("%+v, %v", r, err)
	}
	last := map[Pseudonym]int{} // by writer: how many of its own are there, in its order
	l = openLog(t, dir, time.Now)
	for _, rec := range records(t, os.DirFS(dir)) {
		want, _ := l.Pseudonym([16]byte{2: byte(last[rec.Actor] + 1)})
		if rec.Object != want {
			t.Fatalf("record %d is out of its writer's order", rec.Index)
		}
		last[rec.Actor]++
	}
}

// `abaton log verify` may be typed while the server writes.
func TestALogThatIsBeingWrittenCanBeVerified(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, newClock().now)
	done := make(chan error)
	go func() {
		for i := range 1500 {
			if err := l.RecordAll([]Event{event(i), event(i + 1), event(i + 2)}[:i%3+1]); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	last := int64(0)
	for n := 0; ; n++ {
		r, err := verifyDir(dir, Check{Since: [][]byte{l.Checkpoint()}})
		if err != nil || r.Records < last {
			t.Fatalf("verification %d: %+v, %v", n, r, err)
		}
		last = r.Records
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

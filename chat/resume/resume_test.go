package resume

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

var update = flag.Bool("update", false, "write the fixture anew")

// shop is a store that a test can make lie about rows.
type shop struct {
	vault.Store
	change func(in vault.ID, r vault.Row) (vault.Row, bool) // false leaves it out
}

func (s *shop) Rows(ctx context.Context, in vault.ID, named ...vault.ID) iter.Seq2[vault.Row, error] {
	return func(yield func(vault.Row, error) bool) {
		for r, err := range s.Store.Rows(ctx, in, named...) {
			if err == nil && s.change != nil {
				var ok bool
				if r, ok = s.change(in, r); !ok {
					continue
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir()+"/store.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &shop{Store: s}
}

// tenant is somebody with a vault that can be locked and opened again.
type tenant struct {
	t    *testing.T
	shop *shop
	name engine.Person
	id   vault.ID
	root *vault.Key
	v    *vault.Vault
}

func newTenant(t *testing.T, s *shop, name engine.Person) *tenant {
	t.Helper()
	x := &tenant{t: t, shop: s, name: name, id: vault.NewID(), root: vault.NewKey()}
	var err error
	if x.v, err = vault.Create(t.Context(), s, x.id, x.root, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.v.Close(); x.root.Clear() })
	return x
}

// in opens the vault anew for a keeper.
func (x *tenant) in(k *Keeper) {
	x.t.Helper()
	x.v.Close()
	var err error
	if x.v, err = vault.Open(x.t.Context(), x.shop, x.id, x.root, vault.Opening{}); err != nil {
		x.t.Fatal(err)
	}
	k.Opened(x.name, x.v)
}

func (x *tenant) keep(k *Keeper, l engine.Label, b []byte, instead ...string) string {
	x.t.Helper()
	if err := k.Keep(x.t.Context(), x.name, l, int64(len(b)), bytes.NewReader(b), instead); err != nil {
		x.t.Fatal(err)
	}
	list := x.list(k)
	return list[len(list)-1].ID
}

func (x *tenant) list(k *Keeper) []engine.Snapshot {
	x.t.Helper()
	list, err := k.Kept(x.t.Context(), x.name)
	if err != nil {
		x.t.Fatal(err)
	}
	return list
}

func (x *tenant) open(k *Keeper, id string) ([]byte, error) {
	var out bytes.Buffer
	err := k.Open(x.t.Context(), x.name, id, &out)
	return out.Bytes(), err
}

func of(n byte) engine.Label {
	return engine.Label{Setting: engine.Setting{Model: models.Digest{n}, Engine: [32]byte{n}, Context: 512, Cache: "f16 f16"},
		Format: "7173676704000000", Tokens: 200, Turns: 3, Last: [32]byte{n, 9}}
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// What was kept comes back, also after the vault was locked, with its label.
func TestRoundTrip(t *testing.T) {
	k, anna := New(1<<30), newTenant(t, newShop(t), "anna")
	anna.in(k)
	secret, err := k.Secret(t.Context(), "anna")
	if err != nil || secret == [32]byte{} {
		t.Fatal("no secret", err)
	}
	want := map[string][]byte{}
	for i, n := range []int{1, 1000, 1 << 20, partSize - 1, partSize, partSize + 1, 2*partSize + 12345} {
		b := noise(n)
		want[anna.keep(k, of(byte(i)), b)] = b
	}
	for range 2 {
		list := anna.list(k)
		if len(list) != len(want) {
			t.Fatalf("%d are kept", len(list))
		}
		for i, s := range list {
			if s.Label != of(byte(i)) {
				t.Errorf("label %+v", s.Label)
			}
			if b, err := anna.open(k, s.ID); err != nil || !bytes.Equal(b, want[s.ID]) {
				t.Errorf("%d of %d bytes: %v", len(b), len(want[s.ID]), err)
			}
		}
		anna.in(k)
		if again, err := k.Secret(t.Context(), "anna"); err != nil || again != secret {
			t.Errorf("another secret, %v", err)
		}
	}
	if err := k.Drop(t.Context(), "anna", []string{anna.list(k)[0].ID, "nothing"}); err != nil {
		t.Fatal(err)
	}
	if n := len(anna.list(k)); n != len(want)-1 {
		t.Errorf("%d are kept", n)
	}
	if err := k.Forget(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if n := len(anna.list(k)); n != 0 {
		t.Errorf("%d are kept after all were dropped", n)
	}
	if n := len(anna.v.List(vault.KindResume, vault.ID{})); n != 1 { // the secret
		t.Errorf("%d records are left", n)
	}
}

// Nobody has anything of somebody else, nor of a vault that is locked.
func TestLockedAndForeign(t *testing.T) {
	k, s := New(1<<30), newShop(t)
	anna, bert := newTenant(t, s, "anna"), newTenant(t, s, "bert")
	anna.in(k)
	bert.in(k)
	id := anna.keep(k, of(1), noise(1000))
	if _, err := bert.open(k, id); !errors.Is(err, errGone) {
		t.Errorf("bert opens anna's: %v", err)
	}
	if err := k.Drop(t.Context(), "bert", []string{id}); err != nil {
		t.Error(err)
	}
	a, _ := k.Secret(t.Context(), "anna")
	if b, _ := k.Secret(t.Context(), "bert"); a == b {
		t.Error("two persons have one secret")
	}
	k.Closed("anna")
	for name, err := range map[string]error{
		"open":   func() error { _, err := anna.open(k, id); return err }(),
		"keep":   k.Keep(t.Context(), "anna", of(1), 5, bytes.NewReader(noise(5)), nil),
		"secret": func() error { _, err := k.Secret(t.Context(), "anna"); return err }(),
		"forget": k.Forget(t.Context(), "anna"),
	} {
		if !errors.Is(err, vault.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	anna.in(k)
	if _, err := anna.open(k, id); err != nil {
		t.Error(err)
	}
}

// A store that flips a byte, cuts, leaves out, gives somebody else's or an older
// row is noticed, whatever row it is. What was written until then is not the
// snapshot, and Open does not say that it is.
func TestHostileStore(t *testing.T) {
	k, s := New(1<<30), newShop(t)
	anna, bert := newTenant(t, s, "anna"), newTenant(t, s, "bert")
	anna.in(k)
	bert.in(k)
	rows := func(x *tenant) map[vault.ID][]byte {
		all := map[vault.ID][]byte{}
		for r, err := range s.Store.Rows(t.Context(), x.id) {
			if err != nil {
				t.Fatal(err)
			}
			all[r.ID] = r.Envelope
		}
		return all
	}
	body := noise(partSize + 3<<20)
	before := rows(anna)
	old := anna.keep(k, of(1), body)
	older := rows(anna)
	id := anna.keep(k, of(1), body, old)
	theirs := bert.keep(k, of(1), body)
	whole := func(x *tenant, id string) []vault.ID {
		var ids []vault.ID
		for at := range rows(x) {
			if _, ok := older[at]; !ok && before[at] == nil {
				ids = append(ids, at)
			}
		}
		slices.SortFunc(ids, func(a, b vault.ID) int { return bytes.Compare(a[:], b[:]) })
		return ids
	}
	mine, other := whole(anna, id), rows(bert)
	if len(mine) < 20 {
		t.Fatalf("%d rows", len(mine))
	}
	foreign := func(size int, from map[vault.ID][]byte) []byte {
		for _, b := range from {
			if len(b) == size {
				return b
			}
		}
		return nil
	}
	ways := map[string]func([]byte) ([]byte, bool){
		"flip":    func(b []byte) ([]byte, bool) { b = bytes.Clone(b); b[rand.N(len(b))] ^= 1 << rand.N(8); return b, true },
		"cut":     func(b []byte) ([]byte, bool) { return b[:len(b)-1], true },
		"longer":  func(b []byte) ([]byte, bool) { return append(bytes.Clone(b), 0), true },
		"missing": func(b []byte) ([]byte, bool) { return nil, false },
		"bert's":  func(b []byte) ([]byte, bool) { b = foreign(len(b), other); return b, b != nil },
		"older":   func(b []byte) ([]byte, bool) { b = foreign(len(b), older); return b, b != nil },
	}
	tried := 0
	for name, way := range ways {
		for i, at := range mine {
			if i%3 != 0 && name != "flip" {
				continue
			}
			hit := false
			s.change = func(in vault.ID, r vault.Row) (vault.Row, bool) {
				if in != anna.id || r.ID != at {
					return r, true
				}
				hit = true
				b, ok := way(r.Envelope)
				return vault.Row{ID: r.ID, Envelope: b}, ok
			}
			b, err := anna.open(k, id)
			s.change = nil
			if !hit {
				continue // of the label, which is in memory
			}
			tried++
			if _, damaged := errors.AsType[*vault.Damage](err); !damaged {
				t.Fatalf("%s of row %d: %d bytes, %v", name, i, len(b), err)
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d were tried", tried)
	}
	if b, err := anna.open(k, id); err != nil || !bytes.Equal(b, body) {
		t.Errorf("the control fails: %v", err)
	}
	if b, err := bert.open(k, theirs); err != nil || !bytes.Equal(b, body) {
		t.Errorf("the control fails: %v", err)
	}
}

// A label that is damaged, of a later version, or lies about its parts is
// dropped at the opening; so is a part whose label was never written.
func TestUnusable(t *testing.T) {
	k, anna := New(1<<30), newTenant(t, newShop(t), "anna")
	anna.in(k)
	good := anna.keep(k, of(1), noise(1000))
	put := func(order uint64, payload string) {
		t.Helper()
		id := vault.NewID()
		if err := anna.v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: id, Kind: vault.KindResume, Order: order, Payload: []byte(payload)}}}); err != nil {
			t.Fatal(err)
		}
	}
	put(orderLabel, "rubbish")
	put(orderLabel, `{"v":2}`)
	put(1, "a part")
	put(orderSecret, "short")
	anna.in(k)
	if list := anna.list(k); len(list) != 1 || list[0].ID != good {
		t.Errorf("kept: %+v", list)
	}
	if n := len(anna.v.List(vault.KindResume, vault.ID{})); n != 3 { // secret, label, part
		t.Errorf("%d records are left", n)
	}
}

// A part that is well by itself and not the one that was kept is noticed.
func TestOtherPart(t *testing.T) {
	k, anna := New(1<<30), newTenant(t, newShop(t), "anna")
	anna.in(k)
	id := anna.keep(k, of(1), noise(1000))
	list := anna.v.List(vault.KindResume, vault.ID{})
	part := list[slices.IndexFunc(list, func(r vault.Record) bool { return r.Order == 1 })]
	if err := anna.v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: part.ID, Container: part.Container, Kind: part.Kind, Order: 1, Payload: noise(1024)[24:]}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.open(k, id); !errors.Is(err, errLabel) {
		t.Errorf("opened: %v", err)
	}
}

// The oldest go where the new one has no room; what is larger than all room is
// not kept, and nothing goes for it.
func TestRoom(t *testing.T) {
	k, anna := New(10_000), newTenant(t, newShop(t), "anna")
	anna.in(k)
	var ids []string
	for i := range 5 {
		ids = append(ids, anna.keep(k, of(byte(i)), noise(3000)))
	}
	left := func() (left []string) {
		for _, s := range anna.list(k) {
			left = append(left, s.ID)
		}
		return left
	}
	if got := left(); !slices.Equal(got, ids[2:]) {
		t.Errorf("%d left, not the newest three", len(got))
	}
	if err := k.Keep(t.Context(), "anna", of(9), 10_001, bytes.NewReader(noise(10_001)), nil); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	if got := left(); len(got) != 3 {
		t.Errorf("%d left", len(got))
	}
	last := anna.keep(k, of(9), noise(9000), ids[4])
	if got := left(); !slices.Equal(got, []string{last}) {
		t.Errorf("left: %v", got)
	}
}

// A writer that ends too early, or a lock in the middle, leaves nothing.
func TestBrokenOff(t *testing.T) {
	k, anna := New(1<<30), newTenant(t, newShop(t), "anna")
	anna.in(k)
	size := int64(partSize + 1000)
	if err := k.Keep(t.Context(), "anna", of(1), size, bytes.NewReader(noise(partSize+500)), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	after := &then{noise(int(size)), partSize, cancel}
	if err := k.Keep(ctx, "anna", of(1), size, after, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	anna.in(k)
	if list := anna.list(k); len(list) != 0 || len(anna.v.List(vault.KindResume, vault.ID{})) != 1 {
		t.Errorf("kept: %+v", list)
	}
	locking := &then{noise(int(size)), partSize, func() { anna.v.Close() }}
	if err := k.Keep(t.Context(), "anna", of(1), size, locking, nil); !errors.Is(err, vault.ErrLocked) {
		t.Error(err)
	}
	anna.in(k)
	if list := anna.list(k); len(list) != 0 {
		t.Errorf("kept: %+v", list)
	}
	if n := len(anna.v.List(vault.KindResume, vault.ID{})); n != 1 {
		t.Errorf("%d records are left", n)
	}
}

// then does something once so many bytes were read.
type then struct {
	left  []byte
	after int
	do    func()
}

func (r *then) Read(b []byte) (int, error) {
	if r.after <= 0 {
		r.do()
	}
	n := copy(b, r.left)
	r.left, r.after = r.left[n:], r.after-n
	return n, nil
}

// TestFixture holds the labels of both versions.
func TestFixture(t *testing.T) {
	l := label{Label: of(7), size: 1000, parts: []vault.ID{{1}}, at: time.UnixMilli(1700000000000)}
	got, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/label2.json"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("a label is %s, version 2 is %s, %v", got, want, err)
	}
	older, err := os.ReadFile("testdata/label1.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{want, older} {
		back, err := parseLabel(b)
		if err != nil || back.Label != l.Label || back.size != l.size || !slices.Equal(back.parts, l.parts) || !back.at.Equal(l.at) {
			t.Errorf("%+v, %v", back, err)
		}
	}
	if _, err := parseLabel(bytes.Replace(older, []byte(`"v":1`), []byte(`"v":2`), 1)); !errors.Is(err, errLabel) {
		t.Errorf("a label of two versions: %v", err)
	}
	for _, spoil := range [][2]string{{`"v":2`, `"v":1`}, {`"v":2`, `"v":3`}, {`"tokens":200`, `"tokens":0`}, {`"turns":3`, `"turns":-1`}, {`"size":1000`, `"size":99999999`},
		{`"size":1000`, `"size":-1`}, {`"model":"07`, `"model":"7`}, {`"last":"07`, `"last":"`}, {`"parts":[`, `"parts":[null,`}, {`"at":`, `"when":`}} {
		bad := bytes.Replace(want, []byte(spoil[0]), []byte(spoil[1]), 1)
		if bytes.Equal(bad, want) {
			t.Errorf("%s is not in a label", spoil[0])
		}
		if _, err := parseLabel(bad); !errors.Is(err, errLabel) {
			t.Errorf("%s was taken: %v", spoil[1], err)
		}
	}
}

func TestPadded(t *testing.T) {
	for n := int64(1); n < 1<<40; n = n*5/4 + 1 {
		p := padded(n)
		if p < n || p > n+n/8+1 || padded(p) != p {
			t.Errorf("%d is padded to %d, and that to %d", n, p, padded(p))
		}
	}
}

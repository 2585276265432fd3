package responses

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

var update = flag.Bool("update", false, "write the fixture anew")

func store(t *testing.T) vault.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir()+"/store.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t *testing.T, s vault.Store) *vault.Vault {
	t.Helper()
	root := vault.NewKey()
	t.Cleanup(root.Clear)
	v, err := vault.Create(t.Context(), s, vault.NewID(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

var noon = time.UnixMilli(1700000000000)

func TestKept(t *testing.T) {
	s := store(t)
	anna, bert := open(t, s), open(t, s)
	ctx := t.Context()
	large := bytes.Repeat([]byte("long "), 1<<20)
	for name, body := range map[string][]byte{"resp_a": []byte("one"), "resp_b": large, "resp_c": {}} {
		if err := Keep(ctx, anna, name, body, maxBytes, noon); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(ctx, anna, name); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, err := Find(ctx, bert, name); !errors.Is(err, ErrNone) {
			t.Errorf("%s in another vault: %v", name, err)
		}
		if err := Remove(ctx, bert, name); !errors.Is(err, ErrNone) {
			t.Errorf("%s removed through another vault: %v", name, err)
		}
	}
	n := 0
	for _, err := range All(ctx, anna) {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if n != 3 {
		t.Errorf("%d responses, want 3", n)
	}
	if err := Remove(ctx, anna, "resp_a"); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(ctx, anna, "resp_a"); !errors.Is(err, ErrNone) {
		t.Errorf("after its deletion: %v", err)
	}
	if err := Remove(ctx, anna, "resp_a"); !errors.Is(err, ErrNone) {
		t.Errorf("deleted twice: %v", err)
	}
	anna.Close()
	if _, err := Find(ctx, anna, "resp_b"); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if err := Keep(ctx, anna, "resp_d", nil, maxBytes, noon); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}

func TestNames(t *testing.T) {
	v := open(t, store(t))
	for _, name := range []string{"", strings.Repeat("n", 256)} {
		if err := Keep(t.Context(), v, name, nil, maxBytes, noon); err == nil {
			t.Errorf("a name of %d bytes was taken", len(name))
		}
		if _, err := Find(t.Context(), v, name); !errors.Is(err, ErrNone) {
			t.Errorf("a name of %d bytes: %v", len(name), err)
		}
	}
}

// What lies at a name's place under another kind, or under another name, is not
// that response.
func TestForeignRecord(t *testing.T) {
	v := open(t, store(t))
	put := func(name string, k vault.Kind, payload string) {
		t.Helper()
		id := place(v, name)
		if err := v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: id, Container: id, Kind: k, Payload: []byte(payload)}}}); err != nil {
			t.Fatal(err)
		}
	}
	put("turn", vault.KindTurn, "\x01\x04turnbody")
	put("other", vault.KindResponse, "\x01\x04turnbody")
	for _, name := range []string{"turn", "other"} {
		if _, err := Find(t.Context(), v, name); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, payload := range []string{"", "\x01", "\x02\x01nbody", "\x01\x00body", "\x01\x09short"} {
		name := "bad" + string(rune('0'+i))
		put(name, vault.KindResponse, payload)
		if _, err := Find(t.Context(), v, name); !errors.Is(err, errForm) {
			t.Errorf("payload %q: %v", payload, err)
		}
	}
}

// TestFixture holds the payload of version 1.
func TestFixture(t *testing.T) {
	v := open(t, store(t))
	if err := Keep(t.Context(), v, "resp_fixture", []byte(`{"v":1}`), maxBytes, noon); err != nil {
		t.Fatal(err)
	}
	got, err := v.Read(context.Background(), place(v, "resp_fixture"))
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/response1.bin"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("a payload is %q, version 1 is %q", got, want)
	}
	if name, body, err := parse(want); name != "resp_fixture" || string(body) != `{"v":1}` || err != nil {
		t.Errorf("%s %s %v", name, body, err)
	}
}

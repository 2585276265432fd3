package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestDerivedKeysAreApart derives under everything that could be mistaken for
// one another; no two keys may be the same.
func TestDerivedKeysAreApart(t *testing.T) {
	k, other := NewKey(), NewKey()
	b := func(parts ...string) (out [][]byte) {
		for _, p := range parts {
			out = append(out, []byte(p))
		}
		return out
	}
	seen := map[string]string{string(k.Bytes()): "the key", string(other.Bytes()): "the other key"}
	add := func(what string, key []byte) {
		if who, ok := seen[string(key)]; ok {
			t.Errorf("%s is the same as %s", what, who)
		}
		seen[string(key)] = what
	}
	for _, word := range []string{"a", "b", "", "mac/a", "record", "stream", "key/a", "a/v1"} {
		for _, c := range [][][]byte{nil, b(""), b("", ""), b("a"), b("a", ""), b("", "a"), b("ab"), b("a", "b"), b("\x00\x00\x00\x01a"), b(strings.Repeat("x", 70000))} {
			add(fmt.Sprintf("Derive(%q, %.20q)", word, c), k.Derive(word, c...).Bytes())
			add(fmt.Sprintf("other.Derive(%q, %.20q)", word, c), other.Derive(word, c...).Bytes())
			mac := k.MAC(word, c...)
			add(fmt.Sprintf("MAC(%q, %.20q)", word, c), mac[:])
			if !k.Verify(mac, word, c...) || other.Verify(mac, word, c...) || k.Verify(mac, word, append(c, nil)...) {
				t.Errorf("Verify(%q, %.20q)", word, c)
			}
			for i := range 256 {
				mac[i/8] ^= 1 << (i % 8)
				if k.Verify(mac, word, c...) {
					t.Fatalf("bit %d of a MAC may be changed", i)
				}
				mac[i/8] ^= 1 << (i % 8)
			}
		}
	}
	if !bytes.Equal(k.Derive("a", b("b")...).Bytes(), keyOf(t, k.Bytes()).Derive("a", b("b")...).Bytes()) {
		t.Error("the same is derived otherwise the second time")
	}
}

func TestKEKDependsOnEverything(t *testing.T) {
	secret, device := noise(16), NewKey()
	vault, slot := [16]byte{1}, [16]byte{2}
	seen := map[string]bool{}
	n := 0
	add := func(k *Key) { n++; seen[string(k.Bytes())] = true }
	add(KEK(secret, device, 1, vault, slot))
	add(KEK(secret, nil, 1, vault, slot))
	add(KEK(secret, keyOf(t, make([]byte, 32)), 1, vault, slot)) // as salt the same as none
	add(KEK(secret, NewKey(), 1, vault, slot))
	add(KEK(secret, device, 1, slot, vault))
	for i := range 128 {
		v, s, u := vault, slot, bytes.Clone(secret)
		v[i/8] ^= 1 << (i % 8)
		s[i/8] ^= 1 << (i % 8)
		u[i/8] ^= 1 << (i % 8)
		add(KEK(secret, device, 1, v, slot))
		add(KEK(secret, device, 1, vault, s))
		add(KEK(u, device, 1, vault, slot))
	}
	for kind := range 256 {
		if kind != 1 {
			add(KEK(secret, device, uint8(kind), vault, slot))
		}
	}
	add(KEK(nil, device, 1, vault, slot))
	add(KEK(append(bytes.Clone(secret), 0), device, 1, vault, slot))
	add(KEK(noise(5000), device, 1, vault, slot))
	if len(seen) != n {
		t.Errorf("%d ways give only %d keys", n, len(seen))
	}
}

func TestHeadDependsOnEverything(t *testing.T) {
	seen := map[Head]bool{}
	n := 0
	add := func(h Head) { n++; seen[h] = true }
	envelope := noise(40)
	add(NextHead(Head{}, 1, envelope))
	for i := range 256 {
		var prev Head
		prev[i/8] ^= 1 << (i % 8)
		add(NextHead(prev, 1, envelope))
	}
	for i := range 64 {
		add(NextHead(Head{}, 1^1<<i, envelope))
	}
	for i := range 8 * len(envelope) {
		e := bytes.Clone(envelope)
		e[i/8] ^= 1 << (i % 8)
		add(NextHead(Head{}, 1, e))
	}
	for i := range envelope {
		add(NextHead(Head{}, 1, envelope[:i]))
	}
	if len(seen) != n {
		t.Errorf("%d journals have only %d heads", n, len(seen))
	}
}

// TestHMACAndHKDF holds our own HMAC, which is there to be wiped, against the
// standard library's.
func TestHMACAndHKDF(t *testing.T) {
	for _, size := range []int{0, 1, 31, 32, 33, 63, 64, 65, 200} {
		key := noise(size)
		k := newKeyed(key)
		d := newDigest()
		for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 1000} {
			h := hmac.New(sha256.New, key)
			h.Write(noise(n))
			k.start(d)
			d.Write(noise(n))
			if got := k.finish(d, []byte("x")); !bytes.Equal(got[1:], h.Sum(nil)) || got[0] != 'x' {
				t.Errorf("HMAC of %d bytes under %d: %x", n, size, got)
			}
			want, err := hkdf.Expand(sha256.New, key, string(noise(n)), 76)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 76)
			if k.expand(got, noise(n)); !bytes.Equal(got, want) {
				t.Errorf("HKDF-Expand of %d bytes under %d: %x", n, size, got)
			}
		}
		k.wipe(d)
		if got, want := fmt.Sprintf("%#v", d), fmt.Sprintf("%#v", newDigest()); got != want {
			t.Errorf("something is left of what was hashed: %s", got)
		}
		k.clear()
		if !bytes.Equal(k.inner, make([]byte, len(k.inner))) || !bytes.Equal(k.outer, make([]byte, len(k.outer))) {
			t.Error("something is left of the key")
		}
	}
}

func TestClearedKey(t *testing.T) {
	var memory [32]byte
	copy(memory[:], noise(32))
	k := KeyAt(&memory)
	if !bytes.Equal(k.Derive("a").Bytes(), keyOf(t, noise(32)).Derive("a").Bytes()) {
		t.Error("a key in the caller's memory is another key")
	}
	b := NewKey()
	live := b.Bytes()
	k.Clear()
	b.Clear()
	b.Clear()
	if memory != [32]byte{} || !bytes.Equal(live, make([]byte, 32)) {
		t.Error("something is left of a cleared key")
	}
	for name, use := range map[string]func(){
		"Bytes":     func() { k.Bytes() },
		"Derive":    func() { k.Derive("a") },
		"MAC":       func() { k.MAC("a") },
		"NewSealer": func() { NewSealer(k) },
		"KEK":       func() { KEK(noise(32), k, 1, [16]byte{}, [16]byte{}) },
		"stream":    func() { SealStream(nil, k, Place{}) },
		"zero":      func() { new(Key).Bytes() },
	} {
		if !panics(use) {
			t.Errorf("%s works with a cleared key", name)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := KeyOf(make([]byte, n)); err == nil {
			t.Errorf("%d bytes are a key", n)
		}
	}
	given := noise(32)
	c := keyOf(t, given)
	clear(given)
	if !bytes.Equal(c.Bytes(), noise(32)) {
		t.Error("KeyOf keeps the caller's memory")
	}
}

// TestSecretsDoNotPrint prints in every way that fmt, json and slog have.
func TestSecretsDoNotPrint(t *testing.T) {
	k := NewKey()
	s := NewSealer(k)
	pair, err := PairOf(k)
	if err != nil {
		t.Fatal(err)
	}
	state := newKeyed(k.Bytes())
	secrets := [][]byte{k.Bytes(), state.inner[4:36], state.outer[4:36]}
	var stream bytes.Buffer
	w := SealStream(&stream, k, Place{})
	fmt.Fprint(w, "the content of a stream")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenStream(bytes.NewReader(stream.Bytes()), int64(stream.Len()), k, Place{})
	if err != nil {
		t.Fatal(err)
	}
	w = SealStream(nil, k, Place{})
	fmt.Fprint(w, "the content of a stream")
	secrets = append(secrets, []byte("the content of a stream"), bytes.Clone(r.stream.base[:]))
	values := []any{
		k, *k, []*Key{k}, map[string]*Key{"a": k}, struct{ K *Key }{k}, struct{ k *Key }{k}, struct{ k Key }{*k}, struct{ K Key }{*k},
		s, struct{ S *Sealer }{s}, struct{ s *Sealer }{s}, []*Sealer{s},
		pair, *pair, struct{ P *Pair }{pair}, struct{ p Pair }{*pair}, []Pair{*pair}, w, r, struct{ w *StreamWriter }{w}, struct{ r *StreamReader }{r}, struct{ a [1]Key }{[1]Key{*k}}, struct{ m map[int]Key }{map[int]Key{1: *k}}, []any{w, r}, fmt.Errorf("with %v and %v", k, s),
	}
	for i, v := range values {
		if leaks := printed(secrets, v); leaks != "" {
			t.Errorf("value %d, a %T, printed a secret: %s", i, v, leaks)
		}
	}
	// The search does find secrets: in what does not hide them.
	for name, v := range map[string]any{
		"bytes": k.Bytes(), "array": [32]byte(k.Bytes()), "field": struct{ K []byte }{k.Bytes()}, "hidden field": struct{ k [32]byte }{[32]byte(k.Bytes())},
		"state": struct{ b []byte }{state.inner}, "content": struct{ b []byte }{w.plain[:w.n]}, "base nonce": r.stream,
	} {
		if printed(secrets, v) == "" {
			t.Errorf("control %s: the search is blind", name)
		}
	}
}

// printed prints the values, and gives the form in which a part of a secret is
// seen in what it printed.
func printed(secrets [][]byte, values ...any) string {
	var out bytes.Buffer
	text, records := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%p", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		json.NewEncoder(&out).Encode(v)
		text.Info("m", "v", v, slog.Group("g", "v", v))
		records.Info("m", "v", v, slog.Group("g", "v", v))
	}
	for _, s := range secrets {
		for _, part := range [][]byte{s[:12], s[len(s)-12:]} {
			list := strings.Trim(fmt.Sprint(part), "[]")
			for _, form := range []string{
				string(part), fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), fmt.Sprintf("% x", part), list,
				strings.ReplaceAll(list, " ", ","), strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"),
				base64.StdEncoding.EncodeToString(s)[:16], fmt.Sprintf("%q", part),
			} {
				if strings.Contains(out.String(), form) {
					return form
				}
			}
		}
	}
	return ""
}

package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// This is a second reader of the format. It was written from the words of
// docs/formats/audit.md and RFC 6962, and uses nothing of package audit.

func vectors(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../docs/formats/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```vectors\n")
	block, _, ok := strings.Cut(rest, "```")
	v := map[string]string{}
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		v[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if !ok || len(v) != 21 {
		t.Fatalf("%d vectors in the page", len(v))
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unbase(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sum(parts ...any) []byte {
	h := sha256.New()
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			h.Write([]byte(p))
		case []byte:
			h.Write(p)
		case byte:
			h.Write([]byte{p})
		}
	}
	return h.Sum(nil)
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// mth is the Merkle Tree Hash of RFC 6962 section 2.1, in its own words.
func mth(d [][]byte) []byte {
	switch n := len(d); n {
	case 0:
		return sum()
	case 1:
		return sum(byte(0), d[0])
	default:
		k := 1 // the largest power of two smaller than n
		for k*2 < n {
			k *= 2
		}
		return sum(byte(1), mth(d[:k]), mth(d[k:]))
	}
}

func vkeyOf(name string, kind byte, pub []byte) (id []byte, text string) {
	id = sum(name, "\n", kind, pub)[:4]
	return id, name + "+" + hex.EncodeToString(id) + "+" + base64.StdEncoding.EncodeToString(append([]byte{kind}, pub...))
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/v1/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSecondReaderAgreesOnTheVectors(t *testing.T) {
	v := vectors(t)
	equal := func(name string, got any) {
		t.Helper()
		text, ok := got.(string)
		if b, raw := got.([]byte); raw {
			text, ok = hex.EncodeToString(b), true
		}
		if !ok || text != v[name] {
			t.Errorf("%s is %s, the page says %s", name, text, v[name])
		}
	}
	pub := []byte(ed25519.NewKeyFromSeed(unhex(t, v["seed"])).Public().(ed25519.PublicKey))
	equal("public", pub)
	origin := "abaton.local/audit/" + hex.EncodeToString(sum(pub)[:8])
	equal("origin", origin)
	_, text := vkeyOf(origin, 1, pub)
	equal("vkey", text)
	equal("first-link", sum("abaton.local/audit/link", origin)[:16])
	pseudonym := func(id []byte) []byte {
		if bytes.Equal(id, make([]byte, 16)) {
			return id
		}
		return mac(unhex(t, v["pseudonym-key"]), []byte("abaton.local/audit/pseudonym/v1\x00"), id)[:16]
	}
	equal("pseudonym", pseudonym(unhex(t, v["identifier"])))
	equal("heads-digest", mac(unhex(t, v["pseudonym-key"]), []byte("abaton.local/audit/heads/v1\x00"), binary.BigEndian.AppendUint64(nil, 1795000000), unhex(t, v["heads"])))
	// The first three leaves, from their meaning: at noon on 26 November 2026 a
	// program started, ten seconds later a member was created, and so on.
	id := func(first, last byte) []byte { return append(append([]byte{first}, make([]byte, 14)...), last) }
	none := make([]byte, 16)
	prev := unhex(t, v["first-link"])
	var leaves [][]byte
	for i, l := range []struct {
		event, result  byte
		detail         uint32
		actor, object  []byte
		digest0, digst byte
	}{
		{1, 0, 0, none, none, 0, 1},
		{4, 0, 2, id(1, 1), id(9, 0), 0, 0},
		{13, 1, 1, none, id(1, 2), 0, 0},
	} {
		b := []byte{1, l.event, l.result, 0}
		b = binary.BigEndian.AppendUint32(b, l.detail)
		b = binary.BigEndian.AppendUint64(b, 1795694400+uint64(i)*10)
		b = append(append(b, pseudonym(l.actor)...), pseudonym(l.object)...)
		b = append(append(b, l.digest0, l.digst), make([]byte, 30)...)
		prev = sum("abaton.local/audit/link", prev, b)[:16]
		leaves = append(leaves, append(b, prev...))
		equal(fmt.Sprintf("leaf-%d", i), leaves[i])
	}
	for n := range 4 {
		equal(fmt.Sprintf("root-%d", n), base64.StdEncoding.EncodeToString(mth(leaves[:n])))
	}
	head := unhex(t, v["checkpoints-0"])
	if !ed25519.Verify(pub, []byte(origin+"\n0\n"+v["root-0"]+"\n"), head[40:]) || !bytes.Equal(head[:40], append(make([]byte, 8), unbase(t, v["root-0"])...)) {
		t.Error("the first part of the history does not verify")
	}
	wpub := unbase(t, strings.SplitN(v["witness-vkey"], "+", 3)[2])[1:]
	wid, text := vkeyOf("witness.example.org/1", 4, wpub)
	equal("witness-vkey", text)
	equal("witness-file", "cosigned/"+hex.EncodeToString(sum("witness.example.org/1+" + hex.EncodeToString(wid))[:16]))
}

// checkpoint reads the three lines and the signatures below them.
func checkpoint(t *testing.T, b []byte) (text string, size int, root []byte, sigs map[string][]byte) {
	t.Helper()
	text, below, ok := strings.Cut(string(b), "\n\n")
	text += "\n"
	lines := strings.Split(text, "\n")
	if _, err := fmt.Sscan(lines[1], &size); err != nil || !ok || len(lines) != 4 {
		t.Fatalf("checkpoint %q", b)
	}
	sigs = map[string][]byte{}
	for line := range strings.Lines(below) {
		f := strings.Fields(line)
		sigs[f[1]] = unbase(t, f[2])
	}
	return text, size, unbase(t, lines[2]), sigs
}

func TestSecondReaderAgreesOnTheFolder(t *testing.T) {
	v := vectors(t)
	pub := ed25519.PublicKey(unhex(t, v["public"]))
	if string(file(t, "key")) != v["vkey"]+"\n" {
		t.Error("the key file has another key")
	}
	var leaves [][]byte
	prev, last, left := unhex(t, v["first-link"]), uint64(0), byte(0)
	for i := range 260 {
		bundle := file(t, fmt.Sprintf("tile/entries/%03d", i/256))
		at := i % 256 * 98
		leaf := bundle[at+2 : at+98]
		if !bytes.Equal(bundle[at:at+2], []byte{0, 96}) || leaf[0] != 1 {
			t.Fatalf("record %d has another format", i)
		}
		prev = sum("abaton.local/audit/link", prev, leaf[:80])[:16]
		if !bytes.Equal(prev, leaf[80:]) {
			t.Fatalf("record %d has another link", i)
		}
		if when := binary.BigEndian.Uint64(leaf[8:]); when < last && leaf[1] != 24 {
			t.Errorf("record %d goes back in time", i)
		} else {
			last = when
		}
		if left > 0 && leaf[3] != left-1 {
			t.Errorf("record %d is not of its group", i)
		}
		left = leaf[3]
		leaves = append(leaves, leaf)
		if h := file(t, fmt.Sprintf("tile/0/%03d", i/256))[i%256*32:][:32]; !bytes.Equal(h, sum(byte(0), leaf)) {
			t.Errorf("record %d has another hash", i)
		}
	}
	for name, size := range map[string]int{"tile/entries/000": 25088, "tile/entries/001": 4 * 98, "tile/0/000": 8192, "tile/0/001": 4 * 32, "tile/1/000": 32} {
		if n := len(file(t, name)); n != size {
			t.Errorf("%s has %d bytes, not %d", name, n, size)
		}
	}
	if !bytes.Equal(file(t, "tile/1/000"), mth(leaves[:256])) {
		t.Error("the tile of level 1 has another hash")
	}
	text, size, root, sigs := checkpoint(t, file(t, "checkpoint"))
	id, _ := vkeyOf(v["origin"], 1, pub)
	if sig := sigs[v["origin"]]; size != 260 || !bytes.Equal(root, mth(leaves)) || !bytes.Equal(sig[:4], id) || !ed25519.Verify(pub, []byte(text), sig[4:]) {
		t.Error("the checkpoint does not hold")
	}
	history := file(t, "checkpoints")
	before := -1
	for ; len(history) >= 104; history = history[104:] {
		n := int(binary.BigEndian.Uint64(history))
		text := fmt.Sprintf("%s\n%d\n%s\n", v["origin"], n, base64.StdEncoding.EncodeToString(mth(leaves[:n])))
		if n <= before || !bytes.Equal(history[8:40], mth(leaves[:n])) || !ed25519.Verify(pub, []byte(text), history[40:104]) {
			t.Errorf("the history at %d does not hold", n)
		}
		before = n
	}
	if before != 260 || len(history) != 0 {
		t.Errorf("the history ends at %d", before)
	}
	text, size, root, sigs = checkpoint(t, file(t, v["witness-file"]))
	wpub := unbase(t, strings.SplitN(v["witness-vkey"], "+", 3)[2])[1:]
	sig := sigs["witness.example.org/1"][4:]
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), text)
	if !bytes.Equal(root, mth(leaves[:size])) || !ed25519.Verify(wpub, []byte(message), sig[8:]) || !ed25519.Verify(pub, []byte(text), sigs[v["origin"]][4:]) {
		t.Error("the cosigned checkpoint does not hold")
	}
}

package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// canarySize is the length of every canary, so that all of them are looked for
// in one pass.
const canarySize = 20

// newCanary draws one: small letters and digits, so that it can be a name, a
// word of a text, or a passphrase, and no way of writing it changes it.
func newCanary() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, canarySize)
	rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b)
}

// spellings are the ways in which a canary may lie in a file, by name.
func spellings(canary string) map[string][]byte {
	plain := []byte(canary)
	s := map[string][]byte{
		"raw": plain,
		"hex": []byte(hex.EncodeToString(plain)),
		"HEX": []byte(strings.ToUpper(hex.EncodeToString(plain))),
	}
	for _, u := range utf16.Encode([]rune(canary)) {
		s["UTF-16LE"] = binary.LittleEndian.AppendUint16(s["UTF-16LE"], u)
		s["UTF-16BE"] = binary.BigEndian.AppendUint16(s["UTF-16BE"], u)
	}
	for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for before := range 3 {
			text := []byte(enc.EncodeToString(append(make([]byte, before), plain...)))
			// The characters that no neighbour has a bit in.
			from := (8*before + 5) / 6
			to := 8 * (before + len(plain)) / 6
			s[fmt.Sprintf("%s+%d", name, before)] = text[from:to]
		}
	}
	return s
}

// packings are the ways in which a spelling may lie compressed.
func packings() map[string]func([]byte) []byte {
	pack := func(open func(io.Writer) io.WriteCloser) func([]byte) []byte {
		return func(b []byte) []byte {
			var out bytes.Buffer
			w := open(&out)
			w.Write(b)
			w.Close()
			return out.Bytes()
		}
	}
	deflate := func(w io.Writer) io.WriteCloser {
		x, err := flate.NewWriter(w, 6)
		if err != nil {
			panic(err) // there is a level 6
		}
		return x
	}
	return map[string]func([]byte) []byte{
		"plain": bytes.Clone,
		"gzip":  pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zlib":  pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"zip": func(b []byte) []byte { // a local header, as archives have
			head := append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), make([]byte, 20)...)
			return append(head, pack(deflate)(b)...)
		},
		"gzip in zlib": func(b []byte) []byte {
			inner := pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })(b)
			return pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })(inner)
		},
	}
}

// sieve finds any of many canaries in every spelling, in one pass.
type sieve struct {
	maybe   []uint64 // a bit for each hash of eight bytes with which a spelling begins
	needles map[uint64][]needle
}

type needle struct {
	bytes    []byte
	spelling string
	what     string // where the canary was put
}

const (
	sieveBits  = 24
	sieveMaker = 0x9e3779b97f4a7c15
)

// newSieve looks for canaries, each with what it was.
func newSieve(canaries map[string]string) *sieve {
	s := &sieve{make([]uint64, 1<<(sieveBits-6)), map[uint64][]needle{}}
	for canary, what := range canaries {
		for name, b := range spellings(canary) {
			head := binary.LittleEndian.Uint64(b)
			h := head * sieveMaker >> (64 - sieveBits)
			s.maybe[h>>6] |= 1 << (h & 63)
			s.needles[head] = append(s.needles[head], needle{b, name, what})
		}
	}
	return s
}

// overlap is by how much pieces of a file that are searched apart overlap.
const overlap = 4 * canarySize

// finding says which canary was found where: never the canary itself.
type finding struct{ where, what, spelling, packed string }

func (f finding) String() string {
	return fmt.Sprintf("%s: %s, as %s, %s", f.where, f.what, f.spelling, f.packed)
}

// search hands on what is in b.
func (s *sieve) search(b []byte, hit func(needle)) {
	for i := 0; i+8 <= len(b); i++ {
		head := binary.LittleEndian.Uint64(b[i:])
		h := head * sieveMaker >> (64 - sieveBits)
		if s.maybe[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, n := range s.needles[head] {
			if bytes.HasPrefix(b[i:], n.bytes) {
				hit(n)
			}
		}
	}
}

// unpacker opens compressed streams that begin anywhere.
type unpacker struct {
	inflate io.ReadCloser
	gz      gzip.Reader
}

// Streams are opened so far, and to this depth.
const (
	mostUnpacked = 16 << 20
	deepest      = 2
)

// at gives what is packed in a stream that begins b, and how.
func (u *unpacker) at(b []byte) (how string, out []byte) {
	var in io.Reader
	switch {
	case len(b) < 8:
		return "", nil
	case b[0] == 0x1f && b[1] == 0x8b && b[2] == 8:
		if u.gz.Reset(bytes.NewReader(b)) != nil {
			return "", nil
		}
		how, in = "gzip", &u.gz
	case b[0]&0x8f == 8 && b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0 && b[1]&0x20 == 0:
		how, in = "zlib", u.flate(b[2:])
	case b[0] == 'P' && bytes.HasPrefix(b, []byte("PK\x03\x04")) && len(b) > 30 && b[8] == 8:
		skip := 30 + int(binary.LittleEndian.Uint16(b[26:])) + int(binary.LittleEndian.Uint16(b[28:]))
		if skip >= len(b) {
			return "", nil
		}
		how, in = "zip", u.flate(b[skip:])
	default:
		return "", nil
	}
	// What came before an error counts: a stream may be cut.
	out, _ = io.ReadAll(io.LimitReader(in, mostUnpacked))
	return how, out
}

func (u *unpacker) flate(b []byte) io.Reader {
	if u.inflate == nil {
		u.inflate = flate.NewReader(bytes.NewReader(b))
	} else if err := u.inflate.(flate.Resetter).Reset(bytes.NewReader(b), nil); err != nil {
		panic(err) // it never fails
	}
	return u.inflate
}

// sweeper searches many things and collects what it finds.
type sweeper struct {
	*sieve
	u      unpacker
	found  []finding
	bytes  int64 // searched, unpacked ones too
	files  int
	opened int // streams
}

// bytesAt searches b, and what is packed in it.
func (s *sweeper) bytesAt(where string, b []byte) { s.deep(where, "plain", b, 0) }

func (s *sweeper) deep(where, packed string, b []byte, depth int) {
	s.bytes += int64(len(b))
	s.search(b, func(n needle) { s.found = append(s.found, finding{where, n.what, n.spelling, packed}) })
	if depth == deepest {
		return
	}
	for i := range b {
		if c := b[i]; c != 0x1f && c != 0x78 && c != 'P' {
			continue
		}
		u := &s.u
		if depth > 0 {
			u = &unpacker{}
		}
		if how, out := u.at(b[i:]); len(out) >= canarySize {
			s.opened++
			s.deep(where, strings.TrimPrefix(packed+" > "+how, "plain > "), out, depth+1)
		}
	}
}

// file searches a file in pieces that overlap.
func (s *sweeper) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	s.files++
	const piece = 8 << 20
	buf := make([]byte, 0, piece+overlap)
	for in := bufio.NewReaderSize(f, 1<<20); ; {
		n, err := io.ReadFull(in, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		s.bytesAt(path, buf)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		} else if err != nil {
			return err
		}
		buf = buf[:copy(buf, buf[len(buf)-overlap:])]
	}
}

// tree searches every file below dir, and the names of all.
func (s *sweeper) tree(dir string) error {
	return fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		full := dir + "/" + path
		s.bytesAt("the name of "+full, []byte(path))
		if e.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(full)
			s.bytesAt("the link "+full, []byte(to))
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		return s.file(full)
	})
}

// The control of the search itself: each spelling in each packing is found, at
// every offset and over the border of two pieces; and what is not there is not.
func TestCanaryIsFound(t *testing.T) {
	canary := newCanary()
	s := newSieve(map[string]string{canary: "canary", newCanary(): "another"})
	for spelling, b := range spellings(canary) {
		for packing, pack := range packings() {
			for offset := range 5 {
				hay := make([]byte, 300+offset)
				rand.Read(hay)
				hay = append(append(hay, pack(slices.Concat([]byte("so: "), b, []byte(" it is")))...), hay[:40]...)
				x := sweeper{sieve: s}
				x.bytesAt("here", hay)
				// A short spelling can be another's: base64 of letters has no + and /.
				if !slices.ContainsFunc(x.found, func(f finding) bool { return f.what == "canary" && f.spelling == spelling }) {
					t.Errorf("%s, %s, offset %d: not found", spelling, packing, offset)
				}
				if slices.ContainsFunc(x.found, func(f finding) bool { return f.what != "canary" }) {
					t.Errorf("%s, %s: found what is not there", spelling, packing)
				}
			}
		}
	}
	big := t.TempDir() + "/big"
	for _, at := range []int{8<<20 - 30, 8<<20 - 1, 8 << 20, 8<<20 + overlap - 1} {
		b := make([]byte, at, at+100)
		if err := os.WriteFile(big, append(b, canary...), 0o600); err != nil {
			t.Fatal(err)
		}
		x := sweeper{sieve: s}
		if err := x.file(big); err != nil || len(x.found) == 0 {
			t.Errorf("at %d: %d found, %v", at, len(x.found), err)
		}
	}
	x := sweeper{sieve: s}
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	if x.bytesAt("noise", noise); len(x.found) > 0 {
		t.Errorf("found in noise: %v", x.found)
	}
}

package gguf

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"
)

// Token types of the engine's llama.h, 0 to 6.
const (
	lastTokenType = 6
	byteTokenType = 6
)

// maxPieces bounds the table that the engine builds for a PLaMo-2 vocabulary:
// it counts the rows, for each token at most the pairs of its characters, in
// 32 bits.
const maxPieces = 1 << 28

// vocabulary gathers what must agree between the arrays of the tokenizer.
type vocabulary struct {
	tokens  uint64
	hexByte bitset // tokens that read <0xNN>
	isByte  bitset // tokens whose type says that they stand for one byte
	pieces  uint64 // sum of squared token lengths
}

// bitset holds small numbers, one bit each.
type bitset []uint64

func newBitset(n uint64) bitset { return make(bitset, (n+63)/64) }

func (s bitset) add(i uint64) { s[i/64] |= 1 << (i % 64) }

// lacks finds a member of t that s has not.
func (s bitset) lacks(t bitset) (uint64, bool) {
	for i, w := range t {
		if i < len(s) {
			w &^= s[i]
		}
		if w != 0 {
			return uint64(i*64 + bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

// readTokens reads the vocabulary. The engine aborts when two tokens read the
// same, as far as it reads them: up to the first NUL, and an empty one gets a
// name made of its number.
func (v *vocabulary) readTokens(in *stream, field string, n uint64) error {
	if n == 0 || n > maxTokens {
		return refuse(field, "has %d tokens, 1 to %d are allowed", n, maxTokens)
	}
	v.tokens, v.hexByte = n, newBitset(n)
	seen := newFingerprints(n)
	return eachText(in, field, n, maxToken, func(i uint64, b []byte) string {
		if nul := bytes.IndexByte(b, 0); nul >= 0 {
			b = b[:nul]
		}
		if len(b) == 0 {
			b = append(strconv.AppendUint([]byte("[EMPTY_"), i, 10), ']')
		}
		if hexByte(b) {
			v.hexByte.add(i)
		}
		v.pieces += uint64(len(b)) * uint64(len(b))
		if !seen.add(b) {
			return "reads like an earlier token: " + quote(string(b))
		}
		return ""
	})
}

// hexByte reports whether a token reads <0xNN> with two hexadecimal digits.
func hexByte(b []byte) bool {
	return len(b) == 6 && b[0] == '<' && b[1] == '0' && b[2] == 'x' && hexDigit(b[3]) && hexDigit(b[4]) && b[5] == '>'
}

func hexDigit(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func (v *vocabulary) readTypes(in *stream, field string, n uint64) error {
	v.isByte = newBitset(n)
	return eachValue(in, field, n, 4, func(i uint64, b []byte) string {
		t := int32(binary.LittleEndian.Uint32(b))
		if t < 0 || t > lastTokenType {
			return "is token type " + strconv.Itoa(int(t)) + ", 0 to 6 are known"
		}
		if t == byteTokenType {
			v.isByte.add(i)
		}
		return ""
	})
}

// readScores refuses scores that are no numbers: the engine sorts by them.
func readScores(in *stream, field string, n uint64) error {
	return eachValue(in, field, n, 4, func(_ uint64, b []byte) string {
		if f := float64(math.Float32frombits(binary.LittleEndian.Uint32(b))); math.IsNaN(f) || math.IsInf(f, 0) {
			return "is not a finite number"
		}
		return ""
	})
}

// readMerges wants two pieces with a blank between; a piece may begin with one.
func readMerges(in *stream, field string, n uint64) error {
	return eachText(in, field, n, maxMerge, func(_ uint64, b []byte) string {
		if len(b) < 3 || bytes.IndexByte(b[1:len(b)-1], ' ') < 0 {
			return "is not two pieces with a blank between"
		}
		return ""
	})
}

// readCharsmap checks the table of a Unigram tokenizer: a length, that many
// bytes of 32-bit entries, then strings that each end in NUL.
func readCharsmap(in *stream, field string, n uint64) error {
	if n < 8 {
		return refuse(field, "has %d bytes, too few for its own length", n)
	}
	table, err := in.uint32(field)
	if err != nil {
		return err
	}
	if uint64(table)+4 >= n || table%4 != 0 {
		return refuse(field, "says its table has %d of %d bytes", table, n)
	}
	if err := in.skip(field, n-5); err != nil {
		return err
	}
	last, err := in.next(field, 1)
	if err != nil {
		return err
	}
	if last[0] != 0 {
		return refuse(field, "does not end its last string")
	}
	return nil
}

// fingerprints is a set of texts, kept as 64-bit hashes under a key made for
// this run: nobody can prepare two texts that collide, and by chance a million
// tokens do once in 30 million runs.
type fingerprints struct {
	seed  maphash.Seed
	slots []uint64 // open addressing, 0 is free
}

func newFingerprints(n uint64) *fingerprints {
	return &fingerprints{maphash.MakeSeed(), make([]uint64, uint64(1)<<bits.Len64(n+n/2))} // at most 2/3 full
}

// add reports whether b is new. At most the n texts promised may be added.
func (f *fingerprints) add(b []byte) bool {
	h := max(maphash.Bytes(f.seed, b), 1)
	mask := uint64(len(f.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch f.slots[i] {
		case 0:
			f.slots[i] = h
			return true
		case h:
			return false
		}
	}
}

package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWordList(t *testing.T) {
	words := strings.Fields(wordList)
	if len(words) != listWords || !slices.IsSorted(words) || len(slices.Compact(slices.Clone(words))) != listWords {
		t.Fatalf("%d words, or not sorted, or not unique", len(words))
	}
	for _, w := range words {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)?$`).MatchString(w) || len(w) < 3 || len(w) > 9 {
			t.Errorf("word %q", w)
		}
	}
}

func TestPhrasesAreSixWordsAndDiffer(t *testing.T) {
	words := strings.Fields(wordList)
	seen := map[string]bool{}
	used := map[string]bool{}
	for range 500 {
		p := NewPhrase()
		if err := CheckPassphrase(p.Reveal()); err != nil {
			t.Fatal(err)
		}
		s := string(p.Reveal())
		if seen[s] {
			t.Fatal("the same phrase twice")
		}
		seen[s] = true
		drawn := strings.Split(s, " ")
		if len(drawn) != phraseWords {
			t.Fatalf("%d words", len(drawn))
		}
		for _, w := range drawn {
			if _, ok := slices.BinarySearch(words, w); !ok {
				t.Fatal("a word that is not on the list")
			}
			used[w] = true
		}
		p.Clear()
		if len(bytes.Trim(p.Reveal(), "\x00")) != 0 {
			t.Fatal("Clear leaves something")
		}
	}
	if len(used) < 2200 { // of 3,000 draws about 2,490 differ
		t.Errorf("only %d words were ever drawn", len(used))
	}
}

// Words and hexadecimal digits of a digest say the same: the words are read back.
func TestDigestsInWords(t *testing.T) {
	list := strings.Fields(wordList)
	read := func(words string) string {
		n, spoken := new(big.Int), strings.Split(words, " ")
		if len(spoken) != digestWords {
			t.Fatalf("%d words", len(spoken))
		}
		for _, w := range spoken {
			i, ok := slices.BinarySearch(list, w)
			if !ok {
				t.Fatalf("%q is not on the list", w)
			}
			n.Add(n.Mul(n, big.NewInt(listWords)), big.NewInt(int64(i)))
		}
		return fmt.Sprintf("%032x", n)
	}
	sums := [][32]byte{{}, [32]byte(bytes.Repeat([]byte{0xff}, 32)), {15: 1}, {0: 1}}
	for i := range 200 {
		sums = append(sums, sha256.Sum256([]byte{byte(i)}))
	}
	for _, sum := range sums {
		if got, want := read(DigestWords(sum)), hex.EncodeToString(sum[:16]); got != want {
			t.Errorf("%x in words reads %s", sum, got)
		}
	}
	if got := DigestWords(sha256.Sum256([]byte("abaton"))); got != vectorWords {
		t.Errorf("the words have changed: %s", got)
	}
	// Every one of the 128 bits counts.
	sum := sha256.Sum256(nil)
	for bit := range 128 {
		other := sum
		other[bit/8] ^= 1 << (bit % 8)
		if DigestWords(other) == DigestWords(sum) {
			t.Errorf("bit %d changes no word", bit)
		}
	}
	if most := new(big.Int).Exp(big.NewInt(listWords), big.NewInt(digestWords), nil); most.BitLen() < 129 {
		t.Error("the words are too few for 128 bits")
	}
}

// vectorWords is the SHA-256 of "abaton".
const vectorWords = "balance envy olympics had aftermost roundness discount frail finlike hurling"

func TestBelowReachesBothEnds(t *testing.T) {
	for _, n := range []uint32{1, 2, 3, 32, 1 << 31, 1<<31 + 1, ^uint32(0)} {
		for range 100 {
			if v := below(n); v >= n {
				t.Fatalf("below(%d) = %d", n, v)
			}
		}
	}
	count := [3]int{}
	for range 3000 {
		count[below(3)]++
	}
	for _, c := range count {
		if c < 850 || c > 1150 { // six sigma
			t.Errorf("uneven: %v", count)
		}
	}
}

func TestPassphraseRules(t *testing.T) {
	for pass, want := range map[string]error{
		"":                          nil, // see below
		"eleven char":               ErrShortPassphrase,
		"twelve chars":              nil,
		"ééééééééééé!":              ErrPlainPassphrase,
		"aaaaaaaaaaaaaaaaaaaa":      ErrPlainPassphrase,
		"abcdabcdabcdabcd":          ErrPlainPassphrase,
		"abcdeabcdeab":              nil,
		"with a\ttab inside":        ErrBadPassphrase,
		"with a line\nbreak":        ErrBadPassphrase,
		"with a NUL \x00 in it":     ErrBadPassphrase,
		"with C1 \u0085 control":    ErrBadPassphrase,
		"not UTF-8 \xff\xfe at all": ErrBadPassphrase,
		"пароль из слов":            nil,
		"合言葉は長くなければならない":                   nil,
		strings.Repeat("abcde", 205):       ErrBadPassphrase,
		strings.Repeat("abcd", 255) + "ef": nil,
	} {
		if pass == "" {
			want = ErrShortPassphrase
		}
		if err := CheckPassphrase([]byte(pass)); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%.20q: %v, want %v", pass, err, want)
		}
	}
	a, err := normalised([]byte("cafe\u0301"))
	b, err2 := normalised([]byte("caf\u00e9"))
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Error("two ways of typing é are two passphrases")
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		" Olga ":                "Olga",
		"Jose\u0301":            "José",
		"Anna Maria":            "Anna Maria",
		"田中 さくら":                "田中 さくら",
		"":                      "",
		"   ":                   "",
		"a\x00b":                "",
		"a\nb":                  "",
		"a\tb":                  "",
		"\u202eagl O":           "", // right-to-left override
		"Olga\u200f":            "", // right-to-left mark
		"Ol\u2066ga\u2069":      "",
		"Ol\u200bga":            "", // zero width space
		"Ol\u200dga":            "",
		"Ol\u00adga":            "", // soft hyphen
		"Ol\u3164ga":            "", // Hangul filler
		"Ol\ufe0fga":            "",
		"Ol\u00a0ga":            "", // no-break space
		"a  b":                  "",
		"\xff":                  "",
		"\ue000":                "",
		strings.Repeat("é", 64): strings.Repeat("é", 64),
		strings.Repeat("e", 65): "",
	} {
		got, err := ParseName(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, same := range [][2]string{{"Olga", "OLGA"}, {"Straße", "STRASSE"}, {"ﬁn", "fin"}, {"Ａda", "ada"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"}} {
		if folded(same[0]) != folded(same[1]) {
			t.Errorf("%q and %q count as two", same[0], same[1])
		}
	}
}

func TestCalibrationStaysBetweenTheBounds(t *testing.T) {
	for _, perMiBPass := range []time.Duration{time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond, 600 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 2500 * time.Microsecond, 4 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		time1 := func(c Cost) time.Duration {
			return time.Duration(c.Memory>>10) * time.Duration(c.Passes) * perMiBPass
		}
		c := calibrate(time1)
		if err := c.check(); err != nil {
			t.Errorf("%v per MiB and pass: %+v: %v", perMiBPass, c, err)
		}
		took := time1(c)
		atFloor := c.Memory == floorMemory && c.Passes == floorPasses
		atCeiling := c.Memory == ceilingMemory && c.Passes == ceilingPasses
		if took > mostUnlock && !atFloor || took < 200*time.Millisecond && !atCeiling {
			t.Errorf("%v per MiB and pass: %+v takes %v", perMiBPass, c, took)
		}
	}
}

func TestCostsOutsideTheBoundsAreRefused(t *testing.T) {
	weak := []Cost{{}, {floorMemory - 1, 2, 1}, {floorMemory, 1, 1}, {floorMemory, 2, 0}}
	heavy := []Cost{{ceilingMemory + 1, 3, 4}, {64 << 10, ceilingPasses + 1, 4}, {64 << 10, 3, ceilingLanes + 1}, {^uint32(0), ^uint32(0), 255}}
	for _, c := range weak {
		if !errors.Is(c.check(), errWeakCost) {
			t.Errorf("%+v was taken", c)
		}
	}
	for _, c := range heavy {
		if !errors.Is(c.check(), errHeavyCost) {
			t.Errorf("%+v was taken", c)
		}
	}
	if usualCost().check() != nil || FloorCost().check() != nil {
		t.Error("our own costs are refused")
	}
}

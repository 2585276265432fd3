package library

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// inOrder sorts by names as people do: a capital and an accent make no difference
// but between names that are else the same, and "letter 9" comes before "letter 10".
func inOrder[T any](list []T, name func(T) string, then func(a, b T) int) {
	type keyed struct {
		key string
		of  T
	}
	all := make([]keyed, len(list))
	for i, x := range list {
		all[i] = keyed{sortKey(name(x)), x}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(name(a.of), name(b.of)), then(a.of, b.of))
	})
	for i, x := range all {
		list[i] = x.of
	}
}

// whole are letters that are no other one with a mark.
var whole = strings.NewReplacer("œ", "oe", "æ", "ae", "ø", "o", "ł", "l", "đ", "d")

// sortKey is a name in which letters are small and without marks, and how many digits
// a number has stands before them.
func sortKey(name string) string {
	var b strings.Builder
	digits := ""
	number := func() {
		if digits != "" {
			digits = strings.TrimLeft(digits, "0")
			b.WriteByte('0') // so that numbers stand where digits do
			b.WriteRune(rune(len(digits) + 1))
			b.WriteString(digits)
			digits = ""
		}
	}
	for _, r := range norm.NFKD.String(whole.Replace(cases.Fold().String(name))) {
		switch {
		case '0' <= r && r <= '9':
			digits += string(r)
			continue
		case unicode.Is(unicode.Mn, r):
			continue
		}
		number()
		b.WriteRune(r)
	}
	number()
	return b.String()
}

func byName(list []Document) {
	inOrder(list, func(d Document) string { return d.Name }, func(a, b Document) int {
		return cmp.Or(a.Added.Compare(b.Added), bytes.Compare(a.ID[:], b.ID[:]))
	})
}

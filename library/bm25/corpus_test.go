package bm25

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
)

// corpus makes texts of about 1,000 bytes whose words are as unequal as those
// of a language (Zipf), and queries of two to ten of these words.
func corpus(n int) (docs []Document, queries []string) {
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.07, 3, 60000)
	words := make([]string, 60001)
	for i := range words {
		word := make([]byte, 3+r.IntN(8))
		for k := range word {
			word[k] = byte('a' + r.IntN(26))
		}
		words[i] = string(word)
	}
	var text strings.Builder
	for i := range n {
		text.Reset()
		for text.Len() < 1000 {
			text.WriteString(words[zipf.Uint64()])
			text.WriteByte(' ')
		}
		var id ID
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		binary.BigEndian.PutUint64(id[8:], uint64(i))
		docs = append(docs, Document{id, text.String()})
	}
	for range 200 {
		var q []string
		for range 2 + r.IntN(9) {
			q = append(q, words[zipf.Uint64()])
		}
		queries = append(queries, strings.Join(q, " "))
	}
	return docs, queries
}

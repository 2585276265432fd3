// Package bm25 finds texts by their words. An [Index] holds what one person may
// search, in memory only: immutable segments, which have an encoding to be
// sealed and kept, and an open part for what came since. It ranks by BM25 over
// the documents that live: what was deleted leaves no trace in a result, not
// even in a score, and it makes no difference how documents lie in segments.
//
// It knows nothing of vaults, files, clocks or languages: every word is found
// as it was written, without its diacritics, and by its English and its French
// stem. Phrases, prefixes and meaning are left to others.
//
//	x := bm25.NewIndex()
//	x.Add(bm25.Document{ID: id, Text: "the rain in Spain"})
//	hits := x.Search(bm25.ParseQuery("rains"), 10)
package bm25

// The parameters of the ranking, those of Anserini, good for short and long
// texts alike (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
// 2009, for what they mean).
const (
	k1 = 0.9
	b  = 0.4
)

// ID names a document. It is the caller's.
type ID [16]byte

// Document is a text to be found.
type Document struct {
	ID   ID
	Text string
}

// Hit is a document that was found. Scores of one search can be compared, those
// of two cannot.
type Hit struct {
	ID    ID
	Score float64
}

// posting says how often a word stands in a document.
type posting struct {
	doc   uint32 // its number in the segment or the open part
	count uint32
}

package bm25

import "encoding/binary"

// writer makes a segment: first all documents in ascending order of their IDs,
// then all terms in ascending order.
type writer struct {
	n        int
	ids      []byte
	lengths  []uint32
	terms    int
	previous string
	dict     []byte
	posts    []byte
	heads    []head
}

func newWriter(docs int) *writer {
	return &writer{n: docs, ids: make([]byte, 0, docs*16), lengths: make([]uint32, 0, docs)}
}

func (w *writer) doc(id ID, length uint32) {
	w.ids = append(w.ids, id[:]...)
	w.lengths = append(w.lengths, length)
}

// term takes a term and its postings, in ascending order of documents.
func (w *writer) term(term string, list []posting) {
	shared := 0
	if w.terms%block == 0 {
		w.heads = append(w.heads, head{uint32(len(w.dict)), uint32(len(w.posts))})
	} else {
		for shared < len(term) && shared < len(w.previous) && term[shared] == w.previous[shared] {
			shared++
		}
	}
	begin := len(w.posts)
	next := uint32(0)
	for _, p := range list {
		v := uint64(p.doc-next) << 1
		if p.count > 1 {
			w.posts = binary.AppendUvarint(w.posts, v|1)
			w.posts = binary.AppendUvarint(w.posts, uint64(p.count))
		} else {
			w.posts = binary.AppendUvarint(w.posts, v)
		}
		next = p.doc + 1
	}
	w.dict = binary.AppendUvarint(w.dict, uint64(shared))
	w.dict = binary.AppendUvarint(w.dict, uint64(len(term)-shared))
	w.dict = append(w.dict, term[shared:]...)
	w.dict = binary.AppendUvarint(w.dict, uint64(len(list)))
	w.dict = binary.AppendUvarint(w.dict, uint64(len(w.posts)-begin))
	w.previous = term
	w.terms++
}

func (w *writer) segment() *Segment {
	b := make([]byte, 0, len(magic)+64+len(w.ids)+2*len(w.lengths)+len(w.dict)+len(w.posts))
	b = append(b, magic...)
	b = append(b, format)
	b = binary.AppendUvarint(b, Analysis)
	b = binary.AppendUvarint(b, uint64(len(w.lengths)))
	at := len(b)
	b = append(b, w.ids...)
	s := &Segment{analysis: Analysis, lengths: w.lengths, terms: w.terms, heads: w.heads}
	for _, l := range w.lengths {
		b = binary.AppendUvarint(b, uint64(l))
		s.words += uint64(l)
	}
	b = binary.AppendUvarint(b, uint64(w.terms))
	b = binary.AppendUvarint(b, uint64(len(w.dict)))
	dict := len(b)
	b = append(b, w.dict...)
	b = binary.AppendUvarint(b, uint64(len(w.posts)))
	posts := len(b)
	b = append(b, w.posts...)
	s.encoded = b
	s.ids, s.dict, s.posts = b[at:at+len(w.ids)], b[dict:dict+len(w.dict)], b[posts:]
	return s
}

package bm25

import "bytes"

// source is a segment and which of its documents do not count.
type source struct {
	seg  *Segment
	dead func(doc uint32) bool
}

const gone = ^uint32(0)

// merge makes one segment of the living documents of several, nil when there
// are none. It is what building anew from those documents' texts would make. A
// document must live in one of them only.
func merge(sources []source) *Segment {
	n := 0
	for _, s := range sources {
		n += s.seg.Len()
	}
	w := newWriter(n)
	moved := make([][]uint32, len(sources))
	at := make([]uint32, len(sources))
	for i, s := range sources {
		moved[i] = make([]uint32, s.seg.Len())
	}
	for {
		least := -1
		var id ID
		for i, s := range sources {
			for int(at[i]) < s.seg.Len() && s.dead(at[i]) {
				moved[i][at[i]] = gone
				at[i]++
			}
			if int(at[i]) == s.seg.Len() {
				continue
			}
			if x := s.seg.id(at[i]); least < 0 || bytes.Compare(x[:], id[:]) < 0 {
				least, id = i, x
			}
		}
		if least < 0 {
			break
		}
		moved[least][at[least]] = uint32(len(w.lengths))
		w.doc(id, sources[least].seg.lengths[at[least]])
		at[least]++
	}
	if len(w.lengths) == 0 {
		return nil
	}
	mergeTerms(w, sources, moved)
	return w.segment()
}

func mergeTerms(w *writer, sources []source, moved [][]uint32) {
	type walk struct {
		cursor
		moved []uint32
	}
	var walks []*walk
	for i, s := range sources {
		k := &walk{cursor{s: s.seg}, moved[i]}
		if k.next() {
			walks = append(walks, k)
		}
	}
	var term []byte
	var list, raw, other []posting
	for len(walks) > 0 {
		term = append(term[:0], walks[0].term...)
		for _, k := range walks[1:] {
			if bytes.Compare(k.term, term) < 0 {
				term = append(term[:0], k.term...)
			}
		}
		list = list[:0]
		left := walks[:0]
		for _, k := range walks {
			if !bytes.Equal(k.term, term) {
				left = append(left, k)
				continue
			}
			raw = k.postings(raw[:0])
			keep := raw[:0]
			for _, p := range raw {
				if to := k.moved[p.doc]; to != gone {
					keep = append(keep, posting{to, p.count})
				}
			}
			other = interleave(other[:0], list, keep)
			list, other = other, list
			if k.next() {
				left = append(left, k)
			}
		}
		walks = left
		if len(list) > 0 {
			w.term(string(term), list)
		}
	}
}

// interleave appends two ascending lists to out, ascending.
func interleave(out, a, b []posting) []posting {
	for len(a) > 0 && len(b) > 0 {
		if a[0].doc < b[0].doc {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

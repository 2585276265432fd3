package vector

import (
	"bytes"
	"slices"
)

const (
	// signsFrom is from how many vectors on signs are looked at first. Below,
	// looking at everything is fast enough.
	signsFrom = 50_000

	// oversampling is how many vectors, for each that is wanted, the signs choose.
	oversampling = 10

	// sampled vectors are looked for in a trial, each for its trialHits nearest.
	sampled   = 40
	trialHits = 10

	// enough is the share of the nearest vectors that the signs must not lose.
	enough = 0.98
)

// trial is what [Index.Calibrate] found.
type trial struct {
	size   int // vectors there were
	recall float64
}

// Search gives the n vectors nearest to v, nearest first; of equals, the one
// with the smaller ID.
func (x *Index) Search(v []float32, n int) ([]Hit, error) {
	numbers, err := quantize(v, x.space.Dims, fine)
	if err != nil || n <= 0 {
		return nil, err
	}
	q := ask(numbers)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.signsHold() {
		return x.bySigns(&q, n, nil), nil
	}
	return x.all(&q, n, nil), nil
}

// signsHold says whether the last trial allows to look at signs first. An index
// that has doubled since is another one.
func (x *Index) signsHold() bool {
	n := x.size()
	return n >= signsFrom && x.tried.recall >= enough && n <= 2*x.tried.size
}

// all looks at every vector.
func (x *Index) all(q *asked, n int, without *ID) []Hit {
	found := best{n: n}
	for _, p := range x.parts {
		for i := range p.rows.len() {
			if p.isDead(i) {
				continue
			}
			if h := (Hit{Cosine: q.cosine(p.rows, i)}); len(found.hits) < n || h.Cosine >= found.hits[n-1].Cosine {
				if h.ID = p.id(i); without == nil || h.ID != *without {
					found.take(h)
				}
			}
		}
	}
	return found.hits
}

// bySigns looks at the signs of every vector and at the vectors that agree in
// most. All that agree equally are looked at, or how vectors lie in segments
// would make a difference.
func (x *Index) bySigns(q *asked, n int, without *ID) []Hit {
	total := 0
	for _, p := range x.parts {
		total += p.rows.len()
	}
	far := make([]uint16, 0, total)
	counts := make([]int, x.space.Dims+1)
	for _, p := range x.parts {
		for i := range p.rows.len() {
			d := apart(q.signs, p.rows.sign(i))
			far = append(far, uint16(d))
			if !p.isDead(i) {
				counts[d]++
			}
		}
	}
	limit, seen := 0, 0
	for ; limit < len(counts); limit++ {
		if seen += counts[limit]; seen >= n*oversampling {
			break
		}
	}
	found := best{n: n}
	at := 0
	for _, p := range x.parts {
		for i, d := range far[at : at+p.rows.len()] {
			if int(d) <= limit && !p.isDead(i) {
				if id := p.id(i); without == nil || id != *without {
					found.take(Hit{id, q.cosine(p.rows, i)})
				}
			}
		}
		at += p.rows.len()
	}
	return found.hits
}

// Calibrate looks for some of the index's own vectors, and for places between
// some, by their signs first and among all, and remembers how many the signs
// lose: searching relies on them only where that is next to none, only in a
// large index, and until it has doubled. It gives the share that the signs
// found; 1 without a trial where the index is small. It takes 40 times as long
// as a search, but holds nobody up for longer than one.
func (x *Index) Calibrate() (recall float64) {
	x.mu.RLock()
	n := x.size()
	var samples []sample
	if n >= signsFrom {
		samples = x.sample(sampled)
	}
	x.mu.RUnlock()
	if n < signsFrom {
		return 1
	}
	found, wanted := 0, 0
	for _, s := range samples {
		f, w := x.try(s)
		found, wanted = found+f, wanted+w
	}
	recall = float64(found) / float64(max(wanted, 1))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tried = trial{n, recall}
	return recall
}

// try counts how many of the vectors nearest to a sample the signs find.
func (x *Index) try(s sample) (found, wanted int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	got := x.bySigns(&s.query, trialHits, &s.id)
	want := x.all(&s.query, trialHits, &s.id)
	for _, h := range want {
		if slices.Contains(got, h) {
			found++
		}
	}
	return found, len(want)
}

type sample struct {
	id    ID
	query asked
}

// sample gives the vectors with the smallest IDs, which are no choice of
// anybody's where IDs are random, and the same ones however they lie.
func (x *Index) sample(n int) (samples []sample) {
	type place struct {
		id  ID
		row []byte
	}
	var list []place
	for _, p := range x.parts {
		for i := range p.rows.len() {
			if p.isDead(i) {
				continue
			}
			id := p.id(i)
			if len(list) == n && bytes.Compare(id[:], list[n-1].id[:]) >= 0 {
				continue
			}
			at, _ := slices.BinarySearchFunc(list, id, func(s place, id ID) int { return bytes.Compare(s.id[:], id[:]) })
			list = slices.Insert(list, at, place{id, p.rows.row(i)})
			list = list[:min(n, len(list))]
		}
	}
	for k, p := range list {
		numbers := make([]int32, x.space.Dims)
		for i, b := range p.row {
			numbers[i] = int32(int8(b))
			if k%2 == 1 { // questions are not as near to what answers them as texts of one kind are to each other
				numbers[i] = 2*numbers[i] + int32(int8(list[k-1].row[i]))
			}
		}
		samples = append(samples, sample{p.id, ask(numbers)})
	}
	return samples
}

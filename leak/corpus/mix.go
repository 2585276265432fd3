package corpus

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// donors is among how many answers at least, those with prompts about as long, one
// is drawn to lend its times.
const donors = 40

// Mix gives every answer the times of another one, drawn by lot among those whose
// prompts are about as long. Prompts that are recorded at different hours meet a
// machine in different moods: without this an attack would tell the hours apart
// and seem to know the topics. How long an engine reads still goes with the length
// of the prompt; which piece took how long no longer goes with its text.
func Mix(recordings []Recording, seed uint64) []Recording {
	// An answer of one piece has no pace to lend.
	var lend []Recording
	for _, r := range recordings {
		if len(r.Pieces) > 1 {
			lend = append(lend, r)
		}
	}
	out := slices.Clone(recordings)
	if len(lend) == 0 {
		return out
	}
	slices.SortStableFunc(lend, func(a, b Recording) int { return cmp.Compare(a.PromptTokens, b.PromptTokens) })
	r := rand.New(rand.NewPCG(seed, 15))
	for i, own := range recordings {
		from, _ := slices.BinarySearchFunc(lend, own.PromptTokens, func(r Recording, n int) int { return cmp.Compare(r.PromptTokens, n) })
		to, _ := slices.BinarySearchFunc(lend, own.PromptTokens+1, func(r Recording, n int) int { return cmp.Compare(r.PromptTokens, n) })
		// All that are exactly as long, and where they are few those beside them.
		for to-from < donors && to-from < len(lend) {
			from, to = max(0, from-1), min(len(lend), to+1)
		}
		out[i].Pieces, out[i].Stopped = paced(own.Pieces, lend[from+r.IntN(to-from)])
	}
	return out
}

// paced is pieces at the donor's pace. Where it has fewer, its gaps begin again
// behind the first, which is the time that the prompt took.
func paced(pieces []Piece, donor Recording) (out []Piece, stopped time.Duration) {
	last, gaps := time.Duration(0), make([]time.Duration, 0, len(donor.Pieces))
	for _, p := range donor.Pieces {
		gaps = append(gaps, p.At-last)
		last = p.At
	}
	if len(pieces) == 0 {
		return nil, gaps[0] + donor.Stopped - last
	}
	at := time.Duration(0)
	for i, p := range pieces {
		if i > 0 {
			i = 1 + (i-1)%(len(gaps)-1)
		}
		at += gaps[i]
		out = append(out, Piece{p.Text, at})
	}
	return out, at + donor.Stopped - last
}

package engine

import (
	"context"
	"crypto/sha256"
	"slices"
)

// composed refuses messages that are clean one by one and spell a control token
// where the template joins them, with each other or with words of its own: the
// prompt then has more of them than the texts and the template have.
func (s *scrubber) composed(ctx context.Context, v view) error {
	if v.failed != nil {
		return v.failed
	}
	more := tally(v.whole)
	for id, n := range tally(v.tokens) {
		more[id] -= n
	}
	s.mu.Lock()
	for id, n := range more {
		if n <= v.own[id] || s.words[id] {
			delete(more, id)
		}
	}
	s.mu.Unlock()
	if len(more) == 0 {
		return nil
	}
	// Words that only stand where two texts meet, most likely.
	pieces, err := s.client.pieces(ctx, []string{v.prompt})
	if err != nil {
		return err
	}
	var odd []string
	var ids []int
	for _, t := range pieces {
		p, ok := t.text()
		if _, is := more[t.ID]; !is || !ok || slices.Contains(ids, t.ID) {
			continue
		}
		if slices.Contains(s.markers, p) {
			return spelledAcross()
		}
		odd, ids = append(odd, p), append(ids, t.ID)
	}
	_, dirty, err := s.dirty(ctx, odd)
	if err != nil {
		return err
	}
	if dirty {
		return spelledAcross()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.words[id] = true
	}
	return nil
}

// scaffold tells how often the template itself sets which token around such a
// prompt: what it makes of harmless texts in their place.
func (s *scrubber) scaffold(ctx context.Context, p Prompt) (map[int]int, error) {
	script, err := newScript(p, s.shown)
	if err != nil {
		return nil, err
	}
	harmless := s.seen(script.harmless())
	body, err := encodeChat(blind(harmless.Messages), shaping(harmless.Options), steering{})
	if err != nil {
		return nil, err
	}
	shape := sha256.Sum256(body)
	s.mu.Lock()
	own, known := s.own[shape]
	s.mu.Unlock()
	if known {
		return own, nil
	}
	prompt, err := s.client.template(ctx, body)
	if err != nil {
		return nil, err
	}
	ids, err := s.client.tokenize(ctx, []string{prompt}, true)
	if err != nil {
		return nil, err
	}
	own = tally(ids)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) >= maxShapes {
		clear(s.own)
	}
	s.own[shape] = own
	return own, nil
}

func spelledAcross() *Fault {
	return outOfRange("messages", "two of them together spell a control token of the model")
}

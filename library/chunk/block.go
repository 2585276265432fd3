package chunk

// block packs pieces that may share a passage: paragraphs of one section, or
// the lines of one table.
type block struct {
	c     *cutter
	kind  Kind
	start int    // where it begins
	lead  string // of the passage that begins there
	again string // of the others
	room  int    // tokens that a passage has for its text
	goal  int    // and those it is filled with

	held, list         []piece // full, and being filled
	heldCost, listCost int
}

// piece is a stretch of text that goes into one passage.
type piece struct {
	span
	page int
	cost int // tokens
}

// block makes one; without another, its lead is that of all its passages.
func (c *cutter) block(kind Kind, at span, lead, again string) *block {
	if again == "" {
		again = lead
	}
	room := c.limits.Cap
	if again != "" {
		room -= c.count(again)
	}
	return &block{c: c, kind: kind, start: at.start, lead: lead, again: again, room: room, goal: min(c.limits.Target, room)}
}

// fill takes a stretch of text: whole where it fits, otherwise in parts.
func (b *block) fill(at span, page int, parts func(string) []span) {
	text := b.c.doc.Text[at.start:at.end]
	if cost := b.c.count(text); cost <= b.room {
		b.take(piece{at, page, cost})
		return
	}
	for _, p := range parts(text) {
		b.halve(span{at.start + p.start, at.start + p.end}, page)
	}
}

// halve takes a stretch of text, cut in two as often as it takes.
func (b *block) halve(at span, page int) {
	cost := b.c.count(b.c.doc.Text[at.start:at.end])
	if cost > b.room {
		if left, right, ok := halves(b.c.doc.Text, at); ok {
			b.halve(left, page)
			b.halve(right, page)
			return
		}
	}
	b.take(piece{at, page, cost})
}

// take puts a piece into the passage, which is full where it would go beyond
// its goal; one that is not half full takes more, as long as there is room.
func (b *block) take(x piece) {
	if sum := b.listCost + x.cost; len(b.list) > 0 && sum > b.goal && (b.listCost >= b.goal/2 || sum > b.room) {
		b.emit(b.held)
		b.held, b.heldCost = b.list, b.listCost
		b.list, b.listCost = nil, 0
	}
	b.list = append(b.list, x)
	b.listCost += x.cost
}

// flush makes passages of what is left. A small rest goes with the one before.
func (b *block) flush() {
	if b.listCost < b.goal/4 && b.heldCost+b.listCost <= b.room {
		b.held, b.list = append(b.held, b.list...), nil
	}
	b.emit(b.held)
	b.emit(b.list)
	b.held, b.list = nil, nil
}

// emit makes a passage of pieces that follow each other, or several where the
// whole has more tokens than its parts had.
func (b *block) emit(list []piece) {
	if len(list) == 0 {
		return
	}
	c := b.c
	first, last := list[0], list[len(list)-1]
	lead := b.again
	if first.start == b.start {
		lead = b.lead
	}
	tokens := c.count(together(lead, c.doc.Text[first.start:last.end]))
	if tokens > c.limits.Cap {
		if half := len(list) / 2; half > 0 {
			b.emit(list[:half])
			b.emit(list[half:])
			return
		}
		if left, right, ok := halves(c.doc.Text, first.span); ok {
			b.emit([]piece{{left, first.page, 0}})
			b.emit([]piece{{right, first.page, 0}})
			return
		}
	}
	c.doc.Passages = append(c.doc.Passages, Passage{
		Start: first.start, End: last.end, Page: first.page, LastPage: last.page,
		Kind: b.kind, Section: c.section, Lead: lead, Tokens: tokens,
	})
}

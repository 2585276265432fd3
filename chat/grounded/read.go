package grounded

import (
	"context"
	"errors"
	"slices"
	"strings"

	"abaton.local/library"
	"abaton.local/library/find"
	"abaton.local/vault"
)

// around is how many passages before and behind one are looked at to widen it.
const around = 16

// senderCap is how many passages of one sender's mails are read.
func senderCap() int { return find.Usual().Sender }

// reader makes passages of what was found.
type reader struct {
	*fence
	senders map[vault.ID]string
	damage  []error
}

// one makes a passage of a stretch of a document.
func (r *reader) one(ctx context.Context, d library.Document, shelf string, parts []library.Part) Passage {
	p := joined(parts, false)
	p.Document, p.Library = d, shelf
	p.Origin = origin(d, r.document, func(d library.Document) string { return r.sender(ctx, d) })
	p.Label = p.Origin.Label
	p.Badges = badges(d, p.Heading, p.Text)
	return p
}

// joined is a stretch of a document in one piece. Titled, each title stands where what
// it is over begins, as it does in the document.
func joined(parts []library.Part, titled bool) (p Passage) {
	var b strings.Builder
	end, over := 0, ""
	for i, x := range parts {
		text := x.Text
		if titled && (i == 0 || x.Start >= end) {
			text = titles(over, x.Heading, text)
			over = x.Heading
		}
		switch {
		case i == 0:
			p.First, p.Heading, p.Page = x.Passage, x.Heading, x.Page
		case titled && len(text) > len(x.Text):
			b.WriteString("\n\n")
		case x.Start < end:
			text = text[min(end-x.Start, len(text)):]
		case x.Start == end+1:
			b.WriteByte(' ')
		case x.Start > end:
			b.WriteString("\n\n")
		}
		b.WriteString(text)
		end = max(end, x.End)
		p.Past, p.LastPage = x.Passage+1, max(p.LastPage, x.LastPage)
	}
	p.Text = b.String()
	return p
}

// under stands between the titles of a heading.
const under = " › "

// titles puts those of a heading that were not over the last passage before a text,
// each on its line. One that is cut short is not what the document says.
func titles(before, heading, text string) string {
	if heading == "" || heading == before {
		return text
	}
	list, old := strings.Split(heading, under), strings.Split(before, under)
	same := 0
	for same < len(list) && same < len(old) && list[same] == old[same] {
		same++
	}
	var b strings.Builder
	for _, title := range list[same:] {
		if !strings.HasSuffix(title, "…") && !strings.HasPrefix(text, title) {
			b.WriteString(title + "\n")
		}
	}
	return b.String() + text
}

// sender is who a mail says that it is from. Its first passage begins with its
// subject, which may say anything, and then its header.
func (r *reader) sender(ctx context.Context, d library.Document) string {
	if s, ok := r.senders[d.ID]; ok {
		return s
	}
	r.senders[d.ID] = ""
	_, parts, err := r.documents.Parts(ctx, d.ID, 0, 1)
	if err != nil || len(parts) == 0 {
		return ""
	}
	subject, rest, found := strings.Cut(parts[0].Text, "\n")
	if !found || parts[0].Heading == "" || !strings.HasSuffix(parts[0].Heading, strings.TrimSpace(subject)) {
		rest = parts[0].Text
	}
	for line := range strings.Lines(rest) {
		if from, ok := strings.CutPrefix(line, "From: "); ok {
			r.senders[d.ID] = oneLine(from)
			break
		}
		if strings.TrimSpace(line) != "" {
			break
		}
	}
	return r.senders[d.ID]
}

// oneLine is a short text as it can stand among others.
func oneLine(s string) string {
	s = plain(s)
	if runes := []rune(s); len(runes) > 120 {
		s = string(runes[:120]) + "…"
	}
	return s
}

// found makes passages of those that were found, as they are.
func (r *reader) found(ctx context.Context, a library.Answer) (list []Passage) {
	bySender := make(map[string]int)
	for _, q := range a.Passages {
		p := r.one(ctx, q.Document, q.Library, []library.Part{{Passage: q.Passage, End: len(q.Text), Heading: q.Heading, Page: q.Page, LastPage: q.LastPage, Text: q.Text}})
		if from := strings.ToLower(p.Origin.Sender); from != "" {
			if bySender[from]++; bySender[from] > senderCap() {
				continue
			}
		}
		p.Coverage, p.Same, p.Found = q.Coverage, q.Same, []Span{{0, len(p.Text)}}
		list = append(list, p)
	}
	return numbered(list)
}

func numbered(list []Passage) []Passage {
	for i := range list {
		list[i].N = i + 1
	}
	return list
}

// widened reads what stands around passages in their sections, within a budget of
// tokens. None is left out for what stands around another.
func (r *reader) widened(ctx context.Context, found []Passage, budget int) ([]Passage, error) {
	near := make(map[vault.ID]map[int]library.Part)
	var places []find.Place
	for _, p := range found {
		parts, err := r.parts(ctx, p.Document.ID, max(0, p.First-around), p.Past+around)
		if err != nil && parts == nil {
			return nil, err
		}
		r.damaged(err)
		at := slices.IndexFunc(parts, func(x library.Part) bool { return x.Passage == p.First })
		if at < 0 {
			continue // removed meanwhile
		}
		if near[p.Document.ID] == nil {
			near[p.Document.ID] = make(map[int]library.Part)
		}
		for _, x := range parts {
			near[p.Document.ID][x.Passage] = x
		}
		from, to := at, at+1
		for from > 0 && parts[from-1].Heading == parts[at].Heading && parts[from-1].Passage == parts[from].Passage-1 {
			from--
		}
		for to < len(parts) && parts[to].Heading == parts[at].Heading && parts[to].Passage == parts[to-1].Passage+1 {
			to++
		}
		places = append(places, find.Place{Document: find.ID(p.Document.ID), Passage: p.First, First: parts[from].Passage, Past: parts[to-1].Passage + 1})
	}
	cost := func(document find.ID, n int) int {
		if x, ok := near[vault.ID(document)][n]; ok {
			return tokens(x.Text)
		}
		return -1
	}
	var list []Passage
	for _, s := range find.Widen(places, budget, cost) {
		at := slices.IndexFunc(found, func(p Passage) bool { return p.Document.ID == vault.ID(s.Document) && p.First == s.Found[0] })
		var parts []library.Part
		for n := s.First; n < s.Past; n++ {
			parts = append(parts, near[vault.ID(s.Document)][n])
		}
		was := found[at]
		p := r.one(ctx, was.Document, was.Library, parts)
		for _, n := range s.Found {
			x := near[vault.ID(s.Document)][n]
			if k := strings.Index(p.Text, x.Text); k >= 0 {
				p.Found = append(p.Found, Span{k, k + len(x.Text)})
			}
			for _, f := range found {
				if f.Document.ID == was.Document.ID && f.First == n {
					p.Coverage = max(p.Coverage, f.Coverage)
					p.Same = append(p.Same, f.Same...)
				}
			}
		}
		list = append(list, p)
	}
	return numbered(list), nil
}

// whole reads documents whole, where they fit into a budget of tokens.
func (r *reader) whole(ctx context.Context, ids []vault.ID, shelves map[vault.ID]string, budget int) (list []Passage, fits bool, err error) {
	for _, id := range ids {
		d, _ := r.document(id)
		if d.Characters/4 > budget {
			return nil, false, nil
		}
		parts, err := r.parts(ctx, id, 0, int(^uint(0)>>1))
		if err != nil && parts == nil {
			return nil, false, err
		}
		r.damaged(err)
		if len(parts) == 0 {
			continue
		}
		p := r.one(ctx, d, shelves[d.Library], parts)
		p.Text, p.Heading = joined(parts, true).Text, ""
		p.Badges = badges(d, "", p.Text)
		p.Whole, p.Found, p.Coverage = true, []Span{{0, len(p.Text)}}, 1
		if budget -= tokens(p.Text); budget < 0 {
			return nil, false, nil
		}
		list = append(list, p)
	}
	return numbered(list), true, nil
}

func (r *reader) damaged(err error) {
	if err != nil {
		r.damage = append(r.damage, err)
	}
}

func (r *reader) harm() error { return errors.Join(r.damage...) }

// tokens says how many tokens a text has for most models, rather too many: three
// letters of the Latin alphabet make one, and every other character.
func tokens(text string) int {
	latin, other := 0, 0
	for _, r := range text {
		if r < 0x250 {
			latin++
		} else {
			other++
		}
	}
	return (latin+2)/3 + other
}

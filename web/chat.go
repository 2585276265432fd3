package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// Bounds of what one page lists.
const (
	atTheSide = 40
	onAPage   = 200
	mostFound = 50
	mostQuery = 1000 // bytes
)

// group is conversations of about the same age.
type group struct {
	Name string
	List []history.Conversation
}

// framed is what the frame shows of somebody who is in.
func (p *Pages) framed(v visit, where string) (page, error) {
	mode := p.hides(v)
	x := page{Person: v.s.Person, Where: where, In: true, Theme: v.own.Theme, Least: v.shape(), Sight: p.sight(v.r, mode), Hidden: mode != shaper.Channel && (mode > shaper.Off || v.r.TLS == nil), Channel: mode == shaper.Channel}
	me, err := p.People.Me(v.r.Context(), v.s)
	if err != nil {
		return x, err
	}
	x.Name = me.Name
	role, ok := p.People.RoleOf(v.s)
	x.Owner = ok && role == vault.RoleOwner
	h, err := p.History(v.r.Context(), v.s)
	if err != nil {
		return x, err
	}
	list, err := h.List()
	if err != nil {
		return x, err
	}
	list = pinnedFirst(list)
	if len(list) > atTheSide {
		list, x.More = list[:atTheSide], len(list)-atTheSide
	}
	x.List = grouped(list, p.Now())
	if list := p.brief(v.s).list(); len(list) > 0 {
		x.List = append([]group{{Name: "Temporary", List: list}}, x.List...)
	}
	return x, nil
}

// pinnedFirst gives those first that their person pinned, in their order.
func pinnedFirst(list []history.Conversation) []history.Conversation {
	if !slices.ContainsFunc(list, func(c history.Conversation) bool { return c.Pinned }) {
		return list
	}
	all := make([]history.Conversation, 0, len(list))
	for _, pinned := range []bool{true, false} {
		for i := range list {
			if list[i].Pinned == pinned {
				all = append(all, list[i])
			}
		}
	}
	return all
}

// grouped puts conversations, those that are pinned and then the newest first,
// under what people call the time when they were used.
func grouped(list []history.Conversation, now time.Time) (groups []group) {
	y, m, d := now.Local().Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.Local)
	for _, c := range list {
		name := "Earlier"
		switch {
		case c.Pinned:
			name = "Pinned"
		case !c.Updated.Before(today.AddDate(0, 0, 1)): // the clock was ahead, or is behind
			name = "After today"
		case !c.Updated.Before(today):
			name = "Today"
		case !c.Updated.Before(today.AddDate(0, 0, -1)):
			name = "Yesterday"
		case !c.Updated.Before(today.AddDate(0, 0, -7)):
			name = "Last seven days"
		}
		if n := len(groups); n == 0 || groups[n-1].Name != name {
			groups = append(groups, group{Name: name})
		}
		last := &groups[len(groups)-1]
		last.List = append(last.List, c)
	}
	return groups
}

// listed is a page of the list of all conversations.
type listed struct {
	Groups       []group
	All          int
	Newer, Older string // page numbers; empty: there is none
}

// all lists the conversations, so many on a page.
func (p *Pages) all(v visit) {
	n := 1
	if v.rest != "" {
		var err error
		if n, err = strconv.Atoi(v.rest); err != nil || n < 1 || n > 1<<20 {
			p.problem(v, http.StatusNotFound, "There is no such page.")
			return
		}
	}
	x, err := p.framed(v, "all")
	if err != nil {
		p.fail(v, err)
		return
	}
	h, err := p.History(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	list, err := h.List()
	if err != nil {
		p.fail(v, err)
		return
	}
	list = pinnedFirst(list)
	l := listed{All: len(list)}
	from := min((n-1)*onAPage, len(list))
	to := min(from+onAPage, len(list))
	if to < len(list) {
		l.Older = strconv.Itoa(n + 1)
	}
	if n > 1 {
		l.Newer = strconv.Itoa(n - 1)
	}
	l.Groups = grouped(list[from:to], p.Now())
	x.Content = l
	p.render(v.w, v.r, http.StatusOK, "all", x)
}

// found is what a search found.
type found struct {
	Query string
	List  []place
}

type place struct {
	history.Conversation
	Turn  string // empty where the words are in the title
	Whose string
	Parts []part
}

// part is a piece of a place's text.
type part struct {
	Text string
	Hit  bool
}

// search takes the words of a search and leads to what is found. They are in no
// address, and in no form that the browser would send again: it keeps both.
func (p *Pages) search(v visit) {
	query := strings.TrimSpace(field(v.r, "words"))
	if len(query) > mostQuery {
		p.problem(v, http.StatusUnprocessableEntity, "These are too many words to search for. Take a few.")
		return
	}
	p.lead(v, "/page/found/"+p.parcels.put(v.s, query, p.Now()))
}

func (p *Pages) found(v visit) {
	query, ok := p.parcels.take(v.s, v.rest, false, p.Now()).(string)
	if !ok {
		p.lead(v, "/page/all")
		return
	}
	x, err := p.framed(v, "all")
	if err != nil {
		p.fail(v, err)
		return
	}
	h, err := p.History(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	list, err := h.Search(v.r.Context(), query, mostFound)
	if err != nil && list == nil {
		p.fail(v, err)
		return
	}
	f := found{Query: query}
	for _, hit := range list {
		f.List = append(f.List, placeOf(hit))
	}
	x.Content = f
	p.render(v.w, v.r, http.StatusOK, "found", x)
}

func placeOf(f history.Found) place {
	x := place{Conversation: f.Conversation}
	if f.Turn.ID != (vault.ID{}) {
		x.Turn = f.Turn.ID.String()
	}
	switch f.Turn.Role {
	case history.User:
		x.Whose = "You"
	case history.Assistant:
		x.Whose = "Answer"
	}
	put := func(text string, hit bool) {
		if text != "" {
			x.Parts = append(x.Parts, part{markup.Clean(text), hit})
		}
	}
	at := 0
	if f.Before {
		put("… ", false)
	}
	for _, m := range f.Matches {
		put(f.Snippet[at:m[0]], false)
		put(f.Snippet[m[0]:m[1]], true)
		at = m[1]
	}
	put(f.Snippet[at:], false)
	if f.After {
		put(" …", false)
	}
	return x
}

func (p *Pages) rename(v visit) {
	b, id, ok := p.named(v)
	if !ok {
		return
	}
	h, ok := b.(*history.History)
	if !ok {
		p.problem(v, http.StatusConflict, "A temporary conversation is not kept, so it needs no title.")
		return
	}
	if _, err := h.Rename(v.r.Context(), id, field(v.r, "title")); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/c/"+id.String())
}

// remove destroys a conversation, and whatever an engine had read of it.
func (p *Pages) remove(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	p.quit(v.s, id)
	err := p.unread(v, h)
	if err == nil {
		err = h.Delete(v.r.Context(), id)
	}
	// Another page may have had it answered meanwhile.
	if err == nil && p.quit(v.s, id) {
		err = p.unread(v, h)
	}
	if err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/")
}

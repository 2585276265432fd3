package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"abaton.local/chat/history"
	"abaton.local/models"
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
	mode := p.mode(v.r, v.s.Person)
	x := page{Person: v.s.Person, Where: where, In: true, Sight: p.sight(v.r, mode), Hidden: mode > shaper.Off || v.r.TLS == nil}
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
	if len(list) > atTheSide {
		list, x.More = list[:atTheSide], len(list)-atTheSide
	}
	x.List = grouped(list, p.Now())
	if list := p.brief(v.s).list(); len(list) > 0 {
		x.List = append([]group{{Name: "Temporary", List: list}}, x.List...)
	}
	return x, nil
}

// grouped puts conversations, the newest first, under what people call the time
// when they were used.
func grouped(list []history.Conversation, now time.Time) (groups []group) {
	y, m, d := now.Local().Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.Local)
	for _, c := range list {
		name := "Earlier"
		switch {
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

// conversation is what the page of one shows.
type conversation struct {
	ID          string
	Title       string
	Instruction string
	Fleeting    bool // nothing of it is kept
	Turns       []turn
	Damaged     bool
	Busy        bool // an answer is being written
	Partial     any  // HTML of what there is of it, for browsers without scripts
	Waits       bool // the last question has no answer
	Models      []string
	Model       string
	Most        int // characters of a question
}

// turn is one question or one answer, as the page shows it.
type turn struct {
	history.Turn
	Said   any    // HTML of an answer, the words of a question
	Ending string // why it ended, where that is worth a word
	Last   bool
	Broken bool // it can be gone on with
}

// endings say why an answer ended that did not end by itself.
var endings = map[string]string{
	"length": "It ended here because its length was used up.", finishStopped: "You stopped it here.", finishFailed: "It broke off here.",
}

// begin shows the page of a conversation that is not there yet.
func (p *Pages) begin(v visit) {
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	c := conversation{Most: history.MaxText}
	p.choices(&c)
	x.Content = c
	p.render(v.w, v.r, http.StatusOK, "chat", x)
}

// choices are the models that can be asked.
func (p *Pages) choices(c *conversation) {
	list, err := p.Shelf.List()
	if err != nil {
		return // the question will say what is wrong
	}
	for _, m := range list {
		if chats(m) {
			c.Models = append(c.Models, m.Name)
		}
	}
	if m, err := p.Shelf.Default(); err == nil && c.Model == "" {
		c.Model = m.Name
	}
	if c.Model != "" && !slices.Contains(c.Models, c.Model) {
		c.Model = ""
	}
}

func chats(m models.Passport) bool { return m.Role != "embed" && m.Role != "rank" }

// show shows a conversation, and what is being written in it.
func (p *Pages) show(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	writing := p.writing(v.s, id) // before the turns are read: one that ends in between is then among them
	known, turns, err := h.Show(v.r.Context(), id)
	if known.ID != id {
		p.fail(v, err)
		return
	}
	_, fleeting := h.(briefly)
	c := conversation{Fleeting: fleeting, ID: id.String(), Title: known.Title, Instruction: known.Instruction, Model: known.Model, Most: history.MaxText, Damaged: err != nil || known.Damaged}
	for _, t := range turns {
		shown := turn{Turn: t, Said: markup.Clean(t.Text), Ending: endings[t.Finish], Broken: broken(t)}
		if t.Role == history.Assistant {
			shown.Said = markup.HTML(t.Text)
		}
		c.Turns = append(c.Turns, shown)
	}
	if n := len(c.Turns); n > 0 {
		c.Turns[n-1].Last = true
		c.Waits = c.Turns[n-1].Role == history.User
	}
	if n := len(c.Turns); writing != nil && n > 0 && writing.from().ID != (vault.ID{}) && c.Turns[n-1].ID == writing.from().ID {
		c.Turns, c.Waits = c.Turns[:n-1], true // it is being written on
	}
	if writing != nil && c.Waits {
		text, _, _, _ := writing.seen(0)
		c.Busy, c.Partial = true, markup.HTML(text)
	}
	p.choices(&c)
	x.Open, x.Content = c.ID, c
	p.render(v.w, v.r, http.StatusOK, "chat", x)
}

// named gives the conversation that a path names, in the person's own vault: no
// other can be named.
func (p *Pages) named(v visit) (book, vault.ID, bool) {
	id, err := vault.ParseID(v.rest)
	if err != nil {
		p.problem(v, http.StatusNotFound, "There is no such conversation.")
		return nil, id, false
	}
	if b := p.brief(v.s); b.has(id) {
		return b, id, true
	}
	h, err := p.History(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return nil, id, false
	}
	if _, err := h.Find(id.String()); errors.Is(err, history.ErrUnknown) {
		p.problem(v, http.StatusNotFound, "There is no such conversation.")
		return nil, id, false
	} else if err != nil {
		p.fail(v, err)
		return nil, id, false
	}
	return h, id, true
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

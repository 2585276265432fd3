package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"abaton.local/chat/grounded"
	"abaton.local/chat/history"
	"abaton.local/models"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// conversation is what the page of one shows.
type conversation struct {
	ID          string
	Title       string
	Instruction string
	Manner      history.Manner
	Fleeting    bool // nothing of it is kept
	Pinned      bool
	After       string // the last turn that is shown
	Fill        fill
	Turns       []turn
	Damaged     bool
	Busy        bool // an answer is being written
	Live        turn // the place of that answer among its versions
	Partial     any  // HTML of what there is of it, for browsers without scripts
	Waits       bool // the last question has no answer
	Models      []string
	Model       string
	Most        int // characters of a question
	Libraries   []choice
	Looks       []string // the names of those that are chosen
	Coming      *arrival
	Small       bool // its model answers from documents only where it is asked to all the same
}

// turn is one question or one answer, as the page shows it.
type turn struct {
	history.Turn
	Said   any    // HTML of an answer, the words of a question
	Ending string // why it ended, where that is worth a word
	Last   bool
	Broken bool       // it can be gone on with
	Shown  *readShown // of an answer from documents

	Version, Versions int // which of how many; 0: there is one alone
	Older, Newer      string
}

// endings say why an answer ended that did not end by itself.
var endings = map[string]string{
	"length": "It ended here because its length was used up.", finishStopped: "You stopped it here.", finishFailed: "It broke off here.",
}

// begin shows the page of a conversation that is not there yet. Its address may name
// a library that it is to look in.
func (p *Pages) begin(v visit) {
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	c := conversation{Most: history.MaxText, Coming: p.arrival(v.r.Context())}
	p.choices(&c, v.own.Model)
	var in []vault.ID
	if id, err := vault.ParseID(v.r.URL.Query().Get("library")); err == nil {
		in = append(in, id)
	}
	c.choose(p.librariesToChoose(v, in))
	x.Content = c
	p.render(v.w, v.r, http.StatusOK, "chat", x)
}

// choices are the models that can be asked, and the one that is where the
// conversation names none: the person's own, or that of the installation.
func (p *Pages) choices(c *conversation, own string) {
	list, err := p.Shelf.List()
	if err != nil {
		return // the question will say what is wrong
	}
	for _, m := range list {
		if chats(m) {
			c.Models = append(c.Models, m.Name)
		}
	}
	if c.Model == "" && slices.Contains(c.Models, own) {
		c.Model = own
	}
	if m, err := p.Shelf.Default(); err == nil && c.Model == "" {
		c.Model = m.Name
	}
	if c.Model != "" && !slices.Contains(c.Models, c.Model) {
		c.Model = ""
	}
}

// choose sets the libraries that can be chosen.
func (c *conversation) choose(list []choice) {
	c.Libraries = list
	for _, x := range list {
		if x.Chosen {
			c.Looks = append(c.Looks, x.Name)
		}
	}
}

func chats(m models.Passport) bool { return m.Role != "embed" && m.Role != "rank" }

// show shows a conversation, and what is being written in it. A path may name a
// turn: of what has several versions, those that lead through it are shown.
func (p *Pages) show(v visit) {
	first, through, err := partOf(v.rest)
	if err != nil {
		p.problem(v, http.StatusNotFound, "There is no such place in this conversation.")
		return
	}
	v.rest = first
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
	known, tree, err := h.Tree(v.r.Context(), id)
	if known.ID != id {
		p.fail(v, err)
		return
	}
	turns := tree.Branch(through)
	busy := false
	if writing != nil && through == (vault.ID{}) {
		turns, busy = upTo(writing, tree, turns)
	}
	if through != (vault.ID{}) && len(turns) == 0 {
		p.lead(v, "/page/c/"+id.String()) // it was removed meanwhile
		return
	}
	_, fleeting := h.(briefly)
	c := conversation{Fleeting: fleeting, ID: id.String(), Title: known.Title, Instruction: known.Instruction, Manner: known.Manner, Pinned: known.Pinned,
		Model: known.Model, Most: history.MaxText, Damaged: err != nil || known.Damaged, Fill: p.filled(known, turns)}
	c.Turns = shown(tree, turns)
	if n := len(c.Turns); n > 0 {
		c.Turns[n-1].Last = true
		if c.Waits = !busy && c.Turns[n-1].Role == history.User; c.Waits {
			c.Coming = p.arrival(v.r.Context())
		}
		c.After = c.Turns[n-1].ID.String()
	}
	if busy {
		partly(&c, writing, tree)
	}
	p.choices(&c, "")
	c.choose(p.librariesToChoose(v, known.Libraries))
	c.Small = len(c.Looks) > 0 && p.small(c.Model)
	x.Open, x.Content = c.ID, c
	p.render(v.w, v.r, http.StatusOK, "chat", x)
}

// small tells of a model that it is smaller than is to be believed of documents.
func (p *Pages) small(model string) bool {
	m, err := p.Shelf.Find(model)
	return err == nil && m.Parameters < grounded.LeastParameters
}

// upTo is what was said up to the question that is being answered; false where that
// is not to be seen yet.
func upTo(a *answer, tree history.Tree, turns []history.Turn) ([]history.Turn, bool) {
	to, _ := a.place()
	branch := tree.Branch(to)
	at := slices.IndexFunc(branch, func(t history.Turn) bool { return t.ID == to })
	if at < 0 {
		return turns, false
	}
	return branch[:at+1], true
}

// partly adds what there is of the answer, and its place among those that there are.
func partly(c *conversation, a *answer, tree history.Tree) {
	to, of := a.place()
	text, _, _, _ := a.seen(0)
	c.Busy, c.Partial = true, any(markup.HTML(text))
	if said, _ := a.sentences(); len(said) > 0 {
		c.Partial = markup.Clean(strings.Join(said, " "))
	}
	others := slices.DeleteFunc(tree.Following(to), func(id vault.ID) bool { return id == of.ID })
	if n := len(others); n > 0 {
		c.Live.Version, c.Live.Versions, c.Live.Older = n+1, n+1, others[n-1].String()
	}
}

// shown is what the page shows of turns.
func shown(tree history.Tree, turns []history.Turn) (list []turn) {
	for _, t := range turns {
		x := turn{Turn: t, Said: markup.Clean(t.Text), Ending: endings[t.Finish], Broken: broken(t)}
		if t.Role == history.Assistant {
			x.Said, x.Shown = markup.HTML(t.Text), shownReading(t.Read)
		}
		if all := tree.Versions(t.ID); len(all) > 1 {
			at := slices.Index(all, t.ID)
			x.Version, x.Versions = at+1, len(all)
			if at > 0 {
				x.Older = all[at-1].String()
			}
			if at+1 < len(all) {
				x.Newer = all[at+1].String()
			}
		}
		list = append(list, x)
	}
	return list
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

package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// field is what was typed into a field of a form. Pages' forms have one type, and
// nothing else is read.
func field(r *http.Request, name string) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		return ""
	}
	return r.PostForm.Get(name)
}

// typed is a text as a form sends it, with the ends of lines that people mean.
func typed(r *http.Request, name string) string {
	return strings.ReplaceAll(field(r, name), "\r\n", "\n")
}

var (
	errNothing = errors.New("there was no question: type one")
	errUneven  = errors.New("the size of what was sent tells how long the question is, and that is refused here: let this page run its script")
	errBytes   = errors.New("the question holds bytes that are no text: paste it again as plain text")
)

func (p *Pages) question(v visit) (string, error) {
	text := typed(v.r, "text")
	switch {
	case p.shows(v):
		return "", errChannel
	case p.Shape.Uploads && p.hides(v) > shaper.Off && !v.channel && !shaper.Padded(int(v.r.ContentLength)):
		return "", errUneven
	case strings.TrimSpace(text) == "":
		return "", errNothing
	case !utf8.ValidString(text):
		return "", errBytes
	}
	return text, nil
}

// askFirst begins a conversation with a question.
func (p *Pages) askFirst(v visit) {
	text, err := p.question(v)
	if err != nil {
		p.fail(v, err)
		return
	}
	h, err := p.History(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	manner, err := mannerOf(v.r)
	if err != nil {
		p.fail(v, err)
		return
	}
	libraries, _, err := chosen(v.r)
	if err != nil {
		p.fail(v, err)
		return
	}
	start := history.Start{Model: field(v.r, "model"), Instruction: strings.TrimSpace(typed(v.r, "instruction")), Manner: manner, Libraries: libraries}
	question := history.Turn{Role: history.User, Text: text}
	var in book = h
	var c history.Conversation
	if field(v.r, "fleeting") != "" {
		b := p.brief(v.s)
		c, err = b.begin(start, question)
		in = b
	} else {
		c, err = h.New(v.r.Context(), start, question)
	}
	if err == nil {
		err = p.answer(v, in, c.ID, wish{model: start.Model})
	}
	var asked []history.Turn
	if err == nil && v.channel { // its page goes on without another one
		var tree history.Tree
		if _, tree, err = in.Tree(v.r.Context(), c.ID); err == nil {
			asked = tree.All()[:1]
		}
	}
	p.asked(v, c.ID, err, asked...)
}

// askNext goes on with a conversation: with what the page shows of it, which is not
// the newest where somebody looks at an older version.
func (p *Pages) askNext(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	text, err := p.question(v)
	if err == nil && p.writing(v.s, id) != nil {
		err = errWriting
	}
	var after vault.ID
	if err == nil {
		after, err = afterOf(v.r)
	}
	if err == nil {
		err = p.looksIn(v, h, id)
	}
	var question []history.Turn
	if err == nil {
		question, err = h.Add(v.r.Context(), id, after, history.Turn{Role: history.User, Text: text})
	}
	if err == nil {
		err = p.answer(v, h, id, wish{model: field(v.r, "model"), through: question[0].ID})
	}
	p.asked(v, id, err, question...)
}

// afterOf is the last turn that a page shows, as its form says; zero: the newest.
func afterOf(r *http.Request) (id vault.ID, err error) {
	if x := field(r, "after"); x != "" {
		if id, err = vault.ParseID(x); err != nil {
			return id, errBranch
		}
	}
	return id, nil
}

// again has the last question answered anew. The answer that it has stays.
func (p *Pages) again(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	after, err := afterOf(v.r)
	if err == nil && p.shows(v) {
		err = errChannel
	}
	if err == nil {
		err = p.answer(v, h, id, wish{model: field(v.r, "model"), through: after, anew: true, small: field(v.r, "small") != ""})
	}
	p.asked(v, id, err)
}

// asked leads to the conversation, or tells a script that it goes on.
func (p *Pages) asked(v visit, id vault.ID, err error, question ...history.Turn) {
	switch {
	case err != nil && id == vault.ID{}:
		p.fail(v, err)
	case err != nil && script(v.r):
		p.fail(v, err)
	case script(v.r):
		harden(v.w.Header())
		v.w.Header().Set("Content-Type", "application/json")
		said := map[string]string{"conversation": id.String()}
		for _, t := range question {
			said["question"] = t.ID.String()
		}
		_ = json.NewEncoder(v.w).Encode(said) // an error is the client's hanging up
	case err != nil && !errors.Is(err, errWriting):
		p.fail(v, err)
	default:
		p.lead(v, "/page/c/"+id.String())
	}
}

// tokenBytes is more than what a token stands for in nearly every text, and
// mostTokens what the largest of models look at.
const (
	tokenBytes = 32
	mostTokens = 1 << 20
)

// askOf makes the question to a model of a conversation: its newest question, with
// what there is of an answer that broke off, and before it the questions that were
// answered, with their answers.
func (p *Pages) askOf(c history.Conversation, turns []history.Turn, model string) (chat.Ask, error) {
	n := len(turns)
	var list []engine.Message // the newest first
	if n > 1 && broken(turns[n-1]) && turns[n-2].Role == history.User {
		n--
		list = append(list, engine.Message{Role: engine.Assistant, Content: turns[n].Text})
	}
	if n == 0 || turns[n-1].Role != history.User {
		return chat.Ask{}, errNothing
	}
	if model == "" {
		model = c.Model
	}
	passport, err := p.Shelf.Default()
	if model != "" {
		passport, err = p.Shelf.Find(model)
	}
	if err != nil {
		return chat.Ask{}, err
	}
	instruction, options := p.Manner(passport)
	if c.Instruction != "" {
		instruction = c.Instruction
	}
	options = mannered(options, c.Manner)
	list = append(list, engine.Message{Role: engine.User, Content: turns[n-1].Text})
	room := max(int(min(passport.ContextLength, mostTokens)), 16384) * tokenBytes
	for i := n - 2; i > 0; i-- {
		if turns[i].Role != history.Assistant || turns[i-1].Role != history.User {
			continue
		}
		if room -= len(turns[i].Text) + len(turns[i-1].Text); room < 0 {
			break
		}
		list = append(list, engine.Message{Role: engine.Assistant, Content: turns[i].Text}, engine.Message{Role: engine.User, Content: turns[i-1].Text})
	}
	if instruction != "" {
		list = append(list, engine.Message{Role: engine.System, Content: instruction})
	}
	slices.Reverse(list)
	return chat.Ask{Model: passport.Name, Messages: list, Options: options, ContextTokens: c.Manner.Context, Fit: true}, nil
}

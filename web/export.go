package web

import (
	"bytes"
	"net/http"

	"abaton.local/chat/history"
	"abaton.local/shaper"
)

// export gives a conversation to be kept as a file, in the clear, in the same two
// forms as `abaton history export`. It is a form and no link, for it goes on record;
// the name of the file says nothing of what is in it.
func (p *Pages) export(v visit) {
	in, id, ok := p.named(v)
	if !ok {
		return
	}
	h, ok := in.(*history.History)
	if !ok {
		p.problem(v, http.StatusConflict, "A temporary conversation is not kept, and not exported. Copy what you want of it.")
		return
	}
	var b bytes.Buffer
	media, name, write := "text/markdown; charset=utf-8", "conversation.md", h.ExportMarkdown
	switch field(v.r, "as") {
	case "markdown":
	case "json":
		media, name, write = "application/json", "conversation.json", h.ExportJSON
	default:
		p.problem(v, http.StatusUnprocessableEntity, "A conversation is exported as Markdown or as JSON.")
		return
	}
	// It is made whole first: what is damaged is told instead of left out unsaid.
	if err := write(v.r.Context(), &b, id); err != nil {
		p.fail(v, err)
		return
	}
	if err := p.People.Exported(v.r.Context(), v.s); err != nil {
		p.fail(v, err)
		return
	}
	body := b.Bytes()
	if p.hides(v) > shaper.Off { // its size tells how much was said; spaces at the end change nothing
		body = shaper.PadTo(body, shaper.Bucket(len(body)))
	}
	head := v.w.Header()
	harden(head)
	head.Set("Cache-Control", "no-store")
	head.Set("Content-Type", media)
	head.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	v.w.Write(body)
}

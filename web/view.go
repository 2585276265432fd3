package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"abaton.local/shaper"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

//go:embed templates
var templateFiles embed.FS

// views are the pages' templates, by name.
type views map[string]*template.Template

func openViews() (views, error) {
	funcs := template.FuncMap{
		"markup":   markup.HTML,
		"links":    mayLink,
		"clean":    markup.Clean,
		"bytes":    bytesOf,
		"count":    countOf,
		"text":     digits,
		"commands": commands,
		"many":     counted,
		"pair":     func(id string, t turn) versioned { return versioned{id, t} },
		"asking":   func(most int) asking { return asking{Most: most} },
		"roles": func() []string {
			return []string{vault.RoleMember.String(), vault.RoleAuditor.String(), vault.RoleOwner.String()}
		},
		"day":  func(t time.Time) string { return t.Local().Format("2 Jan 2006, 15:04") },
		"date": func(t time.Time) string { return t.Local().Format("2 Jan 2006") },
		"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
	frame, err := template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("the page's templates: %w", err)
	}
	all := views{}
	for _, name := range []string{"chat", "edit", "manner", "settings", "keyboard", "all", "found", "keys", "models", "people", "security", "acts", "entrance", "welcome", "problem", "links", "documents", "library", "document", "passages", "added", "remove"} {
		v, err := frame.Clone()
		if err == nil {
			v, err = v.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("the page's templates: %w", err)
		}
		all[name] = v
	}
	return all, nil
}

// versioned is a turn and its conversation.
type versioned struct {
	ID   string
	Turn turn
}

// commands takes the commands out of a sentence, which stand between backquotes.
func commands(said string) (list []part) {
	for i, text := range strings.Split(said, "`") {
		list = append(list, part{markup.Clean(text), i%2 == 1})
	}
	return list
}

// digits is a number as it was typed.
func digits(x any) string {
	switch x := x.(type) {
	case *float64:
		return strconv.FormatFloat(*x, 'f', -1, 64)
	case *int64:
		return strconv.FormatInt(*x, 10)
	}
	return ""
}

// page is what the frame around every page shows.
type page struct {
	Person  vault.PersonID
	Where   string // which of the pages this is, for what leads there
	Owner   bool   // who decides who is here
	In      bool   // of somebody whose vault is open
	Name    string
	List    []group // the conversations at the side
	More    int
	Open    string      // the identifier of the conversation that is shown
	Sight   string      // what an observer of the network sees now
	Theme   string      // light or dark; empty: as the device has it
	Least   shaper.Mode // what the person wants hidden of it
	Hidden  bool        // nothing of an answer
	Channel bool        // the page opens one, and says itself what can be seen
	Content any
}

// render sends a page. It is made whole before the first byte is sent, so that no
// half of one is ever seen.
func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, name string, x page) {
	var b bytes.Buffer
	if err := p.views[name].ExecuteTemplate(&b, "frame", x); err != nil {
		p.Log.Error("a page could not be made", "page", name, "type", fmt.Sprintf("%T", err)) // its text may hold content
		harden(w.Header())
		http.Error(w, "Something in Abaton broke. Its log has more.", http.StatusInternalServerError)
		return
	}
	harden(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	body := b.Bytes()
	if max(p.mode(r, x.Person), x.Least) > shaper.Off { // the size of a page tells how much was said
		body = shaper.PadTo(body, shaper.Bucket(len(body)))
	}
	w.WriteHeader(status)
	w.Write(body)
}

// mode is how much is hidden of what is sent to whoever asks. For a page on
// another machine that is more than programs are used to: its person does not
// mind that the end of an answer comes late.
func (p *Pages) mode(r *http.Request, person vault.PersonID) shaper.Mode {
	at := shaper.Local
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && addr.Network() == "unix" {
		at = shaper.Socket
	}
	if r.TLS != nil {
		at = shaper.LAN
	}
	mode := min(p.Shape.Floor(at, string(person), ""), shaper.Sealed)
	if at == shaper.LAN {
		mode = max(mode, shaper.Paced)
	}
	return mode
}

// sights say what an observer of the network sees.
var sights = map[shaper.Mode]string{
	shaper.Off:    "Sizes and times of answers can be seen on the network",
	shaper.Pad:    "Word lengths are hidden; times can be seen",
	shaper.Paced:  "Sizes and times are hidden on the network",
	shaper.Sealed: "Sizes, times and ends of answers are hidden on the network",
	// Until the page's script has opened it:
	shaper.Channel: "The channel is not open: nothing can be asked yet",
}

func (p *Pages) sight(r *http.Request, mode shaper.Mode) string {
	if r.TLS == nil && mode == shaper.Off {
		return "You are on this machine: no network is in between, unless you came through a tunnel"
	}
	return sights[mode]
}

// problem tells what went wrong, on a page or to a script.
func (p *Pages) problem(v visit, status int, words string) { p.tell(v.w, v.r, status, words) }

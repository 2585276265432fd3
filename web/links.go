package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"

	"abaton.local/chat/history"
	"abaton.local/web/markup"
)

// link is an address that an answer named, and what whoever opens it should know.
type link struct {
	Written string // as the answer has it
	Opens   string // what a browser would be told, in ASCII alone; empty: it cannot be opened here
	Host    string // in ASCII
	Reads   string // the same as it reads to people, where that is something else
	Carries string // what the address takes along to that host
	Why     string // it cannot be opened
}

// longestLink is what can be looked over before it is opened.
const longestLink = 2000

// judged says where an address leads. Only what leads to the web, and there to
// where it says, can be opened.
func judged(address string) link {
	x := link{Written: address}
	u, err := url.Parse(address)
	switch {
	case strings.Contains(address, "\u27e8U+") || strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == '\\' }):
		x.Why = "It has characters that cannot be seen, or that turn the order of others around. They are shown by name."
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		x.Why = "It is no whole address of the web."
	case u.User != nil:
		x.Why = "What stands before the @ in it is not where it leads: it looks like another address."
	case len(address) > longestLink:
		x.Why = "It is too long to be looked over."
	}
	if x.Why != "" {
		return x
	}
	if x.Host, err = idna.Lookup.ToASCII(strings.ToLower(u.Hostname())); err != nil {
		x.Why = "Its host’s name is none that can be."
		return x
	}
	if reads, err := idna.Lookup.ToUnicode(x.Host); err == nil && reads != x.Host {
		x.Reads = markup.Clean(reads)
	}
	if x.Why = inside(x.Host); x.Why != "" {
		return x
	}
	to := *u
	if to.Host = x.Host; u.Port() != "" {
		to.Host += ":" + u.Port()
	}
	x.Carries = u.RawQuery
	if u.Fragment != "" {
		x.Carries += "#" + u.EscapedFragment()
	}
	x.Opens = ascii(to.String())
	return x
}

// inside says why a host is none of the web's: an address reached from this browser
// is often one of its own network, where a visit can do something.
func inside(host string) string {
	const own = "It leads into this machine or your own network. If that is meant, type it yourself."
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() || reserved(addr) {
			return own
		}
		return ""
	}
	switch {
	case last != "" && last[0] >= '0' && last[0] <= '9': // browsers read 0x7f.1 and 2130706433 as addresses
		return "Its host is a number, written so that it reads otherwise than browsers take it."
	case last == host || strings.HasSuffix(host, ".home.arpa"):
		return own
	}
	switch last { // that networks give to what is their own
	case "localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "test":
		return own
	}
	return ""
}

// reserved tells addresses that are none of the web's, and that package netip does
// not: of this network, between providers and their customers, for measurements, and
// for a later day.
func reserved(addr netip.Addr) bool {
	for _, of := range []string{"0.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15", "240.0.0.0/4"} {
		if netip.MustParsePrefix(of).Contains(addr) {
			return true
		}
	}
	return false
}

// ascii writes what is beyond ASCII as browsers do.
func ascii(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 0x80 {
			b.WriteByte(s[i])
		} else {
			b.WriteString(url.PathEscape(s[i : i+1]))
		}
	}
	return b.String()
}

// linked is what the page of links shows.
type linked struct {
	ID      string
	Answers []answered
}

type answered struct {
	Model string
	Links []link
}

// links shows every address that the answers of a conversation name, wholly, the
// newest answer first. It is the only page from which one can be opened: answers
// themselves have text.
func (p *Pages) links(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	known, tree, err := h.Tree(v.r.Context(), id)
	if known.ID != id {
		p.fail(v, err)
		return
	}
	turns := tree.All() // of every version
	c := linked{ID: id.String()}
	for i := len(turns) - 1; i >= 0; i-- {
		t := turns[i]
		if t.Role != history.Assistant || t.Read != nil || !mayLink(t.Text) { // what read documents opens nothing
			continue
		}
		a := answered{Model: t.Model}
		for _, address := range markup.Addresses(t.Text) {
			a.Links = append(a.Links, judged(address))
		}
		if len(a.Links) > 0 {
			c.Answers = append(c.Answers, a)
		}
	}
	x.Open, x.Content = c.ID, c
	p.render(v.w, v.r, http.StatusOK, "links", x)
}

// mayLink tells, at little cost, a text that may name an address.
func mayLink(text string) bool {
	return strings.Contains(text, "://") || strings.Contains(text, "](")
}

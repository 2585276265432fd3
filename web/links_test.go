package web

import (
	"strings"
	"testing"

	"abaton.local/chat/history"
	"abaton.local/shaper"
)

// An address can be opened only where it leads to the web, and there to where it
// says; what is told to the browser is ASCII.
func TestAddressesAreJudged(t *testing.T) {
	for address, want := range map[string]link{
		"https://example.org/a?b=c#d":                      {Opens: "https://example.org/a?b=c#d", Host: "example.org", Carries: "b=c#d"},
		"https://EXAMPLE.org:8443":                         {Opens: "https://example.org:8443", Host: "example.org"},
		"https://müller.example/ä?ö=ü":                     {Opens: "https://xn--mller-kva.example/%C3%A4?%C3%B6=%C3%BC", Host: "xn--mller-kva.example", Reads: "müller.example", Carries: "ö=ü"},
		"https://xn--80ak6aa92e.com/":                      {Opens: "https://xn--80ak6aa92e.com/", Host: "xn--80ak6aa92e.com", Reads: "аррӏе.com"},
		"http://192.0.2.7/":                                {Opens: "http://192.0.2.7/", Host: "192.0.2.7"},
		"https://example.org/\"><script>":                  {Opens: "https://example.org/%22%3E%3Cscript%3E", Host: "example.org"},
		"https://ⓔxample.org":                              {Opens: "https://example.org", Host: "example.org"},
		"https://example.org/⟨U+202E⟩gpj":                  {},
		"https://bank.example@evil.example/":               {},
		"https://user:secret@example.org/":                 {},
		"javascript:alert(1)":                              {},
		"data:text/html,x":                                 {},
		"file:///etc/passwd":                               {},
		"blob:https://example.org/x":                       {},
		"//example.org":                                    {},
		"/page/lock":                                       {},
		"https:example.org":                                {},
		"https:///example.org":                             {},
		"https:\\\\example.org":                            {},
		"https://example.org\\@evil.example":               {},
		"https://example.org/" + strings.Repeat("x", 3000): {},
		"mailto:a@example.org":                             {},
		"http://localhost:8226/page/lock":                  {Host: "localhost"},
		"http://abaton.localhost:8226/":                    {Host: "abaton.localhost"},
		"http://127.0.0.1:8226/":                           {Host: "127.0.0.1"},
		"http://192.168.0.1/reboot":                        {Host: "192.168.0.1"},
		"http://169.254.169.254/latest":                    {Host: "169.254.169.254"},
		"http://[::1]/":                                    {Host: "::1"},
		"http://2130706433/":                               {Host: "2130706433"},
		"http://0x7f.1/":                                   {Host: "0x7f.1"},
		"http://127.1/":                                    {Host: "127.1"},
		"http://router/":                                   {Host: "router"},
		"http://printer.local./":                           {Host: "printer.local."},
		"http://0.1.2.3/":                                  {Host: "0.1.2.3"},
		"http://100.64.0.1/":                               {Host: "100.64.0.1"},
		"http://198.19.255.255/":                           {Host: "198.19.255.255"},
		"http://240.0.0.1/":                                {Host: "240.0.0.1"},
		"http://router.localdomain/":                       {Host: "router.localdomain"},
		"http://router.intranet/":                          {Host: "router.intranet"},
		"http://router.lan/":                               {Host: "router.lan"},
		"http://router.home/":                              {Host: "router.home"},
		"http://router.corp/":                              {Host: "router.corp"},
		"http://router.private/":                           {Host: "router.private"},
		"http://router.test/":                              {Host: "router.test"},
		"http://100.128.0.1/":                              {Opens: "http://100.128.0.1/", Host: "100.128.0.1"},
		"http://１２７.0.0.1/":                                {Host: "127.0.0.1"},
	} {
		got := judged(address)
		want.Written = address
		if want.Opens == "" && got.Why == "" {
			t.Errorf("%.60q can be opened: %+v", address, got)
		}
		got.Why = ""
		if got.Host == "" || want.Opens == "" {
			want.Host, want.Reads = got.Host, got.Reads
		}
		if got != want {
			t.Errorf("%.60q: %+v, not %+v", address, got, want)
		}
	}
}

// The page of links has each address wholly, and is its person's alone; the
// conversation itself has none that could be followed.
func TestLinks(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Model: "m", Text: "See [the bank](https://bank.example/?secret=canary) or <https://bank.example@evil.example/>."})
	quiet := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Model: "m", Text: "No."})
	if body := h.get(h.ada, "c/"+id.String()).Body.String(); strings.Contains(body, `href="https:`) || !strings.Contains(body, `href="/page/links/`+id.String()) {
		t.Errorf("the conversation:\n%s", body)
	}
	if body := h.get(h.ada, "c/"+quiet.String()).Body.String(); strings.Contains(body, "/page/links/") {
		t.Error("an answer without addresses leads to them")
	}
	body := h.get(h.ada, "links/"+id.String()).Body.String()
	for _, want := range []string{`href="https://bank.example/?secret=canary" target="_blank" rel="noopener noreferrer"`, "<strong dir=\"ltr\">bank.example</strong>", "secret=canary</code>", "before the @"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Contains(body, `href="https://bank.example@`) {
		t.Error("an address that says another one can be opened")
	}
	if w := h.get(h.ada, "links/"+quiet.String()); !strings.Contains(w.Body.String(), "They name none") {
		t.Errorf("without addresses: %d", w.Code)
	}
	if w := h.get(h.bob, "links/"+id.String()); w.Code != 404 || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("another person: %d", w.Code)
	}
}

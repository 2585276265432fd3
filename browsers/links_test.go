package browsers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAnAddressIsOpenedFromItsPageAlone: an answer's address is text; the page that
// shows it wholly asks nobody for anything, and whoever opens it there tells neither
// where they come from nor gives a way back.
func TestAnAddressIsOpenedFromItsPageAlone(t *testing.T) {
	var mu sync.Mutex
	var seen []string // guarded by mu
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "elsewhere.example" {
			return // the browser's maker
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.URL.String()+" from "+r.Referer())
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<script>fetch("/opener/" + (window.opener !== null))</script>`)
	}))
	defer elsewhere.Close()
	all := func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(seen, "\n")
	}
	h := newHouse(t, "ada", []string{"See [the timetable](http://elsewhere.example/x?what=I+said) or <http://elsewhere.example@evil.example/>."})
	b := open(t, strings.TrimPrefix(elsewhere.URL, "http://"))
	b.visit(h.page + "/page/")
	b.unlock("ada", passphrase)
	b.write("#text", "0\r")
	b.see(".turn.it")
	b.answered("1")
	if n := eval[int](b, `document.querySelectorAll(".said a").length`); n != 0 {
		t.Errorf("%d links are in the answer", n)
	}
	b.press(".turn.it footer a.links") // as the script has put it there
	b.see("dl.addresses")
	b.shot("addresses")
	said := eval[string](b, `document.querySelector("main").innerText`)
	for _, want := range []string{"http://elsewhere.example/x?what=I+said", "Takes along", "before the @"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q:\n%s", want, said)
		}
	}
	if all() != "" {
		t.Errorf("before it was opened somebody was asked: %s", all())
	}
	if n := eval[int](b, `document.querySelectorAll("dl.addresses a").length`); n != 1 {
		t.Fatalf("%d can be opened", n)
	}
	b.do(chromedp.Click("dl.addresses a", chromedp.ByQuery))
	b.wait("the page elsewhere", func() bool { return strings.Contains(all(), "/opener/") })
	if got := all(); !strings.HasPrefix(got, "/x?what=I+said from \n") || !strings.Contains(got, "/opener/false") {
		t.Errorf("elsewhere was told\n%s", got)
	}
}

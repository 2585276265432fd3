package browsers

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// watcher stands between a browser and a server, and sees what whoever is on the
// network sees: connections, and the size and direction of each record of TLS.
type watcher struct {
	net.Listener
	to string

	mu   sync.Mutex
	seen map[string]int // guarded by mu
	ups  int            // guarded by mu
}

func watch(t *testing.T, to string) *watcher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &watcher{Listener: l, to: to, seen: map[string]int{}}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			w.note("a new connection")
			server, err := net.Dial("tcp", to)
			if err != nil {
				from.Close()
				continue
			}
			go w.pass("up", from, server)
			go w.pass("down", server, from)
		}
	}()
	return w
}

func (w *watcher) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
	if strings.HasPrefix(what, "up ") {
		w.ups++
	}
}

func (w *watcher) pass(way string, from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(from, head); err != nil {
			w.note("the end of a connection")
			return
		}
		n := int(binary.BigEndian.Uint16(head[3:]))
		w.note(fmt.Sprintf("%s %d", way, n))
		body := make([]byte, n)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if _, err := to.Write(append(head, body...)); err != nil {
			return
		}
	}
}

func (w *watcher) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ups
}

// took gives what was seen since it was asked last.
func (w *watcher) took() (seen map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, w.seen = w.seen, map[string]int{}
	return seen
}

// TestNoMarkAtAll: somebody who chose the channel asks, is answered, asks for another
// answer and stops it, and whoever watches the network has seen what they see of a
// page at which nobody is: the same sizes, and no other connection.
func TestNoMarkAtAll(t *testing.T) {
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.enter(s)
	b.visit(s.page + "/page/settings")
	b.press("[name=shape][value=channel]")
	b.press("form.fields button")
	b.see("[data-channel]")
	opened := `document.querySelector(".sight.hidden")?.textContent.includes("Nobody on the network sees")`
	b.visit(s.page + "/page/")
	b.until(opened)
	b.shot("channel")
	must(t, chromedp.Cancel(b.ctx))
	s.stop(t)

	door, _, _ := s.forOthers(t, "127.0.0.2")
	w := watch(t, door)
	_, port, _ := strings.Cut(w.Addr().String(), ":")
	home := "https://box.abaton.example:" + port
	b = open(t, "", chromedp.Flag("host-resolver-rules", "MAP box.abaton.example 127.0.0.1"), trusting(t, door, nil))
	b.visit(home + "/page/")
	b.unlock("ada", passphrase)
	b.until(opened)
	w.took()
	frames := func(n int) { // waits for so many that the page sends
		t.Helper()
		from := w.sent()
		b.wait("frames", func() bool { return w.sent() >= from+2*n }) // a header and a body each
	}
	frames(20)
	quiet := w.took()

	b.do(chromedp.SetValue("#text", canary+": what is the capital of France? "+strings.Repeat(" ", 2000)+"Say it.", chromedp.ByQuery))
	b.write("#text", "\r")
	b.until(`document.querySelector(".turn.it .said")?.textContent.trim()`)
	b.until(`location.pathname.startsWith("/page/c/")`)
	b.do(chromedp.Evaluate(`document.querySelector("form[data-stop]")?.requestSubmit()`, nil))
	b.answered("1")
	frames(3) // what asks to stop has arrived, and stops nothing that is asked later
	b.press(`form[action^="/page/again/"] button`)
	b.until(`document.querySelector(".turn.it .versions")?.textContent.includes("2 of 2")`)
	b.until(`document.querySelector(".turn.it .said")?.textContent.trim()`)
	b.do(chromedp.Evaluate(`document.querySelector("form[data-stop]")?.requestSubmit()`, nil))
	b.answered("1")
	frames(20)
	busy := w.took()
	t.Logf("at rest: %v", quiet)
	t.Logf("at work: %v", busy)
	for _, what := range slices.Sorted(maps.Keys(busy)) {
		if quiet[what] == 0 {
			t.Errorf("%d times, and never at rest: %s", busy[what], what)
		}
	}
	here := eval[string](b, "location.href")
	b.visit(here)
	b.until(opened)
	b.answered("1")
	if said := eval[string](b, `document.querySelector(".turn.you .said").textContent`); !strings.Contains(said, canary) {
		t.Errorf("kept is %q", said)
	}

	// Where it breaks the page says so at once, and nothing is asked beside it.
	s.stop(t)
	b.until(`!document.querySelector(".sight.hidden") && document.querySelector(".sight").textContent.includes("channel is closed")`)
	b.write("#text", "Are you there?\r")
	b.until(`document.getElementById("status").textContent.includes("still here")`)
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
}

package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// narrow is a page with a channel, as its script has it.
type narrow struct {
	t       *testing.T
	at      *httptest.Server
	down    io.ReadCloser
	in      shaper.Inlet
	out     shaper.Pipe
	address string
	frames  int
	whole   []reply
}

// narrow opens a channel. Who comes to the server is ada, or bob where they say so.
func (h *house) narrow() *narrow {
	h.t.Helper()
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := h.ada
		if r.Header.Get("Who") == "bob" {
			s = h.bob
		}
		h.ServeSession(w, r, s)
	}))
	h.t.Cleanup(at.Close)
	r, err := http.Get(at.URL + "/page/channel")
	must(h.t, err)
	n := &narrow{t: h.t, at: at, down: r.Body}
	h.t.Cleanup(func() { n.down.Close() })
	first := n.next()
	if r.StatusCode != 200 || first.Channel == "" || first.Frame != upFrame || first.Every != upEvery {
		h.t.Fatalf("a channel begins with %d %+v", r.StatusCode, first)
	}
	n.address = at.URL + "/page/channel/" + first.Channel
	return n
}

// next gives what comes next: a frame must be whole and of one size.
func (n *narrow) next() reply {
	n.t.Helper()
	for len(n.whole) == 0 {
		frame := make([]byte, shaper.FrameBytes)
		if _, err := io.ReadFull(n.down, frame); err != nil {
			n.t.Fatalf("after %d frames: %v", n.frames, err)
		}
		n.frames++
		list, err := n.in.Take(frame)
		must(n.t, err)
		for _, b := range list {
			var x reply
			must(n.t, json.Unmarshal(b, &x))
			n.whole = append(n.whole, x)
		}
	}
	x := n.whole[0]
	n.whole = n.whole[1:]
	return x
}

// say sends something in as many frames as it takes, and tells the last status.
func (n *narrow) say(number int, path string, fields ...string) (status int) {
	n.t.Helper()
	q := piped{number, path, map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		q.Fields[fields[i]] = fields[i+1]
	}
	b, err := json.Marshal(q)
	must(n.t, err)
	must(n.t, n.out.Put(b))
	for !n.out.Idle() {
		status = n.post(n.out.Next(upFrame), "")
	}
	return status
}

func (n *narrow) post(frame []byte, who string) int {
	n.t.Helper()
	r, err := http.NewRequest("POST", n.address, bytes.NewReader(frame))
	must(n.t, err)
	r.Header.Set("Who", who)
	w, err := http.DefaultClient.Do(r)
	must(n.t, err)
	w.Body.Close()
	if w.StatusCode == http.StatusNoContent && w.Header.Get("Set-Cookie") != "" {
		n.t.Error("an answer to a frame tells something")
	}
	return w.StatusCode
}

// A whole conversation over a channel: its first question, the answer as it is
// written, stopping, another answer, more of one, and a question of many frames.
func TestAConversationOverAChannel(t *testing.T) {
	h := settle(t, shaper.Policy{Jitter: func() time.Duration { return 0 }})
	h.post(h.ada, "settings", "shape", "channel")
	if body := h.get(h.ada, "").Body.String(); !strings.Contains(body, `data-channel="/page/channel"`) || !strings.Contains(body, "not open") || strings.Contains(body, "sight hidden") {
		t.Errorf("before it is open the page claims too much:\n%s", body)
	}
	n := h.narrow()
	if status := n.say(1, "ask", "text", "Say it", "model", "m"); status != http.StatusNoContent {
		t.Fatal(status)
	}
	var said struct{ Conversation, Question string }
	x := n.next()
	must(t, json.Unmarshal(x.Said, &said))
	id, err := vault.ParseID(said.Conversation)
	if x.Number != 1 || x.Status != 200 || err != nil || said.Question != h.turns(h.ada, id)[0].ID.String() {
		t.Fatalf("a first question: %+v %s", x, x.Said)
	}
	n.say(2, "live/"+id.String())
	h.pieces <- "one "
	go func() { h.pieces <- "two"; n.say(3, "stop/"+id.String()) }()
	list := n.answer(2, 3)
	if last := list[len(list)-1]; last.End.Finish != finishStopped || !strings.HasPrefix("one two", text(list)) {
		t.Errorf("stopped: %+v", list)
	}
	n.say(4, "again/"+id.String(), "after", h.last(id))
	if x := n.next(); x.Status != 200 {
		t.Fatalf("another answer: %+v %s", x, x.Said)
	}
	n.say(5, "live/"+id.String())
	h.finish(h.ada, id, "three")
	if list := n.answer(5, 0); text(list) != "three" {
		t.Errorf("another answer: %+v", list)
	}
	long := strings.Repeat("ä\n", 20_000)
	n.say(8, "edit/"+id.String()+"/"+said.Question, "text", long)
	if x := n.next(); x.Status != 200 {
		t.Fatalf("a long question: %+v %s", x, x.Said)
	}
	if got := h.turns(h.ada, id)[0].Text; got != long {
		t.Errorf("of %d bytes came %d", len(long), len(got))
	}
}

// answer gives what is told of an answer until its end, and until what asked for
// something else meanwhile was told that it is done; 0: nothing did.
func (n *narrow) answer(number, beside int) (list []told) {
	n.t.Helper()
	for done := beside == 0; !done || len(list) == 0 || list[len(list)-1].End == nil; {
		x := n.next()
		if x.Number == beside && x.Status == http.StatusNoContent {
			done = true
			continue
		}
		var l told
		if x.Number != number || json.Unmarshal(x.Line, &l) != nil {
			n.t.Fatalf("in the midst of an answer: %+v", x)
		}
		list = append(list, l)
	}
	return list
}

// last is the last turn of a conversation of ada's.
func (h *house) last(id vault.ID) string {
	all := h.turns(h.ada, id)
	return all[len(all)-1].ID.String()
}

// Where somebody wants no mark, a question that leaves one is not taken, in whatever
// way it comes; nor where their settings cannot be read.
func TestNoQuestionBesideTheChannel(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada)
	h.post(h.ada, "settings", "shape", "channel")
	for _, path := range []string{"ask", "ask/" + id.String(), "again/" + id.String(), "on/" + id.String(), "edit/" + id.String() + "/" + h.last(id)} {
		if w := h.post(h.ada, path, "text", "x"); w.Code != 422 && w.Code != 409 || len(h.turns(h.ada, id)) != 1 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if list, err := h.histories[h.ada.Person].List(); err != nil || len(list) != 1 {
		t.Errorf("%d conversations", len(list))
	}
}

// A channel belongs to one session, takes frames alone, and asks for nothing but what
// its page does. What is wrong ends it.
func TestForgedFrames(t *testing.T) {
	h := settle(t, shaper.Policy{})
	for name, forged := range map[string]struct {
		send func(*narrow) int
		want int
	}{
		"too short":    {func(n *narrow) int { return n.post(make([]byte, upFrame-1), "") }, 400},
		"too long":     {func(n *narrow) int { return n.post(make([]byte, upFrame+1), "") }, 400},
		"not clean":    {func(n *narrow) int { return n.post(bytes.Repeat([]byte{1}, upFrame), "") }, 400},
		"other path":   {func(n *narrow) int { return n.say(1, "delete/"+vault.NewID().String()) }, 204},
		"itself":       {func(n *narrow) int { return n.say(1, "channel") }, 204},
		"no number":    {func(n *narrow) int { return n.say(0, "ask", "text", "x") }, 204},
		"no such turn": {func(n *narrow) int { return n.say(1, "live/x") }, 204},
	} {
		n := h.narrow()
		if got := n.post(make([]byte, upFrame), "bob"); got != 404 {
			t.Errorf("%s: another person's frame: %d", name, got)
		}
		if got := forged.send(n); got != forged.want {
			t.Errorf("%s: %d", name, got)
		}
		if _, err := io.Copy(io.Discard, n.down); err == nil {
			continue // it ended by itself
		}
	}
	var open []*narrow
	for range mostOpen {
		open = append(open, h.narrow())
	}
	if r, err := http.Get(open[0].at.URL + "/page/channel"); err != nil || r.StatusCode != 422 {
		t.Errorf("one more: %v %v", r, err)
	}
}

// What breaks while something is asked for ends the channel, and nothing else.
func TestABrokenRequestEndsItsChannel(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Manner = func(models.Passport) (string, engine.Options) { panic("broken") }
	n := h.narrow()
	n.say(1, "ask", "text", "x", "model", "m")
	if _, err := io.Copy(io.Discard, n.down); err != nil {
		t.Error(err)
	}
	if w := h.get(h.ada, ""); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// An open page uses no vault: it locks as ever, which its page is told, and the
// channel ends.
func TestAChannelIsNoUse(t *testing.T) {
	h := settle(t, shaper.Policy{})
	n := h.narrow()
	for range 16 {
		h.ahead.Add(int64(time.Minute))
		if !h.ada.Unlocked() {
			break
		}
		if got := n.post(make([]byte, upFrame), ""); got != http.StatusNoContent {
			t.Fatal(got)
		}
	}
	if h.ada.Unlocked() {
		t.Fatal("16 minutes later the vault is open")
	}
	if x := n.next(); !x.Locked {
		t.Errorf("its page is told %+v", x)
	}
	if _, err := io.Copy(io.Discard, n.down); err != nil {
		t.Error(err)
	}
}

// Where an answer ended no page is loaded over a channel but by its person's hand:
// that would be seen.
func TestNoPageIsLoadedByItselfOverAChannel(t *testing.T) {
	script, err := staticFiles.ReadFile("static/live.js")
	must(t, err)
	seen := 0
	for line := range strings.Lines(string(script)) {
		if strings.Contains(line, "end.anew") && strings.Contains(line, "location.reload") {
			seen++
			if !strings.Contains(line, "!narrow &&") {
				t.Error(line)
			}
		}
	}
	if seen != 1 {
		t.Errorf("%d places were seen", seen)
	}
}

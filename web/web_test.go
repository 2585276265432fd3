package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/internal/vaulttest"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

type quiet struct{}

func (quiet) Record(vault.Event) error                    { return nil }
func (quiet) Bind([32]byte, ...time.Time) error           { return nil }
func (quiet) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

type shelf struct{}

var passport = models.Passport{Name: "m", Role: "chat", ContextLength: 8192}

func (shelf) List() ([]models.Passport, error) { return []models.Passport{passport}, nil }
func (shelf) Find(name string) (models.Passport, error) {
	if name != "m" {
		return models.Passport{}, errors.New("no such model")
	}
	return passport, nil
}
func (shelf) Default() (models.Passport, error) { return passport, nil }

// speaker answers as its test says: a piece for each that is put into it, and the
// end when it is closed.
type speaker struct {
	pieces chan string
	heard  chan engine.Prompt
}

func (s speaker) Generate(ctx context.Context, q engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		s.heard <- q
		for {
			select {
			case <-ctx.Done():
				yield(engine.Delta{}, ctx.Err())
				return
			case piece, more := <-s.pieces:
				if !more {
					yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: 3, AnswerTokens: 5}}, nil)
					return
				}
				if piece == "!" {
					yield(engine.Delta{}, &engine.Fault{Kind: engine.Crashed, What: "The engine crashed.", Do: "Ask again."})
					return
				}
				if !yield(engine.Delta{Text: piece}, nil) {
					return
				}
			}
		}
	}
}

// house is the pages over a real vault, with two people in it.
type house struct {
	*Pages
	t         *testing.T
	people    *vault.Directory
	ada, bob  vault.Session
	histories map[vault.PersonID]*history.History
	ahead     atomic.Int64 // of the vault's clock
	speaker
}

func settle(t *testing.T, shape shaper.Policy) *house {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(t, os.Mkdir(data, 0o700))
	device, err := vault.MakeDevice(filepath.Join(dir, "config", "device"), data)
	must(t, err)
	h := &house{t: t, histories: map[vault.PersonID]*history.History{}, speaker: speaker{make(chan string), make(chan engine.Prompt, 10)}}
	h.people, err = vault.OpenDirectory(t.Context(), vault.Config{Store: vaulttest.NewMemory(), Device: device, StateDir: filepath.Join(dir, "state"), Audit: quiet{}, Now: h.now, Cost: vault.FloorCost()})
	must(t, err)
	t.Cleanup(func() { must(t, h.people.Close()) })
	claim, err := h.people.Claim()
	must(t, err)
	h.ada = h.join("Ada", claim)
	invitation, _, err := h.people.Invite(t.Context(), h.ada, vault.RoleMember)
	must(t, err)
	h.bob = h.join("Bob", invitation)
	h.Pages, err = New(Config{
		Chat: chat.New(h.speaker, shelf{}), Shelf: shelf{}, People: h.people, Shape: shape, NoPasskeys: func(*http.Request) string { return "" },
		History: func(_ context.Context, s vault.Session) (*history.History, error) {
			if !s.Unlocked() {
				return nil, vault.ErrLocked
			}
			return h.histories[s.Person], nil
		},
		Unread: func(context.Context, vault.Session) error { return nil },
		Manner: func(models.Passport) (string, engine.Options) { return "be brief", engine.Options{} },
		Words:  func(err error) string { return err.Error() },
	})
	must(t, err)
	t.Cleanup(h.Pages.Close)
	return h
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *house) join(name string, ticket vault.Once) vault.Session {
	h.t.Helper()
	s, err := h.people.Join(h.t.Context(), vault.Newcomer{Ticket: ticket.Reveal(), Name: name, Passphrase: []byte("the passphrase of " + name)})
	must(h.t, err)
	v, err := s.Vault()
	must(h.t, err)
	h.histories[s.Person], err = history.Open(h.t.Context(), v, history.Config{})
	must(h.t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get and post ask for a page as a browser does.
func (h *house) get(s vault.Session, path string) *httptest.ResponseRecorder {
	return h.ask(s, httptest.NewRequest("GET", "/page/"+path, nil))
}

func (h *house) post(s vault.Session, path string, fields ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest("POST", "/page/"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.ask(s, r)
}

func (h *house) ask(s vault.Session, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeSession(patient{w}, r, s)
	return w
}

// patient is a recorder that takes deadlines, as a connection does.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

// begun begins a conversation, and gives its identifier.
func (h *house) begun(s vault.Session, question string) vault.ID {
	h.t.Helper()
	w := h.post(s, "ask", "text", question, "model", "m")
	id, err := vault.ParseID(strings.TrimPrefix(w.Header().Get("Location"), "/page/c/"))
	if w.Code != 303 || err != nil {
		h.t.Fatalf("a question: %d %s", w.Code, w.Body)
	}
	return id
}

// finish ends the answer that is being written.
func (h *house) finish(s vault.Session, id vault.ID, pieces ...string) {
	a := h.newest(s, id)
	for _, p := range pieces {
		h.pieces <- p
	}
	close(h.pieces)
	<-a.ended
}

// Without scripts: a question leads to the page of its conversation, which shows
// what there is of the answer and loads itself anew, and then all of it.
func TestAQuestionWithoutScripts(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "What\r\nis <b>it</b>?")
	asked := <-h.heard
	if got := asked.Messages; len(got) != 2 || got[0].Content != "be brief" || got[1].Content != "What\nis <b>it</b>?" {
		t.Errorf("the model was asked %q", got)
	}
	h.pieces <- "It is *this* "
	a := h.writing(h.ada, id)
	for text := ""; text == ""; text, _, _, _ = a.seen(0) {
	}
	body := h.get(h.ada, "c/"+id.String()).Body.String()
	if !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, "It is <em>this</em>") || !strings.Contains(body, "data-live") || !strings.Contains(body, "is &lt;b&gt;it&lt;/b&gt;?") {
		t.Errorf("while it is written:\n%s", body)
	}
	if w := h.post(h.ada, "ask/"+id.String(), "text", "Another", "model", "m"); w.Code != 303 {
		t.Errorf("a second question meanwhile: %d %s", w.Code, w.Body)
	}
	h.finish(h.ada, id, "and that.")
	body = h.get(h.ada, "c/"+id.String()).Body.String()
	if strings.Contains(body, "refresh") || !strings.Contains(body, "It is <em>this</em> and that.") || !strings.Contains(body, "3 + 5 tokens") {
		t.Errorf("afterwards:\n%s", body)
	}
}

// line of a stream, as a page's script reads it.
type told struct {
	Ops [][]any `json:"ops"`
	End *ending `json:"end"`
}

func lines(t *testing.T, body []byte) (list []told) {
	t.Helper()
	for line := range bytes.Lines(body) {
		var x told
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, x)
	}
	return list
}

func text(list []told) (s string) {
	for _, l := range list {
		for _, op := range l.Ops {
			if op[0] == "t" {
				s += op[1].(string)
			}
		}
	}
	return s
}

// A stream tells an answer from its beginning, to whoever comes while it is
// written or just after; and it goes on when the one who asked has left.
func TestLive(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "Say it")
	go func() { h.finish(h.ada, id, "one ", "two ", "three") }()
	list := lines(t, h.get(h.ada, "live/"+id.String()).Body.Bytes())
	if last := list[len(list)-1]; last.End == nil || last.End.Finish != "stop" || text(list) != "one two three" {
		t.Errorf("told: %+v", list)
	}
	list = lines(t, h.get(h.ada, "live/"+id.String()).Body.Bytes())
	if last := list[len(list)-1]; last.End == nil || last.End.Finish != "stop" || text(list) != "one two three" {
		t.Errorf("told late: %+v", list)
	}
	if list := lines(t, h.get(h.ada, "live/"+h.begunWith(h.ada).String()).Body.Bytes()); len(list) != 1 || list[0].End.Finish != "over" {
		t.Errorf("where nothing is written: %+v", list)
	}
}

// begunWith gives a conversation in which nothing is being written.
func (h *house) begunWith(s vault.Session, turns ...history.Turn) vault.ID {
	h.t.Helper()
	c, err := h.histories[s.Person].New(h.t.Context(), history.Start{}, append([]history.Turn{{Role: history.User, Text: "q"}}, turns...)...)
	must(h.t, err)
	return c.ID
}

// What there is of an answer is kept where its person stops it, and where its
// engine breaks.
func TestPartsAreKept(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*house, vault.ID)
		want string
	}{
		"stopped": {func(h *house, id vault.ID) { h.post(h.ada, "stop/"+id.String()) }, finishStopped},
		"broken":  {func(h *house, id vault.ID) { h.pieces <- "!"; <-h.newest(h.ada, id).ended }, finishFailed},
		"server":  {func(h *house, _ vault.ID) { h.Pages.Close() }, finishStopped},
	} {
		t.Run(name, func(t *testing.T) {
			h := settle(t, shaper.Policy{})
			id := h.begun(h.ada, "Say it")
			h.pieces <- "a part"
			h.pieces <- " of it"
			c.end(h, id)
			_, turns, err := h.histories[h.ada.Person].Show(t.Context(), id)
			if err != nil || len(turns) != 2 || !strings.HasPrefix(turns[1].Text, "a part") || turns[1].Finish != c.want {
				t.Errorf("%v %+v", err, turns)
			}
		})
	}
}

// Nobody's conversations, answers, keys or searches can be named by another
// person, even by one who knows every identifier.
func TestAnotherPersonsThings(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "A secret of Ada's")
	for _, path := range []string{"c/", "live/"} {
		if w := h.get(h.bob, path+id.String()); w.Code != 404 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"ask/", "again/", "stop/", "rename/", "delete/"} {
		if w := h.post(h.bob, path+id.String(), "text", "x", "title", "x"); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := h.post(h.ada, "search", "words", "secret")
	found := strings.TrimPrefix(w.Header().Get("Location"), "/page/")
	if w.Code != 303 || strings.Contains(found, "secret") {
		t.Fatalf("a search leads to %q", found)
	}
	if w := h.get(h.ada, found); !strings.Contains(w.Body.String(), "<mark>secret</mark>") {
		t.Errorf("found: %s", w.Body)
	}
	if w := h.get(h.bob, found); w.Code != 303 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("another's search: %d", w.Code)
	}
	w = h.post(h.ada, "keys", "name", "editor", "scope", "ask", "days", "9")
	made := strings.TrimPrefix(w.Header().Get("Location"), "/page/")
	if w := h.get(h.bob, made); strings.Contains(w.Body.String(), "abt_") {
		t.Error("another's key is shown")
	}
	if w := h.get(h.ada, made); !strings.Contains(w.Body.String(), "abt_") {
		t.Errorf("a key that was made is not shown: %s", w.Body)
	}
	if w := h.get(h.ada, made); strings.Contains(w.Body.String(), "abt_") {
		t.Error("a key is shown twice")
	}
	keys, err := h.people.TokensOf(t.Context(), h.ada)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if w := h.post(h.bob, "revoke", "id", keys[0].ID); w.Code != 404 {
		t.Errorf("another's key was revoked: %d", w.Code)
	}
	h.finish(h.ada, id, "x")
}

// A session whose vault is locked gets no page, and what it left in memory is gone.
func TestLocked(t *testing.T) {
	h := settle(t, shaper.Policy{})
	found := strings.TrimPrefix(h.post(h.ada, "search", "words", "secret").Header().Get("Location"), "/page/")
	id := h.begun(h.ada, "x")
	h.pieces <- "a word"
	written := h.newest(h.ada, id)
	h.ada.Lock()
	for _, path := range []string{"", "all", "c/" + id.String(), "live/" + id.String(), "keys", "security", found} {
		if w := h.get(h.ada, path); w.Code != 403 || strings.Contains(w.Body.String(), "a word") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	select {
	case h.pieces <- "another":
	case <-written.ended:
	}
	<-written.ended // by the lock, seen at the next word at the latest
	h.parcels.put(h.bob, "x", time.Now())
	if n := len(h.parcels.of); n != 1 {
		t.Errorf("%d parcels are left", n)
	}
	if w := h.get(vault.Guest(), ""); w.Code != 403 {
		t.Errorf("a guest: %d", w.Code)
	}
}

// Deleting takes the title, every word and the answer that is being written.
func TestDelete(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begun(h.ada, "A secret")
	h.pieces <- "a word"
	if w := h.post(h.ada, "delete/"+id.String()); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := h.get(h.ada, "c/"+id.String()); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if w := h.get(h.ada, ""); strings.Contains(w.Body.String(), "secret") {
		t.Error("its title is still listed")
	}
	if h.newest(h.ada, id) != nil {
		t.Error("its answer is still in memory")
	}
}

// Trying again puts the new answer in the old one's place.
func TestAgain(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "old", Model: "m"})
	if w := h.post(h.ada, "again/"+id.String()); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h.finish(h.ada, id, "new")
	_, turns, err := h.histories[h.ada.Person].Show(t.Context(), id)
	if err != nil || len(turns) != 2 || turns[1].Text != "new" {
		t.Errorf("%v %+v", err, turns)
	}
}

// What forms send that no page of ours would.
func TestForgedForms(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"no question":   h.post(h.ada, "ask", "text", " \n"),
		"no text":       h.post(h.ada, "ask", "text", "a\xff"),
		"no such model": h.post(h.ada, "ask/"+id.String(), "text", "x", "model", "../m"),
		"no days":       h.post(h.ada, "keys", "name", "x", "scope", "ask", "days", "-1"),
		"another scope": h.post(h.ada, "keys", "name", "x", "scope", "audit", "days", "1"),
		"no title":      h.post(h.ada, "rename/"+id.String(), "title", "\x00\u202e"),
		"no code":       h.post(h.ada, "stop/00"),
		"get for post":  h.get(h.ada, "ask"),
		"post for get":  h.post(h.ada, "security"),
		"nowhere":       h.get(h.ada, "../../etc/passwd"),
	} {
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", "/page/ask", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n--x--"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	if w := h.ask(h.ada, r); w.Code != 422 {
		t.Errorf("another kind of form: %d", w.Code)
	}
}

// Every page, file and refusal carries the policy, and no page has an address of
// another server, an inline script or style, or a word of ours in its title.
func TestWhatPagesCarry(t *testing.T) {
	h := settle(t, shaper.Policy{})
	id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "[a](https://sink.example)"})
	paths := []string{"", "all", "c/" + id.String(), "keys", "models", "people", "edit/" + id.String() + "/" + h.turns(h.ada, id)[0].ID.String(), "security", "acts", "recovery", "settings", "keyboard", "manner/" + id.String(), "nowhere", "live/" + id.String()}
	for _, path := range paths {
		w := h.get(h.ada, path)
		header := w.Header()
		for name, want := range map[string]string{"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": abilities} {
			if header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, header.Get(name))
			}
		}
		body := w.Body.String()
		if strings.Contains(path, "live") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?:href|src|action|content)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if strings.Contains(m[1], "//") || strings.Contains(m[0], "href") && !strings.HasPrefix(m[1], "/page/") && m[1] != "#main" {
				t.Errorf("%s: %s", path, m[0])
			}
		}
		if regexp.MustCompile(`<script[^>]*>[^<]|<style|style=|\son[a-z]+=`).MatchString(body) || !strings.Contains(body, "<title>Abaton</title>") {
			t.Errorf("%s has something inline, or another title", path)
		}
	}
	for _, word := range []string{"'unsafe", "https:", "data:", "blob:", "*"} {
		if strings.Contains(policy, word) {
			t.Errorf("the policy allows %s", word)
		}
	}
}

// TestFirstView holds what a browser loads at first to 60 KB.
func TestFirstView(t *testing.T) {
	h := settle(t, shaper.Policy{})
	all := h.get(h.ada, "").Body.Len()
	for path := range h.files {
		w, asked := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		asked.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd") // as browsers do
		if !h.Static(w, asked) || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s is not served", path)
		}
		all += w.Body.Len()
		plain := httptest.NewRecorder()
		h.Static(plain, httptest.NewRequest("GET", path, nil))
		z, err := gzip.NewReader(w.Body)
		must(t, err)
		if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain.Body.Bytes()) {
			t.Errorf("%s is another one packed: %v", path, err)
		}
		again := httptest.NewRequest("GET", path, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		kept := httptest.NewRecorder()
		if h.Static(kept, again); kept.Code != 304 || kept.Body.Len() > 0 {
			t.Errorf("%s is sent again: %d", path, kept.Code)
		}
	}
	t.Logf("%d bytes", all)
	if all > 60_000 {
		t.Errorf("%d bytes", all)
	}
	if h.Static(httptest.NewRecorder(), httptest.NewRequest("GET", "/page/static/../web.go", nil)) {
		t.Error("a file of ours is served")
	}
}

// By TLS nothing of a page or of an answer tells by its size how long it is.
func TestShaped(t *testing.T) {
	h := settle(t, shaper.Policy{Jitter: func() time.Duration { return 0 }})
	id := h.begun(h.ada, "Say it")
	go func() { h.finish(h.ada, id, "one ", "two") }()
	r := httptest.NewRequest("GET", "https://box.local/page/live/"+id.String(), nil)
	w := h.ask(h.ada, r)
	list := lines(t, w.Body.Bytes())
	if n := w.Body.Len(); n != 80*shaper.FrameBytes || text(list) != "one two" || list[len(list)-1].End.Finish != "stop" {
		t.Errorf("%d bytes, %d lines, %q", n, len(list), text(list))
	}
	for _, path := range []string{"", "all", "c/" + id.String()} {
		if w := h.ask(h.ada, httptest.NewRequest("GET", "https://box.local/page/"+path, nil)); !shaper.Padded(w.Body.Len()) {
			t.Errorf("%s has %d bytes", path, w.Body.Len())
		}
	}
}

// TestScripts holds our scripts to what they may do: no HTML made of text, nothing
// kept, no address but our own.
func TestScripts(t *testing.T) {
	list, err := staticFiles.ReadDir("static")
	must(t, err)
	// "eval:" is a member of WebAuthn's, and calls nothing.
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|setHTML|createContextualFragment|srcdoc|\beval\b[^:]|new Function|localStorage|sessionStorage|indexedDB|caches\.|document\.cookie|https?:|WebSocket|sendBeacon|import\(`)
	for _, entry := range list {
		b, err := staticFiles.ReadFile("static/" + entry.Name())
		must(t, err)
		if filepath.Ext(entry.Name()) == ".svg" {
			continue
		}
		const name = "http://www.w3.org/1998/Math/MathML" // of a kind of elements, as browsers call it
		if m := forbidden.Find(bytes.ReplaceAll(b, []byte(`"`+name+`"`), nil)); m != nil {
			t.Errorf("%s has %s", entry.Name(), m)
		}
		if n := bytes.Count(b, []byte("\n")); n > 300 {
			t.Errorf("%s has %d lines", entry.Name(), n)
		}
		if bytes.Contains(b, []byte("url(")) || bytes.Contains(b, []byte("@import")) {
			t.Errorf("%s fetches", entry.Name())
		}
	}
}

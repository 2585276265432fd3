package browsers

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/internal/vaulttest"
	"abaton.local/models"
	"abaton.local/vault"
	"abaton.local/web"
)

// house is the page in this process, over a real vault and behind the real door;
// only what answers is ours, so that it says whatever a test wants it to.
type house struct {
	page    string
	people  *vault.Directory
	session vault.Session
	history *history.History
	papers  *papers
}

// atDoor is the pages as the door asks for them.
type atDoor struct{ *web.Pages }

func (a atDoor) Entrance(w http.ResponseWriter, r *http.Request, at gateway.Doorway) {
	a.Pages.Entrance(w, r, web.Doorway(at))
}

func (a atDoor) Refuse(w http.ResponseWriter, r *http.Request, no gateway.Refusal) {
	a.Pages.Refuse(w, r, no.Status, no.Message)
}

type quiet struct{}

func (quiet) Record(vault.Event) error                    { return nil }
func (quiet) Bind([32]byte, ...time.Time) error           { return nil }
func (quiet) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

// shelf has one model, which is never loaded.
type shelf struct{}

var passport = models.Passport{Name: "m", Role: "chat", ContextLength: 8192}

func (shelf) List() ([]models.Passport, error)     { return []models.Passport{passport}, nil }
func (shelf) Find(string) (models.Passport, error) { return passport, nil }
func (shelf) Default() (models.Passport, error)    { return passport, nil }

// parrot answers a number with the text of that number, in three pieces that
// come one after the other.
type parrot struct{ texts []string }

func (p parrot) Generate(_ context.Context, q engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		n, err := strconv.Atoi(q.Messages[len(q.Messages)-1].Content)
		if err != nil || n >= len(p.texts) {
			yield(engine.Delta{}, errors.New("no such text"))
			return
		}
		text := p.texts[n]
		for i := range 3 {
			piece := text[i*len(text)/3 : (i+1)*len(text)/3]
			if !yield(engine.Delta{Text: piece}, nil) {
				return
			}
			time.Sleep(15 * time.Millisecond) // as a model does: the page sees pieces
		}
		yield(engine.Delta{Finish: engine.Stopped}, nil)
	}
}

func newHouse(t *testing.T, name string, texts []string) *house {
	t.Helper()
	return newHouseOf(t, name, parrot{texts}, time.Now)
}

// newHouseOf is newHouse with another one who answers, and by another clock.
func newHouseOf(t *testing.T, name string, speaker chat.Generator, now func() time.Time) *house {
	t.Helper()
	return newHouseWith(t, name, speaker, now, func(*web.Config) {})
}

// newHouseWith is newHouseOf with more said of the rooms behind the page.
func newHouseWith(t *testing.T, name string, speaker chat.Generator, now func() time.Time, more func(*web.Config)) *house {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(t, os.Mkdir(data, 0o700))
	device, err := vault.MakeDevice(filepath.Join(dir, "config", "device"), data)
	must(t, err)
	people, err := vault.OpenDirectory(t.Context(), vault.Config{Store: vaulttest.NewMemory(), Device: device, StateDir: filepath.Join(dir, "state"), Audit: quiet{}, Now: now, Cost: vault.FloorCost()})
	must(t, err)
	claim, err := people.Claim()
	must(t, err)
	h := &house{papers: &papers{}, people: people}
	h.session, err = people.Join(t.Context(), vault.Newcomer{Ticket: claim.Reveal(), Name: name, Passphrase: []byte(passphrase)})
	must(t, err)
	v, err := h.session.Vault()
	must(t, err)
	h.history, err = history.Open(t.Context(), v, history.Config{})
	must(t, err)
	config := web.Config{
		Chat: chat.New(speaker, shelf{}), Shelf: shelf{}, People: people,
		History:   func(context.Context, vault.Session) (*history.History, error) { return h.history, nil },
		Unread:    func(context.Context, vault.Session) error { return nil },
		Manner:    func(models.Passport) (string, engine.Options) { return "", engine.Options{} },
		Machine:   web.Machine{Version: "test", Walls: "None here", Store: "memory", Device: "a file"},
		Documents: h.papers,
		Words:     func(err error) string { return err.Error() },
		Now:       now, NoPasskeys: gateway.NoPasskeys,
	}
	more(&config)
	pages, err := web.New(config)
	must(t, err)
	door, err := gateway.Listen(gateway.Config{Address: "127.0.0.1:0", Pages: atDoor{pages}, People: gateway.Directory(people)})
	must(t, err)
	tokens, err := vault.OpenTokens(t.TempDir())
	must(t, err)
	_, port, err := net.SplitHostPort(door.Addr().String())
	must(t, err)
	h.page = "http://abaton.localhost:" + port
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := door.Serve(ctx, tokens, nobody{}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		serving.Wait()
		pages.Close()
		must(t, people.Close())
	})
	return h
}

type nobody struct{}

func (nobody) ServeSession(w http.ResponseWriter, _ *http.Request, _ vault.Session) {
	w.WriteHeader(http.StatusNotFound)
}

// payloads are those of package web/markup.
func payloads(t *testing.T) (list []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "web", "markup", "testdata", "payloads.txt"))
	must(t, err)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
		must(t, err)
		list = append(list, text)
	}
	if len(list) < 200 {
		t.Fatalf("only %d payloads", len(list))
	}
	return list
}

package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
	"abaton.local/web"
)

// BenchmarkPage is how long the server takes for the pages that grow with what
// somebody keeps: the first view and the list with 10,000 conversations, and one of 500
// messages, half of them answers of 1.5 KB with code and a formula; beside it the
// same list with 100. The store is on a disk. What a browser does is not in it.
func BenchmarkPage(b *testing.B) {
	for _, kept := range []int{100, 10_000} {
		pages, s, long := pagesOf(b, kept)
		for _, page := range []struct{ name, path string }{{"first view", ""}, {"list", "all"}, {"500 messages", "c/" + long.String()}} {
			b.Run(fmt.Sprintf("%d conversations/%s", kept, page.name), func(b *testing.B) {
				size, before := 0, spent(b)
				for b.Loop() {
					w := httptest.NewRecorder()
					pages.ServeSession(w, httptest.NewRequest("GET", "/page/"+page.path, nil), s)
					if size = w.Body.Len(); w.Code != http.StatusOK {
						b.Fatal(w.Code)
					}
				}
				b.ReportMetric(float64(size), "bytes")
				b.ReportMetric(float64((spent(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// silent is an audit log that keeps nothing.
type silent struct{}

func (silent) Record(vault.Event) error                    { return nil }
func (silent) Bind([32]byte, ...time.Time) error           { return nil }
func (silent) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

// aShelf is a shelf.
type aShelf struct{}

var onIt = models.Passport{Name: "m", Role: "chat", ContextLength: 8192}

func (aShelf) List() ([]models.Passport, error)     { return []models.Passport{onIt}, nil }
func (aShelf) Find(string) (models.Passport, error) { return onIt, nil }
func (aShelf) Default() (models.Passport, error)    { return onIt, nil }

// pagesOf are the pages of somebody who keeps so many conversations, one of them long.
func pagesOf(b *testing.B, kept int) (*web.Pages, vault.Session, vault.ID) {
	b.Helper()
	dir := b.TempDir()
	data := filepath.Join(dir, "data")
	must(b, os.Mkdir(data, 0o700))
	device, err := vault.MakeDevice(filepath.Join(dir, "config", "device"), data)
	must(b, err)
	store, err := sqlite.Open(b.Context(), filepath.Join(data, "store.db"))
	must(b, err)
	people, err := vault.OpenDirectory(b.Context(), vault.Config{Store: store, Device: device, StateDir: filepath.Join(dir, "state"), Audit: silent{}, Now: time.Now, Cost: vault.FloorCost()})
	must(b, err)
	b.Cleanup(func() { must(b, people.Close()) })
	claim, err := people.Claim()
	must(b, err)
	s, err := people.Join(b.Context(), vault.Newcomer{Ticket: claim.Reveal(), Name: "ada", Passphrase: []byte("a passphrase of a bench")})
	must(b, err)
	v, err := s.Vault()
	must(b, err)
	h, err := history.Open(b.Context(), v, history.Config{})
	must(b, err)
	for i := range kept - 1 {
		_, err := h.New(b.Context(), history.Start{Model: "m"}, history.Turn{Role: history.User, Text: fmt.Sprintf("Question number %d, which makes a title of some length", i)})
		must(b, err)
	}
	answer := strings.Repeat("A sentence of an *answer*, with `code` in it. ", 20) + "\n\n```go\n" + strings.Repeat("func f(x int) string { return \"x\" } // note\n", 10) + "```\n\nand $\\frac{a}{b} = \\sum_{i=1}^n i$.\n"
	var turns []history.Turn
	for range 250 {
		turns = append(turns, history.Turn{Role: history.User, Text: strings.Repeat("What is it? ", 15)}, history.Turn{Role: history.Assistant, Text: answer, Model: "m", PromptTokens: 10, AnswerTokens: 400})
	}
	long, err := h.New(b.Context(), history.Start{Model: "m"}, turns...)
	must(b, err)
	pages, err := web.New(web.Config{
		Shelf: aShelf{}, People: people,
		History: func(context.Context, vault.Session) (*history.History, error) { return h, nil },
		Manner:  func(models.Passport) (string, engine.Options) { return "", engine.Options{} },
		Words:   func(err error) string { return err.Error() },
	})
	must(b, err)
	b.Cleanup(pages.Close)
	return pages, s, long.ID
}

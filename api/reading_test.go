package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"abaton.local/chat"
	"abaton.local/internal/vaulttest"
	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/models"
	"abaton.local/vault"
)

type unrecorded struct{}

func (unrecorded) Record(vault.Event) error                    { return nil }
func (unrecorded) Bind([32]byte, ...time.Time) error           { return nil }
func (unrecorded) Bound(...[32]byte) (at time.Time, which int) { return at, -1 }

// patient is a recorder that takes deadlines, as a connection does.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

// reader is an API over two people's vaults; Ada keeps a lease.
type readers struct {
	*API
	t        *testing.T
	people   *vault.Directory
	ada, bob vault.Session
	lease    string // its identifier
}

func newReaders(t *testing.T, model models.Passport, g says) *readers {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	must(os.Mkdir(data, 0o700))
	device, err := vault.MakeDevice(filepath.Join(dir, "config", "device"), data)
	must(err)
	people, err := vault.OpenDirectory(t.Context(), vault.Config{Store: vaulttest.NewMemory(), Device: device, StateDir: filepath.Join(dir, "state"), Audit: unrecorded{}, Now: time.Now, Cost: vault.FloorCost()})
	must(err)
	t.Cleanup(func() { must(people.Close()) })
	r := &readers{t: t, people: people}
	of := map[vault.PersonID]*library.Libraries{}
	join := func(name string, ticket vault.Once) vault.Session {
		s, err := people.Join(t.Context(), vault.Newcomer{Ticket: ticket.Reveal(), Name: name, Passphrase: []byte("the passphrase of " + name)})
		must(err)
		v, err := s.Vault()
		must(err)
		of[s.Person], err = library.Open(t.Context(), v, library.Config{Parse: func(_ context.Context, src parse.Source) (out parse.Document, err error) {
			out.Result, err = parse.Parse(src, parse.Limits{}, out.Collect())
			return out, err
		}})
		must(err)
		return s
	}
	claim, err := people.Claim()
	must(err)
	r.ada = join("ada", claim)
	invitation, _, err := people.Invite(t.Context(), r.ada, vault.RoleMember)
	must(err)
	r.bob = join("bob", invitation)
	out, err := of[r.ada.Person].Add(t.Context(), library.File{Library: "house", Path: "lease.md", Name: "lease.md", Data: []byte("# Lease\n\nThe flat is let to Ada.\n\n## Notice\n\nThe notice period for the flat is three months.\n")})
	must(err)
	r.lease = out.Document.ID.String()
	found := shelf{model}
	r.API = New(Config{Chat: chat.New(g, found), Shelf: found, Documents: func(_ context.Context, s vault.Session) (*library.Libraries, error) {
		if !s.Unlocked() {
			return nil, vault.ErrLocked
		}
		return of[s.Person], nil
	}})
	return r
}

func (r *readers) ask(s vault.Session, path, body string) (int, string) {
	r.t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeSession(patient{w}, req, s)
	return w.Code, w.Body.String()
}

var large = models.Passport{Name: "large", Role: "chat", Digest: models.Digest{1}, Parameters: 7_000_000_000, ContextLength: 8192}

const grounding = `{"answer":[{"quotes":[{"passage":1,"quote":"The notice period for the flat is three months."}],"sentence":"It is three months."}]}`

func TestAnswersFromLibraries(t *testing.T) {
	r := newReaders(t, large, texts(grounding[:40], grounding[40:]))
	code, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house","messages":[{"role":"user","content":"What is the notice period for the flat?"}]}`)
	var whole struct {
		Model   string
		Choices []struct{ Message struct{ Content string } }
		Sources []struct{ Document, Text string } `json:"abaton_sources"`
		Usage   struct {
			Total int `json:"total_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(body), &whole); code != 200 || err != nil {
		t.Fatalf("%d %s", code, body)
	}
	if text := whole.Choices[0].Message.Content; !strings.HasPrefix(text, "It is three months. [1]\n\n[1] lease.md") || whole.Model != "large" || whole.Usage.Total != 7 {
		t.Errorf("%s", body)
	}
	if len(whole.Sources) == 0 || whole.Sources[0].Document != r.lease || !strings.Contains(whole.Sources[0].Text, "three months") {
		t.Errorf("%+v", whole.Sources)
	}
	_, body = r.ask(r.ada, chatPath, `{"model":"large","library":["house"],"stream":true,"messages":[{"role":"user","content":"What is the notice period for the flat?"}]}`)
	if sources, text := strings.Index(body, `"abaton_sources":[{"n":1,"document":"`+r.lease), strings.Index(body, `"content":"It is three months. [1]"`); sources < 0 || text < sources || !strings.HasSuffix(body, "data: [DONE]\n\n") {
		t.Errorf("%s", body)
	}

	// In responses: a call, its results where they are asked for, and citations.
	const question = `"model":"large","input":"What is the notice period for the flat?","tools":[{"type":"file_search","vector_store_ids":["house"]}]`
	code, body = r.ask(r.ada, "/v1/responses", `{`+question+`,"include":["file_search_call.results"]}`)
	var response struct {
		Tools  []map[string]any
		Output []struct {
			Type    string
			Queries []string
			Results []struct {
				FileID string `json:"file_id"`
				Text   string
			}
			Content []struct {
				Text        string
				Annotations []struct {
					Type, Filename string
					FileID         string `json:"file_id"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &response); code != 200 || err != nil || len(response.Output) != 2 {
		t.Fatalf("%d %v %s", code, err, body)
	}
	if call := response.Output[0]; call.Type != "file_search_call" || len(call.Queries) != 1 || len(call.Results) == 0 || call.Results[0].FileID != r.lease {
		t.Errorf("%s", body)
	}
	if notes := response.Output[1].Content[0].Annotations; len(notes) != 1 || notes[0].Type != "file_citation" || notes[0].FileID != r.lease || response.Tools[0]["type"] != "file_search" {
		t.Errorf("%s", body)
	}
	if _, body = r.ask(r.ada, "/v1/responses", `{`+question+`}`); strings.Contains(body, `"results"`) {
		t.Errorf("results come unasked: %s", body)
	}
	_, body = r.ask(r.ada, "/v1/responses", `{`+question+`,"stream":true}`)
	at := 0
	for _, event := range []string{"response.created", "response.output_item.added", "response.file_search_call.in_progress", "response.file_search_call.searching", "response.file_search_call.completed",
		"response.output_item.done", "response.output_text.delta", "response.output_text.annotation.added", "response.completed"} {
		i := strings.Index(body[at:], "event: "+event+"\n")
		if i < 0 {
			t.Fatalf("%s does not come in its place: %s", event, body)
		}
		at += i
	}
	if code, body := r.ask(r.ada, "/v1/responses", `{`+question+`,"tool_choice":"none"}`); code != 200 || strings.Contains(body, "file_search_call\"") {
		t.Errorf("where none is chosen: %d %s", code, body)
	}
}

// A small model is not asked: the passages come, word for word.
func TestASmallModelIsNotAsked(t *testing.T) {
	small := large
	small.Parameters = 135_000_000
	r := newReaders(t, small, texts("never said"))
	code, body := r.ask(r.ada, chatPath, `{"library":"house","messages":[{"role":"user","content":"What is the notice period for the flat?"}]}`)
	if code != 200 || !strings.Contains(body, "From your documents, word for word.") || !strings.Contains(body, "three months") || strings.Contains(body, "never said") {
		t.Errorf("%d %s", code, body)
	}
	if _, body := r.ask(r.ada, chatPath, `{"library":"house","messages":[{"role":"user","content":"Who repairs submarines?"}]}`); !strings.Contains(body, "Not in your documents.") {
		t.Errorf("%s", body)
	}
}

// Nobody reads what is not theirs, or without a vault that is open; and what cannot
// be together with a library is refused by name.
func TestWhoReadsLibraries(t *testing.T) {
	r := newReaders(t, large, texts(grounding))
	const ask = `"messages":[{"role":"user","content":"What is the notice period for the flat?"}]`
	locked := r.bob
	for name, x := range map[string]struct {
		s    vault.Session
		body string
		code int
		says string
	}{
		"another person":  {r.bob, `{"library":"house",` + ask + `}`, 400, "no library of the name"},
		"a guest":         {vault.Session{Person: "guest"}, `{"library":"house",` + ask + `}`, 403, "--scope all"},
		"tools, too":      {r.ada, `{"library":"house","tools":[{"type":"function","function":{"name":"f"}}],` + ask + `}`, 400, "tools cannot"},
		"a form, too":     {r.ada, `{"library":"house","response_format":{"type":"json_object"},` + ask + `}`, 400, "response_format cannot"},
		"several answers": {r.ada, `{"library":"house","n":2,` + ask + `}`, 400, "n cannot"},
		"no name":         {r.ada, `{"library":"",` + ask + `}`, 400, "no name of a library"},
		"none of a list":  {r.ada, `{"library":[],` + ask + `}`, 400, "library"},
		"a number":        {r.ada, `{"library":7,` + ask + `}`, 400, "library"},
		"a path":          {r.ada, `{"library":"../house",` + ask + `}`, 400, "no library of the name"},
		"not asked last":  {r.ada, `{"library":"house","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}`, 400, "last message"},
	} {
		if code, body := r.ask(x.s, chatPath, x.body); code != x.code || !strings.Contains(body, x.says) || strings.Contains(body, "three months") {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	locked.Lock()
	if code, body := r.ask(locked, chatPath, `{"library":"house",`+ask+`}`); code != 403 || strings.Contains(body, "three months") {
		t.Errorf("locked: %d %s", code, body)
	}
	for _, path := range []string{"/api/chat", "/v1/messages", "/v1/completions"} {
		body := `{"model":"large","max_tokens":5,"prompt":"x","library":"house",` + ask + `}`
		switch path {
		case "/api/chat":
			body = `{"model":"large","library":"house",` + ask + `}`
		case "/v1/messages":
			body = strings.Replace(body, `"prompt":"x",`, "", 1)
		}
		if code, said := r.ask(r.ada, path, body); code != 400 || !strings.Contains(said, "library") {
			t.Errorf("%s: %d %s", path, code, said)
		}
	}
	for _, tool := range []string{`{"type":"file_search"}`, `{"type":"file_search","vector_store_ids":["house"],"filters":{"x":1}}`, `{"type":"file_search","vector_store_ids":["nosuch"]}`} {
		if code, body := r.ask(r.ada, "/v1/responses", `{"model":"large","input":"x","tools":[`+tool+`]}`); code != 400 {
			t.Errorf("%s: %d %s", tool, code, body)
		}
	}
}

package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"abaton.local/vault"
)

// A thousand logins that send their bodies ever so slowly take no place from
// somebody whom the door knows, and hold only a few of their own.
func TestSlowLoginsKeepNobodyOut(t *testing.T) {
	const clients = 1000
	w := settle(t, Config{MaxRequests: 32, MaxPerSource: 32, MaxConnections: 2 * clients, LoginTimeout: time.Minute}, hello)
	token := w.token(t, mia, vault.ScopeAsk)
	answered := make(chan int, clients)
	for range clients {
		c, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, request("POST", pathLogin, w.address, "Content-Type: application/json", "Content-Length: 500")+`{"na`); err != nil {
			t.Fatal(err)
		}
		go func() {
			a, err := readAnswer(bufio.NewReader(c), "POST")
			if err != nil {
				answered <- 0
				return
			}
			answered <- a.StatusCode
		}()
	}
	few := w.config.MaxArriving / 16
	for range clients - few { // at once, though their bodies never end
		if code := <-answered; code != http.StatusTooManyRequests {
			t.Fatalf("a login too many: %d", code)
		}
	}
	if a := w.get(t, "/", bearer(token)); a.StatusCode != 200 {
		t.Errorf("a person with a token, by the same door: %s %s", a.Status, a.body)
	}
	if a := w.post(t, pathLogin, w.credentials(olga)); a.StatusCode != 200 {
		t.Errorf("a login by the socket: %s %s", a.Status, a.body)
	}
	select {
	case code := <-answered:
		t.Errorf("a login that has its place was let go: %d", code)
	default:
	}
}

// Nor do requests of people whom the door knows keep anybody from logging in.
func TestACrowdInsideKeepsNobodyFromLoggingIn(t *testing.T) {
	const most = 8
	in, release := make(chan struct{}, most), make(chan struct{})
	w := settle(t, Config{MaxRequests: most, MaxPerPerson: most}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) {
		in <- struct{}{}
		<-release
	}))
	token := w.token(t, mia, vault.ScopeAsk)
	done := make(chan error, most)
	for range most {
		go func() {
			_, err := exchange("tcp", w.address, request("GET", "/", w.address, bearer(token)))
			done <- err
		}()
		<-in
	}
	if a := w.get(t, "/", bearer(token)); a.StatusCode != 503 {
		t.Errorf("one more, so the house is not full: %s", a.Status)
	}
	if a := raw(t, "tcp", w.address, posted(pathLogin, w.address, w.credentials(olga))); a.StatusCode != 200 {
		t.Errorf("a login: %s %s", a.Status, a.body)
	}
	close(release)
	for range most {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A hundred requests of one person, with whatever keys, take places from nobody
// else, though all come from one machine. Before, they took all that the machine had.
func TestAHundredOfOnePersonKeepNobodyOut(t *testing.T) {
	var id string
	var w *town
	in, release := make(chan struct{}, 200), make(chan struct{})
	session := func(context.Context) (vault.Session, error) { return w.vault.TokenSession(id) }
	w = settle(t, Config{Keyless: &Keyless{Address: "127.0.0.1:0", Account: os.Geteuid(), Session: session}},
		handlerFunc(func(_ http.ResponseWriter, r *http.Request, _ vault.Session) {
			if r.URL.Path == "/hold" {
				in <- struct{}{}
				<-release
			}
		}))
	tokens := []string{w.token(t, mia, vault.ScopeAsk), w.token(t, mia, vault.ScopeAll)}
	other := w.token(t, olga, vault.ScopeAsk)
	s, err := w.vault.UnlockToken(t.Context(), tokens[1])
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.vault.TokensOf(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	id = list[0].ID
	s.End()
	most := w.config.MaxPerPerson
	answers := make(chan answer, 100)
	for i := range 100 {
		go func() {
			a, err := exchange("tcp", w.address, request("GET", "/hold", w.address, bearer(tokens[i%2])))
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	for range most {
		<-in
	}
	for range 100 - most {
		if a := <-answers; a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
			t.Errorf("one too many: %s %s", a.Status, a.body)
		}
	}
	for range 10 {
		if a := w.get(t, "/", bearer(other)); a.StatusCode != 200 {
			t.Errorf("somebody else, from the same machine: %s %s", a.Status, a.body)
		}
	}
	address := w.KeylessAddr().String()
	if a := raw(t, "tcp", address, request("GET", "/", address)); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the same person without a key: %s %s", a.Status, a.body)
	}
	if a := w.get(t, pathSession, bearer(tokens[0])); a.StatusCode == http.StatusTooManyRequests {
		t.Errorf("the door's own pages: %s %s", a.Status, a.body)
	}
	close(release)
	for range most {
		if a := <-answers; a.StatusCode != 200 {
			t.Errorf("one that had its place: %s", a.Status)
		}
	}
	if a := w.get(t, "/", bearer(tokens[0])); a.StatusCode != 200 {
		t.Errorf("afterwards: %s", a.Status)
	}
}

// A login that dawdles is let go sooner than other requests are.
func TestADawdlingLoginIsLetGo(t *testing.T) {
	w := settle(t, Config{BodyTimeout: time.Hour, LoginTimeout: 50 * time.Millisecond}, hello)
	a := raw(t, "tcp", w.address, request("POST", pathLogin, w.address, "Content-Type: application/json", "Content-Length: 500")+`{"na`)
	if a.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

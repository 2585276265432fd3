package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// tells says who came through, and whether their vault is open.
var tells = handlerFunc(func(w http.ResponseWriter, r *http.Request, s vault.Session) {
	open := "known"
	if s.Unlocked() {
		open = "unlocked"
	}
	w.Write([]byte(string(s.Person) + " " + open + " " + r.URL.Path))
})

// acting is a town in which programs without a key act as a token of Mia's.
func acting(t *testing.T, account int) (w *town, id string, address string) {
	t.Helper()
	session := func(context.Context) (vault.Session, error) { return w.vault.TokenSession(id) }
	w = settle(t, Config{Keyless: &Keyless{Address: "127.0.0.1:0", Account: account, Session: session}}, tells)
	token := w.token(t, mia, vault.ScopeAll)
	s, err := w.vault.UnlockToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.vault.TokensOf(t.Context(), s)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	s.End()
	return w, list[0].ID, w.KeylessAddr().String()
}

// A program that can send no key acts as its account's token: known, whatever
// the token could open, and for models alone. A page in a browser of the same
// account, which the kernel cannot tell from a program, does not.
func TestProgramsWithoutAKey(t *testing.T) {
	w, id, address := acting(t, os.Geteuid())
	s, err := w.vault.TokenSession(id)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, header ...string) answer {
		return raw(t, "tcp", address, request("GET", path, address, header...))
	}
	for _, header := range [][]string{nil, {"Authorization: Bearer ollama"}, {"X-Api-Key: anything"}, {"Sec-Fetch-Mode: cors"}} {
		if a := get("/api/tags", header...); a.StatusCode != 200 || a.body != string(s.Person)+" known /api/tags" {
			t.Errorf("%v: %s %s", header, a.Status, a.body)
		}
	}
	for _, header := range []string{"Origin: http://" + address, "Origin: null", "Origin: https://evil.example", "Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site",
		"Referer: http://" + address + "/", "Cookie: a=b"} {
		if a := get("/api/tags", header); a.StatusCode != 403 || strings.Contains(a.body, string(s.Person)) {
			t.Errorf("%s: %s %s", header, a.Status, a.body)
		}
	}
	for _, path := range []string{"/abaton/do/history/list", "/audit/checkpoint", "/abaton/session", "/abaton/lock", "/abaton", "/audit", "/metrics"} {
		if a := get(path); a.StatusCode != 404 {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	// Nor do the pages that are open to everybody elsewhere: whoever else may have
	// taken this address would ask for passphrases there.
	for _, path := range []string{pathLogin, pathJoin} {
		if a := raw(t, "tcp", address, posted(path, address, w.credentials(mia))); a.StatusCode != 404 || strings.Contains(a.body, sessionPrefix) {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	for _, path := range []string{pathCertificate, pathAuthority, "/c/abt_x" + pathCertificate, "/%61baton/certificate"} {
		if a := get(path); a.StatusCode != 404 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	if a := raw(t, "tcp", address, request("GET", "/api/tags", "evil.example")); a.StatusCode != 421 {
		t.Errorf("another host: %s", a.Status)
	}
	// Its own address is no way around the key.
	if a := raw(t, "tcp", w.address, request("GET", "/api/tags", w.address)); a.StatusCode != 401 {
		t.Errorf("at the address for keys: %s", a.Status)
	}
	// Revoked, it stands for nobody.
	owner, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: mia, Way: vault.SlotPassphrase, Secret: []byte(w.pass[mia])})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.vault.RevokeToken(t.Context(), owner, id); err != nil {
		t.Fatal(err)
	}
	if a := get("/api/tags"); a.StatusCode != 401 {
		t.Errorf("a revoked token: %s %s", a.Status, a.body)
	}
}

// The account is another one than that whose key it is.
func TestAnotherAccountsProgramsAreNotTaken(t *testing.T) {
	w, _, address := acting(t, os.Geteuid()+1)
	if a := raw(t, "tcp", address, request("GET", "/api/tags", address)); a.StatusCode != 403 || !strings.Contains(a.body, "another account") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	_ = w
}

// Another account of this machine, which is told no there, opened as many connections
// as there are seats and kept everybody out. Those whom the address is not for share a
// few; and one look at the kernel's tables does for all that wait, however many.
func TestAnotherAccountKeepsNobodyOut(t *testing.T) {
	var looks, mine atomic.Int32
	let := make(chan struct{})
	session := func(context.Context) (vault.Session, error) { return vault.Session{}, vault.ErrToken }
	c := Config{Address: "127.0.0.1:0", MaxConnections: 32, Keyless: &Keyless{Address: "127.0.0.1:0", Account: os.Geteuid(), Session: session}}
	h := openWith(t, c, hello, func(g *Gateway) {
		g.keyless.sorter.whose = func(conns []net.Conn) []int {
			accounts := make([]int, len(conns))
			for i := range accounts {
				accounts[i] = os.Geteuid() + 1
				if mine.Load() > 0 {
					accounts[i]--
				}
			}
			looks.Add(1)
			<-let
			return accounts
		}
	})
	address := h.KeylessAddr().String()
	const strangers = 40
	shown := make(chan string, strangers)
	for range strangers {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			b, _ := io.ReadAll(c)
			shown <- string(b)
		}()
	}
	close(let)
	for range strangers - 32/16 {
		if s := <-shown; !strings.HasPrefix(s, "HTTP/1.1 503") {
			t.Errorf("%q", s)
		}
	}
	if n := looks.Load(); n >= strangers {
		t.Errorf("%d looks for %d connections", n, strangers)
	}
	mine.Store(1)
	if a := raw(t, "tcp", address, request("GET", "/api/tags", address)); a.StatusCode != 401 {
		t.Errorf("the account whose address it is: %s %s", a.Status, a.body)
	}
}

func TestAddressForProgramsIsTaken(t *testing.T) {
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	session := func(context.Context) (vault.Session, error) { return vault.Session{}, vault.ErrToken }
	w := settle(t, Config{Keyless: &Keyless{Address: other.Addr().String(), Session: session}}, tells)
	if w.KeylessAddr() != nil {
		t.Error("it listens where another program does")
	}
	if _, err := Listen(Config{Address: "127.0.0.1:0", Keyless: &Keyless{Address: "0.0.0.0:0", Session: session}}); err == nil {
		t.Error("it listens for everybody")
	}
	if _, err := Listen(Config{Address: "127.0.0.1:0", Keyless: &Keyless{Address: "127.0.0.1:0"}}); err == nil {
		t.Error("it acts as nobody knows whom")
	}
	if _, err := listenKeyless(Keyless{Address: other.Addr().String(), Session: session}); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
}

// A key in the address is the same key, for models, and is in no log.
func TestKeyInTheAddress(t *testing.T) {
	w := settle(t, Config{}, tells)
	token := w.token(t, mia, vault.ScopeAsk)
	for path, want := range map[string]string{"/c/" + token + "/v1/models": "/v1/models", "/c/" + token + "/": "/", "/c/" + token: "/", "/c/" + token + "/v1/models/a%2Fb": "/v1/models/a/b"} {
		a := w.get(t, path, "Authorization: Bearer sk-placeholder")
		if a.StatusCode != 200 || !strings.HasSuffix(a.body, " known "+want) {
			t.Errorf("%s: %s %s", want, a.Status, a.body)
		}
	}
	for _, path := range []string{"/c/", "/c/abt_x/v1/models", "/c/" + token[:20] + "/v1/models", "/c//v1/models", "/c/" + token + "x/v1/models"} {
		if a := w.get(t, path); a.StatusCode != 401 {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	all := w.token(t, mia, vault.ScopeAll)
	for _, path := range []string{"/abaton/session", "/abaton/do/history/list", "/audit/checkpoint", "/health", "/abaton/login", "/metrics"} {
		if a := w.get(t, "/c/"+all+path); a.StatusCode != 404 {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	if a := w.get(t, "/c/"+all+"/v1/responses/x"); a.StatusCode != 200 || !strings.Contains(a.body, " known ") {
		t.Errorf("a key that opens a vault does so in an address: %s %s", a.Status, a.body)
	}
	if a := w.get(t, "/c/"+token+"/v1/models", "Origin: https://evil.example"); a.StatusCode != 403 {
		t.Errorf("a foreign page: %s", a.Status)
	}
	// A session does more than any key, and its secret is nobody's to write down.
	session := w.login(t, olga)
	for _, path := range []string{"/v1/models", "/metrics", "/"} {
		if a := w.get(t, "/c/"+session+path); a.StatusCode == 200 {
			t.Errorf("a session's secret in an address: %s %s", a.Status, a.body)
		}
	}
	if log := w.log.String(); strings.Contains(log, token) || strings.Contains(log, token[4:20]) || strings.Contains(log, "/c/") {
		t.Error("the log holds a key")
	}
}

// Whoever comes by a key in the address is held by that key: what is set for it holds,
// and once it is revoked they stand for nobody, in a request that is at work, too.
func TestKeyInTheAddressIsThatKey(t *testing.T) {
	came := make(chan vault.Session, 1)
	w := settle(t, Config{}, handlerFunc(func(_ http.ResponseWriter, _ *http.Request, s vault.Session) { came <- s }))
	for _, scope := range []vault.Scope{vault.ScopeAsk, vault.ScopeAll} {
		token := w.token(t, mia, scope)
		if a := w.get(t, "/c/"+token+"/v1/models"); a.StatusCode != 200 {
			t.Fatal(a.Status)
		}
		s := <-came
		if s.Token() == "" || s.Unlocked() || !s.Stands() {
			t.Fatalf("%s: token %q, unlocked %v, stands %v", scope, s.Token(), s.Unlocked(), s.Stands())
		}
		own, err := w.vault.Resume([]byte(strings.TrimPrefix(w.login(t, mia), sessionPrefix)))
		if err == nil {
			err = w.vault.RevokeToken(t.Context(), own, s.Token())
		}
		if err != nil {
			t.Fatal(err)
		}
		if s.Stands() {
			t.Errorf("%s: it stands, though its key was revoked", scope)
		}
	}
}

// Both headers for a key say the same, or nothing.
func TestKeyByEitherHeader(t *testing.T) {
	w := settle(t, Config{}, tells)
	token := w.token(t, mia, vault.ScopeAsk)
	for _, header := range [][]string{{"X-Api-Key: " + token}, {"x-api-key: " + token, bearer(token)}} {
		if a := w.get(t, "/v1/messages", header...); a.StatusCode != 200 {
			t.Errorf("%q: %s", header, a.Status)
		}
	}
	for _, header := range [][]string{{"X-Api-Key: " + token, "X-Api-Key: " + token}, {"X-Api-Key: " + token, bearer("abt_other")}, {"X-Api-Key: x", bearer(token)}, {"X-Api-Key: "}} {
		if a := w.get(t, "/v1/messages", header...); a.StatusCode != 401 {
			t.Errorf("%q: %s", header, a.Status)
		}
	}
}

// What is refused at the door is told in the words of whoever was called.
func TestRefusalsInTheClientsWords(t *testing.T) {
	words := func(r *http.Request, no Refusal, id string) []byte {
		return []byte(r.URL.Path + " " + no.Code + " " + id[:4])
	}
	w := settle(t, Config{Words: words}, tells)
	if a := w.get(t, "/api/chat"); a.StatusCode != 401 || a.body != "/api/chat invalid_api_key req_\n" || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := w.get(t, "/abaton/session"); a.StatusCode != 401 || !strings.HasPrefix(a.body, `{"error":`) {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

package gateway

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/vault"
)

func decode[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s %s: %v", a.Status, a.body, err)
	}
	return v
}

type refused struct {
	Error struct{ Message, Type, Code, Accept string }
}

// From an empty installation to people: the claim makes the owner, the token of
// the first start is then nobody's, and a guest keeps nothing.
func TestFromAnEmptyHouseToPeople(t *testing.T) {
	c := newClock()
	d := newDirectory(t, c)
	h := open(t, Config{People: Directory(d), Now: c.now, TLS: lan(t)}, hello)
	if a := h.get(t, "/", bearer(h.token)); a.Header.Get("Reached") != string(vault.Owner) {
		t.Errorf("the first token: %s", a.Status)
	}
	if a := raw(t, "unix", h.socket, request("GET", pathSession, "localhost")); decode[whoAmI](t, a).Role != RoleStranger {
		t.Errorf("at the socket: %s %s", a.Status, a.body)
	}
	if a := h.post(t, pathLogin, `{"name":"x","passphrase":"y"}`); a.StatusCode != 409 || decode[refused](t, a).Error.Code != "not_set_up" {
		t.Errorf("a login: %s %s", a.Status, a.body)
	}
	if a := h.post(t, pathLock, `{}`); a.StatusCode != 403 {
		t.Errorf("a lock: %s", a.Status)
	}
	for name, body := range map[string]string{
		"forged": `{"invitation":"abc_forged","name":"Olga","passphrase":"twelve characters"}`, "none": `{"name":"Olga","passphrase":"twelve characters"}`,
	} {
		if a := h.post(t, pathJoin, body); a.StatusCode != 422 && a.StatusCode != 400 {
			t.Errorf("claim, %s: %s %s", name, a.Status, a.body)
		}
	}
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	join := fmt.Sprintf(`{"invitation":%q,"name":"Olga","passphrase":"twelve characters"}`, claim.Reveal())
	for field, bad := range map[string]string{"weak_passphrase": strings.Replace(join, "twelve ", "", 1), "invalid_name": strings.Replace(join, "Olga", `Ol\u202ega`, 1)} {
		if a := h.post(t, pathJoin, bad); a.StatusCode != 422 || decode[refused](t, a).Error.Code != field {
			t.Errorf("%s: %s %s", field, a.Status, a.body)
		}
	}
	a := h.post(t, pathJoin, join)
	in := decode[entered](t, a)
	if a.StatusCode != 200 || in.Role != RoleOwner || !in.Unlocked || !strings.HasPrefix(in.Session, sessionPrefix) || len(in.Recovery) < 20 || in.Until.IsZero() {
		t.Fatalf("%s %+v", a.Status, in.whoAmI)
	}
	if a := h.post(t, pathJoin, join); a.StatusCode != 422 || decode[refused](t, a).Error.Code != "invalid_invitation" {
		t.Errorf("the claim again: %s %s", a.Status, a.body)
	}
	if a := h.get(t, "/", bearer(in.Session)); a.Header.Get("Reached") != string(in.Person) {
		t.Errorf("the session by TCP: %s", a.Status)
	}
	if a := h.get(t, "/", bearer(h.token)); a.StatusCode != 401 {
		t.Errorf("the first token afterwards: %s", a.Status)
	}
	a = raw(t, "unix", h.socket, request("GET", pathSession, "localhost"))
	if me := decode[whoAmI](t, a); me.Role != RoleGuest || me.Unlocked || !strings.HasPrefix(string(me.Person), "guest-") {
		t.Errorf("at the socket afterwards: %s", a.body)
	}
	if a := h.post(t, pathLock, `{}`); a.StatusCode != 403 || decode[refused](t, a).Error.Code != "login_needed" {
		t.Errorf("a guest's lock: %s %s", a.Status, a.body)
	}
	for _, a := range []answer{h.post(t, pathLogin, `{"name":"Olga","passphrase":"twelve characters"}`), h.get(t, pathSession, bearer(in.Session))} {
		if me := decode[whoAmI](t, a); me.Person != in.Person || me.Role != RoleOwner || !me.Unlocked {
			t.Errorf("%s %+v", a.Status, me)
		}
		if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", a.Header)
		}
	}
}

// Whether a name exists is not told: not by words, not by headers, not by how
// soon there is one try too many.
func TestUnknownNameAndWrongSecretLookAlike(t *testing.T) {
	w := settle(t, Config{}, hello)
	tell := func(name string) (all []string) {
		for range 9 {
			a := raw(t, "tcp", w.address, posted(pathLogin, w.address, fmt.Sprintf(`{"name":%q,"passphrase":"not the secret words"}`, name)))
			a.Header.Del("X-Request-Id")
			a.Header.Del("Date")
			all = append(all, fmt.Sprint(a.Status, a.Header, a.body))
		}
		return all
	}
	known, unknown := tell(mia), tell("Nobody Here")
	for i := range known {
		if known[i] != unknown[i] {
			t.Errorf("try %d:\n%s\n%s", i, known[i], unknown[i])
		}
	}
	if !strings.HasPrefix(known[0], "401") || !strings.HasPrefix(known[8], "429") {
		t.Errorf("%q", known)
	}
}

func TestLoginsThatAreNone(t *testing.T) {
	w := settle(t, Config{BodyTimeout: 100 * time.Millisecond}, hello)
	for name, c := range map[string]struct {
		body string
		want int
		code string
	}{
		"no name":              {`{"passphrase":"x"}`, 400, "missing_field"},
		"no secret":            {`{"name":"x"}`, 400, "missing_field"},
		"two secrets":          {`{"name":"x","passphrase":"x","recovery_code":"x"}`, 400, "missing_field"},
		"a field too many":     {`{"name":"x","passphrase":"x","admin":true}`, 400, "invalid_json"},
		"no JSON":              {`name=x&passphrase=y`, 400, "invalid_json"},
		"too long":             {`{"name":"` + strings.Repeat("x", mostForm) + `"}`, 413, "request_too_large"},
		"control characters":   {`{"name":"\u001b[2J\u0000` + `","passphrase":"x"}`, 401, "wrong_login"},
		"right-to-left mark":   {`{"name":"\u202e` + mia + `","passphrase":"x"}`, 401, "wrong_login"},
		"a very long name":     {`{"name":"` + strings.Repeat("é", 2000) + `","passphrase":"x"}`, 401, "wrong_login"},
		"a recovery code":      {`{"name":"` + mia + `","recovery_code":"AAAA-BBBB"}`, 422, "invalid_recovery_code"},
		"nonsense to accept":   {`{"name":"` + mia + `","passphrase":"x","accept":"yes"}`, 422, "invalid_accept"},
		"a cookie without TLS": {`{"name":"` + mia + `","passphrase":"x","cookie":true}`, 400, "no_cookie_here"},
	} {
		if a := w.post(t, pathLogin, c.body); a.StatusCode != c.want || decode[refused](t, a).Error.Code != c.code {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	slow, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if a := over(t, slow, request("POST", pathLogin, w.address, "Content-Type: application/json", "Content-Length: 100")+`{"name":`); a.StatusCode != 408 {
		t.Errorf("slow: %s %s", a.Status, a.body)
	}
	if a := raw(t, "tcp", w.address, posted(pathLogin, w.address, w.credentials(mia), "Origin: https://foreign.example")); a.StatusCode != 403 {
		t.Errorf("by a foreign page: %s", a.Status)
	}
	if a := w.post(t, pathLogin, w.credentials(mia)); a.StatusCode != 200 {
		t.Errorf("afterwards: %s %s", a.Status, a.body)
	}
}

func TestLocking(t *testing.T) {
	w := settle(t, Config{}, hello)
	one, two, other := w.login(t, mia), w.login(t, mia), w.login(t, olga)
	status := func(secret string) int { return w.get(t, pathSession, bearer(secret)).StatusCode }
	if a := w.post(t, pathLock, `{}`, bearer(one)); a.StatusCode != 200 || !strings.Contains(a.body, `"other_sessions":2`) || status(one) != 401 || status(two) != 200 || status(other) != 200 {
		t.Errorf("one: %s; %d %d %d", a.Status, status(one), status(two), status(other))
	}
	// A program's token must not throw its person out of everything.
	if a := w.post(t, pathLock, `{"all":true}`, bearer(w.token(t, mia, vault.ScopeAll))); a.StatusCode != 403 || status(two) != 200 {
		t.Errorf("all, by a token: %s; %d", a.Status, status(two))
	}
	if a := w.post(t, pathLock, `{"all":true}`, bearer(two)); a.StatusCode != 200 || !strings.Contains(a.body, `"other_sessions":0`) || status(two) != 401 || status(other) != 200 {
		t.Errorf("all: %s; %d %d", a.Status, status(two), status(other))
	}
	if a := w.post(t, pathLock, `{"every":true}`, bearer(other)); a.StatusCode != 400 || status(other) != 200 {
		t.Errorf("misspelt: %s", a.Status)
	}
	w.clock.advance(13 * time.Hour)
	if status(other) != 401 {
		t.Error("a session outlives twelve hours")
	}
}

// The cookie for pages to come.
func TestCookie(t *testing.T) {
	w := settle(t, Config{TLS: lan(t)}, hello)
	body := strings.Replace(w.credentials(mia), "{", `{"cookie":true,`, 1)
	own := []string{"Origin: https://abaton.example", "Sec-Fetch-Site: same-origin"}
	a := w.secretly(t, posted(pathLogin, "abaton.example", body, own...))
	in := decode[entered](t, a)
	if a.StatusCode != 200 || in.Session != "" || len(a.Cookies()) != 1 {
		t.Fatalf("%s %+v", a.Status, in)
	}
	c := a.Cookies()[0]
	if c.Name != "__Host-abaton" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Value, sessionPrefix) {
		t.Errorf("%+v", c)
	}
	sent := "Cookie: " + c.Name + "=" + c.Value
	for name, c := range map[string]struct {
		method string
		header []string
		want   int
	}{
		"own page reads":        {"GET", own[1:], 200},
		"typed address":         {"GET", []string{"Sec-Fetch-Site: none"}, 200},
		"own page changes":      {"POST", own, 200},
		"own page, old browser": {"POST", own[:1], 200},
		"own page, no origin":   {"POST", own[1:], 200},
		"says nothing":          {"POST", nil, 403},
		"typed, changes":        {"POST", []string{"Sec-Fetch-Site: none"}, 403},
		"says nothing, DELETE":  {"DELETE", nil, 403},
		"sibling reads":         {"GET", []string{"Sec-Fetch-Site: same-site"}, 403},
		"foreign page changes":  {"POST", []string{"Origin: https://foreign.example", "Sec-Fetch-Site: cross-site"}, 403},
		"plain page of ours":    {"POST", []string{"Origin: http://abaton.example"}, 403},
	} {
		a := w.secretly(t, request(c.method, "/", "abaton.example", append(slices.Clone(c.header), sent)...))
		if a.StatusCode != c.want || (a.Header.Get("Reached") != "") != (c.want == 200) {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	if a := w.get(t, "/", sent, "Sec-Fetch-Site: same-origin"); a.StatusCode != 401 {
		t.Errorf("without TLS: %s", a.Status)
	}
	a = w.secretly(t, posted(pathLock, "abaton.example", "{}", append(slices.Clone(own), sent)...))
	if a.StatusCode != 200 || len(a.Cookies()) != 1 || a.Cookies()[0].MaxAge != -1 || a.Cookies()[0].Value != "" {
		t.Errorf("lock: %s %v", a.Status, a.Cookies())
	}
	if a := w.secretly(t, request("GET", "/", "abaton.example", own[1], sent)); a.StatusCode != 401 {
		t.Errorf("after it: %s", a.Status)
	}
}

// Nothing of what people send to the door is in its log.
func TestTheDoorsLogHasNoNamesAndSecrets(t *testing.T) {
	w := settle(t, Config{TLS: lan(t)}, hello)
	const canary = "Canary-5b1f"
	for range 30 {
		w.post(t, pathLogin, `{"name":"`+canary+`","passphrase":"`+canary+`"}`)
	}
	w.post(t, pathLogin, `{"`+canary+`":"`+canary+`"}`)
	w.post(t, pathJoin, `{"invitation":"`+canary+`","name":"`+canary+`","passphrase":"`+canary+` and more"}`)
	w.secretly(t, request("GET", "/"+canary, "abaton.example", bearer(sessionPrefix+canary)))
	secret := w.login(t, mia)
	w.post(t, pathLock, `{"`+canary+`":true}`, bearer(secret))
	log := w.log.String()
	if !strings.Contains(log, "refused a request") || !strings.Contains(log, "wrong_login") {
		t.Errorf("the log is not looked at: %s", log)
	}
	for _, s := range []string{canary, mia, "Mia", w.pass[mia], secret[4:], "AAAA"} {
		if strings.Contains(log, s) {
			t.Errorf("the log has %q: %s", s, log)
		}
	}
}

// root at another account's socket may not even guess.
func TestAnotherAccountCannotLogIn(t *testing.T) {
	d := &desk{Gateway: &Gateway{}, uid: os.Geteuid()}
	for name, from := range map[string]peer{"another": {local: true, known: true, uid: os.Geteuid() + 1}, "unknown": {local: true}} {
		if no := d.enter(nil, nil, from, Entry{}, false); no == nil || no.status != 403 {
			t.Errorf("%s: %+v", name, no)
		}
	}
}

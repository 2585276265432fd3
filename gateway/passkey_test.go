package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"maps"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"abaton.local/vault"
)

// atPasskeys is a town whose pages are open at its own name. Nil where this system
// does not tell whose a connection is: nobody comes in there.
func atPasskeys(t *testing.T) (*town, *openPage) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Log("this system does not tell whose a connection is: nobody comes in")
		return nil, nil
	}
	w := settle(t, Config{Pages: signs{}}, hello)
	return w, w.browser(ownName).page(t)
}

func (w *town) enter(t testing.TB, p *openPage, name string) {
	t.Helper()
	a := p.send(request("POST", pathUnlock, p.host, p.from, "Content-Type: application/x-www-form-urlencoded", "Content-Length: "+strconv.Itoa(len(w.webForm(name)))) + w.webForm(name))
	p.keep(a)
	if a.StatusCode != 303 {
		t.Fatalf("%s %s", a.Status, a.body)
	}
}

// A passkey is added, opens the vault, twice, and opens nothing once it is removed.
func TestPasskeyOpensAVault(t *testing.T) {
	w, p := atPasskeys(t)
	if w == nil {
		return
	}
	w.enter(t, p, mia)
	a := newAuthenticator(t, "http://"+p.host, ownName)
	q := p.begin(morePasskeys, nil)
	if k := q.PublicKey; k.RP.ID != ownName || k.User.Name != mia || k.Selection.UserVerification != "required" || k.Selection.ResidentKey != "required" || len(k.Extensions.PRF.Eval.First) < 43 || len(k.Challenge) < 43 {
		t.Fatalf("%+v", k)
	}
	if r := p.tell(morePasskeys, map[string]string{"credential": a.create(q), "secret": a.secret}); r.StatusCode != 200 || !strings.Contains(r.body, "/page/security") {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	if again := p.begin(morePasskeys, nil); len(again.PublicKey.Exclude) != 1 || again.PublicKey.Exclude[0].ID != b64(a.id) || again.PublicKey.User.ID != b64(a.handle) {
		t.Errorf("%+v", again)
	}
	for range 2 {
		in := w.browser(ownName).page(t)
		q := in.begin(withPasskey, nil)
		if k := q.PublicKey; k.RPID != ownName || k.UserVerification != "required" || len(k.AllowCredentials) != 0 || k.Timeout <= 0 {
			t.Fatalf("%+v", k)
		}
		body := map[string]string{"credential": a.get(q), "secret": a.secret}
		if r := in.tell(withPasskey, body); r.StatusCode != 200 || !strings.Contains(r.body, `"to":"/page/"`) {
			t.Fatalf("%s %s", r.Status, r.body)
		}
		if r := in.read("/page/x"); r.Header.Get("Reached") == "" {
			t.Errorf("%s %s", r.Status, r.body)
		}
		if r := in.tell(withPasskey, body); r.StatusCode != 409 {
			t.Errorf("the same answer again: %s %s", r.Status, r.body)
		}
	}
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: mia, Way: vault.SlotPassphrase, Secret: []byte(w.pass[mia])})
	if err != nil {
		t.Fatal(err)
	}
	uses, err := w.vault.PasskeyUses(t.Context(), s)
	if err != nil || len(uses) != 1 || uses[0].Used.IsZero() || uses[0].Place != ownName {
		t.Fatalf("%+v %v", uses, err)
	}
	if err := w.vault.RemoveWay(t.Context(), s, uses[0].Way); err != nil {
		t.Fatal(err)
	}
	in := w.browser(ownName).page(t)
	if r := in.tell(withPasskey, map[string]string{"credential": a.get(in.begin(withPasskey, nil)), "secret": a.secret}); r.StatusCode != 401 || len(in.cookies) != 0 {
		t.Errorf("removed: %s %s %v", r.Status, r.body, in.cookies)
	}
}

// What does not open is told in one form, whatever it was: nobody learns by it which
// passkeys are known here.
func TestPasskeysThatOpenNothingLookAlike(t *testing.T) {
	w, p := atPasskeys(t)
	if w == nil {
		return
	}
	w.enter(t, p, mia)
	a := newAuthenticator(t, "http://"+p.host, ownName)
	if r := p.tell(morePasskeys, map[string]string{"credential": a.create(p.begin(morePasskeys, nil)), "secret": a.secret}); r.StatusCode != 200 {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	stranger := newAuthenticator(t, a.origin, ownName)
	stranger.handle = a.handle
	forged := *stranger // with our identifier, and another key
	forged.id = a.id
	elsewhere, otherRP := *a, *a
	elsewhere.origin = "http://" + ownName + ":1"
	otherRP.rpID = "localhost"
	nobody := *a
	nobody.handle = []byte("somebody else")
	said := map[string]string{}
	for name, c := range map[string]struct {
		by     *authenticator
		secret string
	}{
		"a passkey that nobody has": {stranger, stranger.secret},
		"another key":               {&forged, a.secret},
		"another secret":            {a, stranger.secret},
		"another origin":            {&elsewhere, a.secret},
		"another name":              {&otherRP, a.secret},
		"another person's handle":   {&nobody, a.secret},
	} {
		w.clock.advance(time.Hour)
		in := w.browser(ownName).page(t)
		r := in.tell(withPasskey, map[string]string{"credential": c.by.get(in.begin(withPasskey, nil)), "secret": c.secret})
		if r.StatusCode != 401 || len(in.cookies) != 0 {
			t.Errorf("%s: %s %s %v", name, r.Status, r.body, in.cookies)
		}
		r.Header.Del("Date")
		r.Header.Del("X-Request-Id")
		var b strings.Builder
		_ = r.Header.Write(&b)
		said[b.String()+r.body] = name
	}
	if len(said) != 1 {
		t.Errorf("told in %d ways: %q", len(said), said)
	}
}

// A challenge is good once, for a while, for the browser, the address, the person
// and the purpose that it was made for.
func TestChallengesAreBound(t *testing.T) {
	w, p := atPasskeys(t)
	if w == nil {
		return
	}
	w.enter(t, p, mia)
	a := newAuthenticator(t, "http://"+p.host, ownName)
	made := func(q asked) map[string]string {
		return map[string]string{"credential": a.create(q), "secret": a.secret}
	}
	used := func(q asked) map[string]string { return map[string]string{"credential": a.get(q), "secret": a.secret} }
	if r := p.tell(morePasskeys, made(p.begin(morePasskeys, nil))); r.StatusCode != 200 {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	stale := func(name string, r answer) {
		t.Helper()
		if r.StatusCode != 409 && r.StatusCode != 303 && r.StatusCode != 401 {
			t.Errorf("%s: %s %s", name, r.Status, r.body)
		}
	}
	in := w.browser(ownName).page(t)
	q := in.begin(withPasskey, nil)
	stale("in another browser", w.browser(ownName).page(t).tell(withPasskey, used(q)))
	stolen := w.browser("localhost").page(t)
	stolen.cookies = maps.Clone(in.cookies)
	if r := stolen.tell(withPasskey, used(q)); r.StatusCode == 200 {
		t.Errorf("at another name: %s", r.body)
	}
	body := used(q)
	if r := in.tell(withPasskey, body); r.StatusCode != 200 {
		t.Errorf("where it was begun: %s %s", r.Status, r.body)
	}
	stale("once more, after that", in.tell(withPasskey, body))

	q = in.begin(withPasskey, nil)
	in.begin(withPasskey, nil)
	stale("an older one", in.tell(withPasskey, used(q)))

	q = in.begin(withPasskey, nil)
	w.clock.advance(ceremonyLife + time.Second)
	stale("too late", in.tell(withPasskey, used(q)))

	// By another account of this machine, which was sent the cookie.
	q = in.begin(withPasskey, nil)
	w.ceremonies.mu.Lock()
	for key, c := range w.ceremonies.of {
		c.uid++
		w.ceremonies.of[key] = c
	}
	w.ceremonies.mu.Unlock()
	stale("by another account", in.tell(withPasskey, used(q)))

	// As another session of the same browser.
	w.enter(t, p, mia)
	q = p.begin(morePasskeys, nil)
	w.enter(t, p, olga)
	stale("as somebody else", p.tell(morePasskeys, made(q)))

	// For something else: what was begun to come in adds no passkey.
	q = p.begin(withPasskey, nil)
	stale("for another purpose", p.tell(morePasskeys, made(q)))
	bare := w.browser(ownName).page(t)
	if r := bare.tell(morePasskeys+begins, nil); r.StatusCode != 401 && r.StatusCode != 303 {
		t.Errorf("added by nobody: %s %s", r.Status, r.body)
	}
}

// Who verifies nobody, or keeps no secret, is told so in words, before anything is
// looked up.
func TestWhatAPasskeyMustDo(t *testing.T) {
	w, p := atPasskeys(t)
	if w == nil {
		return
	}
	w.enter(t, p, mia)
	for _, path := range []string{withPasskey, morePasskeys} {
		a := newAuthenticator(t, "http://"+p.host, ownName)
		a.handle = []byte("x")
		answer := a.get
		if path == morePasskeys {
			answer = a.create
		}
		tell := func(name, want string, body func(asked) map[string]string) {
			t.Helper()
			if r := p.tell(path, body(p.begin(path, nil))); r.StatusCode < 400 || !strings.Contains(r.body, want) {
				t.Errorf("%s, %s: %s %s", path, name, r.Status, r.body)
			}
		}
		tell("no secret", "no_prf", func(q asked) map[string]string { return map[string]string{"credential": answer(q)} })
		for name, secret := range map[string]string{"short": a.secret[:42], "long": a.secret + "AAAA", "not of the alphabet": strings.Repeat("*", 43), "with a line's end": a.secret[:42] + "\n" + a.secret[42:]} {
			tell("a secret that is "+name, "invalid_passkey", func(q asked) map[string]string { return map[string]string{"credential": answer(q), "secret": secret} })
		}
		for _, bad := range []string{"", "{}", "null", "[", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, strings.Repeat("[", 4000)} {
			tell("not a credential", "invalid_passkey", func(asked) map[string]string { return map[string]string{"credential": bad, "secret": a.secret} })
		}
		a.flags = present
		tell("not verified", "not_verified", func(q asked) map[string]string { return map[string]string{"credential": answer(q), "secret": a.secret} })
		a.flags = present | verified
		if path == morePasskeys {
			a.maker = true
			tell("its maker's certificate", "invalid_passkey", func(q asked) map[string]string {
				return map[string]string{"credential": a.create(q), "secret": a.secret}
			})
			a.maker = false
		}
		a.flags = verified
		if r := p.tell(path, map[string]string{"credential": answer(p.begin(path, nil)), "secret": a.secret}); r.StatusCode == 200 {
			t.Errorf("%s: nobody present: %s", path, r.body)
		}
	}
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: mia, Way: vault.SlotPassphrase, Secret: []byte(w.pass[mia])})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.vault.PasskeysOf(s)); n != 0 {
		t.Errorf("%d passkeys were added", n)
	}
}

// Somebody joins without a passphrase.
func TestJoiningByPasskey(t *testing.T) {
	w, p := atPasskeys(t)
	if w == nil {
		return
	}
	s, err := w.vault.Unlock(t.Context(), vault.Attempt{Name: olga, Way: vault.SlotPassphrase, Secret: []byte(w.pass[olga])})
	if err != nil {
		t.Fatal(err)
	}
	ticket, _, err := w.vault.Invite(t.Context(), s, vault.RoleMember)
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]string{"name": "Nora New", "ticket": string(ticket.Reveal())}
	for name, bad := range map[string]map[string]string{
		"no ticket": {"name": "Nora New"}, "no name": {"ticket": who["ticket"]}, "a forged ticket": {"name": "Nora New", "ticket": "abc_x"}, "a name that is taken": {"name": mia, "ticket": who["ticket"]},
	} {
		if r := p.tell(newPasskey+begins, bad); r.StatusCode != 422 {
			t.Errorf("%s: %s %s", name, r.Status, r.body)
		}
	}
	a := newAuthenticator(t, "http://"+p.host, ownName)
	as := func(name string) map[string]string {
		return map[string]string{"credential": a.create(p.begin(newPasskey, who)), "secret": a.secret, "name": name, "ticket": who["ticket"]}
	}
	bare := as("Nora New")
	bare["ticket"] = " "
	if r := p.tell(newPasskey, bare); r.StatusCode != 409 {
		t.Errorf("without the ticket at the end: %s %s", r.Status, r.body)
	}
	if r := p.tell(newPasskey, as("Nobody Else")); r.StatusCode != 409 {
		t.Errorf("under another name: %s %s", r.Status, r.body)
	}
	if r := p.tell(newPasskey, as("Nora New")); r.StatusCode != 200 || !strings.HasPrefix(r.body, "welcome ") || r.body == "welcome 0" {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	if r := p.read("/page/x"); r.Header.Get("Reached") == "" {
		t.Errorf("%s %s", r.Status, r.body)
	}
	in := w.browser(ownName).page(t)
	if r := in.tell(withPasskey, map[string]string{"credential": a.get(in.begin(withPasskey, nil)), "secret": a.secret}); r.StatusCode != 200 {
		t.Errorf("%s %s", r.Status, r.body)
	}
}

// By a bare address, and where a browser has no passkeys, the page says why.
func TestNoPasskeysByABareAddress(t *testing.T) {
	w := settle(t, Config{Pages: signs{}, TLS: lan(t), Names: []string{"box.example"}}, hello)
	for host, want := range map[string]bool{"127.0.0.1": false, "[::1]": false, "localhost": false, "box.example": false} {
		p := w.browser(host).page(t)
		if r := p.tell(withPasskey+begins, nil); (r.StatusCode == 200) != want {
			t.Errorf("%s: %s %s", host, r.Status, r.body)
		}
	}
	for _, c := range []struct {
		host, want string
		tls        bool
	}{
		{"127.0.0.1:8226", "bare address", true}, {"[fe80::1]:8226", "bare address", true}, {"10.0.0.1", "bare address", true},
		{"box.example:8226", "by TLS", false}, {"box.example:8226", "", true}, {"Abaton.LocalHost:8226", "", false}, {"box.local.", "form", true}, {"", "bare address", true},
	} {
		if why := NoPasskeys(asks(c.host, c.tls)); why != "" != (c.want != "") || !strings.Contains(why, c.want) {
			t.Errorf("%q, %v: %q", c.host, c.tls, why)
		}
	}
}

// By TLS a passkey belongs to the name of this machine on the network, and its
// ceremony's cookie to TLS; what the plain door's was made for is nothing there.
func TestPasskeyByTLS(t *testing.T) {
	w := settle(t, Config{Pages: signs{}, TLS: lan(t)}, hello)
	p := w.secretPage(t, "abaton.example")
	w.enter(t, p, mia)
	a := newAuthenticator(t, "https://"+p.host, "abaton.example")
	q := p.begin(morePasskeys, nil)
	if _, ok := p.cookies[ceremonyCookie]; !ok || q.PublicKey.RP.ID != "abaton.example" {
		t.Errorf("%v %+v", p.cookies, q)
	}
	if r := p.tell(morePasskeys, map[string]string{"credential": a.create(q), "secret": a.secret}); r.StatusCode != 200 {
		t.Fatalf("%s %s", r.Status, r.body)
	}
	in := w.secretPage(t, "abaton.example")
	if r := in.tell(withPasskey, map[string]string{"credential": a.get(in.begin(withPasskey, nil)), "secret": a.secret}); r.StatusCode != 200 {
		t.Errorf("%s %s", r.Status, r.body)
	}
	if r := in.read("/page/x"); r.Header.Get("Reached") == "" {
		t.Errorf("%s %s", r.Status, r.body)
	}
	remembered := 0
	for name := range in.cookies {
		if strings.HasPrefix(name, seenName) {
			remembered++
		}
	}
	if remembered != 1 {
		t.Errorf("%v", in.cookies)
	}
	other := w.secretPage(t, "box.local")
	other.cookies = in.cookies
	a.origin = "https://" + other.host
	if r := other.tell(withPasskey, map[string]string{"credential": a.get(other.begin(withPasskey, nil)), "secret": a.secret}); r.StatusCode != 401 {
		t.Errorf("at another name of ours: %s %s", r.Status, r.body)
	}
	bare := w.secretPage(t, "127.0.0.1")
	if r := bare.tell(withPasskey+begins, nil); r.StatusCode != 409 || !strings.Contains(r.body, "no_passkeys_here") {
		t.Errorf("by a bare address: %s %s", r.Status, r.body)
	}
	if r := bare.read(pathUnlock); r.StatusCode != 200 || !strings.Contains(r.body, "bare address") {
		t.Errorf("the page does not say why: %s %s", r.Status, r.body)
	}
}

// Who begins without end loses their own, and keeps nobody out.
func TestCeremoniesHaveBounds(t *testing.T) {
	var cs ceremonies
	now := time.Now()
	mine, ok := cs.begin(ceremony{source: "me"}, now)
	if !ok {
		t.Fatal("none")
	}
	for range 10 * mostOfOneSource {
		if _, ok := cs.begin(ceremony{source: "flood"}, now); !ok {
			t.Fatal("refused")
		}
	}
	if len(cs.of) != mostOfOneSource+1 {
		t.Errorf("%d are kept", len(cs.of))
	}
	if _, ok := cs.take(mine, now); !ok {
		t.Error("mine is gone")
	}
	if _, ok := cs.take(mine, now); ok {
		t.Error("it is there twice")
	}
	if _, ok := cs.take("", now); ok {
		t.Error("no name is one")
	}
}

// Another account of this machine, or another person, ends nobody's ceremony; and who
// has most loses first where all places are taken.
func TestCeremoniesOfOthersStay(t *testing.T) {
	var cs ceremonies
	now := time.Now()
	begin := func(c ceremony) (string, bool) {
		now = now.Add(time.Millisecond)
		c.source = "loopback"
		return cs.begin(c, now)
	}
	mine, _ := begin(ceremony{uid: 1})
	hers, _ := begin(ceremony{uid: 1, who: vault.Session{Person: "ada"}})
	for range 2 * mostOfOneSource {
		begin(ceremony{uid: 2})
		begin(ceremony{uid: 1, who: vault.Session{Person: "bob"}})
	}
	fill := func() { // with one of each of many accounts
		for uid := 3; len(cs.of) < mostCeremonies; uid++ {
			cs.of[sha256.Sum256([]byte(strconv.Itoa(uid)))] = ceremony{source: "loopback", uid: uid, until: now.Add(ceremonyLife)}
		}
	}
	fill()
	late, ok := begin(ceremony{uid: 1})
	if !ok || len(cs.of) != mostCeremonies {
		t.Errorf("%v, %d are kept", ok, len(cs.of))
	}
	for _, name := range []string{mine, hers, late} {
		if _, ok := cs.take(name, now); !ok {
			t.Error("one of them is gone")
		}
	}
	clear(cs.of)
	fill()
	if _, ok := begin(ceremony{uid: 1}); ok || len(cs.of) != mostCeremonies {
		t.Errorf("nobody has more, and %v, %d are kept", ok, len(cs.of))
	}
}

// asks is a request as far as NoPasskeys looks.
func asks(host string, secure bool) *http.Request {
	r := &http.Request{Host: host}
	if secure {
		r.TLS = new(tls.ConnectionState)
	}
	return r
}

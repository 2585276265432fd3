package browsers

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// holder is an authenticator inside a browser, with a person before it.
type holder struct {
	b  *tab
	id webauthn.AuthenticatorID
}

// holder gives a browser an authenticator.
func (b *tab) holder(prf, verified bool) *holder {
	b.t.Helper()
	h := &holder{b: b}
	b.do(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		o := &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, HasPrf: prf, IsUserVerified: verified, AutomaticPresenceSimulation: true,
		}
		h.id, err = webauthn.AddVirtualAuthenticator(o).Do(ctx)
		return err
	}))
	return h
}

func (h *holder) verifies(is bool) { h.b.do(webauthn.SetUserVerified(h.id, is)) }

func (h *holder) leaves() { h.b.do(webauthn.RemoveVirtualAuthenticator(h.id)) }

func (h *holder) keys() (list []*webauthn.Credential) {
	h.b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		list, err = webauthn.GetCredentials(h.id).Do(ctx)
		return err
	}))
	return list
}

const passkeySays = `document.querySelector("form[data-passkey] [role=status]")?.textContent`

// withPasskey presses the button on the page where vaults are unlocked.
func (b *tab) withPasskey(s string) {
	b.t.Helper()
	b.visit(s + "/page/unlock")
	b.until(`document.querySelector("form[data-passkey=unlock]:not([hidden])")`)
	b.press("form[data-passkey] button")
}

func (b *tab) locks() {
	b.t.Helper()
	b.press(`nav.side form[action="/page/lock"] button`)
	b.see("#passphrase")
}

// TestPasskey is the day of somebody without a passphrase: set up by passkey, the
// recovery code, two unlockings, another passkey, its removal; and what happens where
// a passkey keeps no secret, or verifies nobody.
func TestPasskey(t *testing.T) {
	program := axe(t)
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")

	// One that keeps no secret is refused before anything is made on the server.
	poor := b.holder(false, true)
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.until(`document.querySelector("form[data-passkey=join]:not([hidden])")`)
	b.press("form[data-passkey] button")
	b.until(passkeySays + `.includes("Type your name first")`)
	b.write("#name", "ada")
	b.press("form[data-passkey] button")
	b.until(passkeySays + `.includes("cannot keep a secret")`)
	b.shot("passkey-refused")
	b.kind("join, with a passkey refused", program)
	poor.leaves()

	// So is one that verifies nobody. (It blocks itself after that, so it is not used again.)
	blind := b.holder(true, false)
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.write("#name", "ada")
	b.press("form[data-passkey] button")
	b.until(`/No passkey was used|check that it is you|makes no passkeys/.test(` + passkeySays + `)`)
	if len(blind.keys()) != 0 {
		t.Error("a passkey was made without looking who it was")
	}
	blind.leaves()
	h := b.holder(true, true)
	b.press("form[data-passkey] button")
	b.see("pre.code")
	b.shot("passkey-recovery")
	b.kind("the recovery code beside a passkey", program)
	code := eval[string](b, `document.querySelector("pre.code").textContent`)
	where := eval[string](b, "location.pathname")
	b.visit(s.page + where)
	b.see("h1")
	if strings.Contains(eval[string](b, "document.body.innerText"), code) {
		t.Error("the code is shown twice")
	}
	b.write("#code", code)
	b.press(".fields > button")
	b.see(".hello")
	keys := h.keys()
	if len(keys) != 1 || !keys[0].IsResidentCredential || keys[0].RpID != "abaton.localhost" {
		t.Fatalf("%+v", keys)
	}

	for range 2 {
		b.locks()
		b.withPasskey(s.page)
		b.see(".hello")
	}

	// On the page about security: the same again, another one, and its removal.
	b.visit(s.page + "/page/security")
	b.until(`document.querySelectorAll("#passkeys tbody tr").length === 1 && document.querySelector("#passkeys tbody time")`)
	b.press("form[data-passkey=add] button")
	b.until(passkeySays + `.includes("already")`)
	h.leaves()
	other := b.holder(true, true)
	b.press("form[data-passkey=add] button")
	b.until(`document.querySelectorAll("#passkeys tbody tr").length === 2`)
	b.shot("passkeys")
	b.kind("security, with passkeys", program)
	b.locks()
	b.withPasskey(s.page)
	b.see(".hello")
	b.visit(s.page + "/page/security")
	b.see("#passkeys tbody tr")
	b.press(`#passkeys tbody tr:has(time) ~ tr button, #passkeys tbody tr:last-child button`)
	b.until(`document.querySelectorAll("#passkeys tbody tr").length === 1`)
	b.locks()
	b.withPasskey(s.page)
	b.until(passkeySays + `.includes("opens no vault here")`)
	other.verifies(false)
	b.withPasskey(s.page)
	b.until(`/No passkey was used|check that it is you/.test(` + passkeySays + `)`)
	b.kind("unlock, with a passkey refused", program)
	other.leaves()

	// The recovery code still opens, and nothing of all that lies in the browser.
	b.visit(s.page + "/page/unlock")
	b.write("#name", "ada")
	b.press("details summary")
	b.until(`document.querySelector("details").open`)
	b.write("#recovery_code", code)
	b.press(".fields > button")
	b.see(".hello")
	for _, where := range []string{"localStorage.length", "sessionStorage.length"} {
		if n := eval[int](b, where); n != 0 {
			t.Errorf("%s is %d", where, n)
		}
	}
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	if found := holds(t, b.profile, code); len(found) > 0 {
		t.Errorf("the browser's profile holds %s", strings.Join(found, "\n"))
	}
	s.kill()
	if found := holds(t, s.home, code); len(found) > 0 {
		t.Errorf("the server's folders hold %s", strings.Join(found, "\n"))
	}
}

// TestOlderMachine: a whole machine is put back to an earlier day, with everything
// that remembers on it. The browser says so, until its person accepts; by passphrase
// and by passkey.
func TestOlderMachine(t *testing.T) {
	program := axe(t)
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	h := b.holder(true, true)
	b.enter(s)
	b.visit(s.page + "/page/security")
	b.press("form[data-passkey=add] button")
	b.see("#passkeys tbody tr")
	s.stop(t)
	earlier := filepath.Join(s.work, "earlier")
	must(t, os.Mkdir(earlier, 0o755))
	kept(t, s.home, earlier)

	address := strings.TrimPrefix(s.page, "http://abaton.localhost")
	s.start(t, "127.0.0.1"+address)
	b.visit(s.page + "/page/unlock")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see(".hello")
	b.write("#text", canary+": say hello.\r")
	b.see(".turn.it")
	b.answered("1")
	b.visit(s.page + "/page/security")
	b.see("#passkeys")
	s.stop(t)
	kept(t, earlier, s.home)

	s.start(t, "127.0.0.1"+address)
	b.withPasskey(s.page)
	b.until(passkeySays + `.includes("not as this browser saw it last")`)
	b.until(`document.querySelector("[data-older]").offsetHeight > 0`)
	b.shot("older-passkey")
	b.kind("an older vault, by passkey", program)
	b.press("form[data-passkey] button") // not accepted
	b.until(passkeySays + `.includes("not as this browser saw it last")`)

	b.visit(s.page + "/page/unlock")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.until(`document.querySelector(".warning[role=alert]")?.textContent.includes("not as this browser saw it last")`)
	b.shot("older")
	b.kind("an older vault", program)
	b.visit(s.page + "/page/")
	b.see("#passphrase") // nobody is in

	b.withPasskey(s.page)
	b.until(`document.querySelector("[data-older]").offsetHeight > 0`)
	b.press("[data-older] input")
	b.press("form[data-passkey] button")
	b.see(".hello")
	if len(h.keys()) != 1 {
		t.Error("where is the passkey?")
	}
	b.locks()
	b.withPasskey(s.page) // and then no more
	b.see(".hello")
	b.visit(s.page + "/page/acts")
	b.until(`document.body.innerText.includes("an older state of the vault accepted")`)

	// What the browser keeps says nothing of whom or of what.
	var cookies []*network.Cookie
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = network.GetCookies().Do(ctx)
		return err
	}))
	seen := 0
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, "abaton-seen-") {
			seen++
			if !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || strings.Contains(c.Value, "ada") {
				t.Errorf("%+v", c)
			}
		}
	}
	if seen != 1 {
		all, _ := json.Marshal(cookies)
		t.Errorf("%d are remembered: %s", seen, all)
	}
}

// kept puts all that a machine keeps of people into another folder, as it is.
func kept(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{"config", "data", "state", "cache"} {
		must(t, os.RemoveAll(filepath.Join(to, name)))
		if out, err := exec.Command("cp", "-a", filepath.Join(from, name), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

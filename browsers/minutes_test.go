package browsers

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const story = "Write a very long story about a lighthouse, in twenty paragraphs.\r"

// said is all that an answer says, without the buttons of its blocks.
const saidLast = `[...document.querySelectorAll(".turn.it .said")].at(-1).textContent`

// TestAHouseFromItsFirstMinute is the life of one server, from its first start to a
// colleague's first answer, with what goes wrong in between.
func TestAHouseFromItsFirstMinute(t *testing.T) {
	s := newServer(t)
	b := s.firstStart(t)
	b.reloadsInTheMiddle()
	b.losesTheEngine(s)
	b.losesTheNetwork()
	b.losesTheServer(s)
	if len(b.console) > 0 {
		t.Errorf("the page's scripts failed: %s", strings.Join(b.console, "\n"))
	}
	must(t, chromedp.Cancel(b.ctx))
	s.stop(t)
	s.colleague(t)
}

// firstStart starts a server at a terminal of a desktop, whose browser it opens by
// itself; there somebody is set up and asks. No claim was in what it was opened with,
// and the link is good no more afterwards.
func (s *server) firstStart(t *testing.T) *tab {
	t.Helper()
	bin, opened := filepath.Join(s.work, "bin"), filepath.Join(s.home, "state", "opened")
	must(t, os.Mkdir(bin, 0o755))
	must(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" >"+opened+".new && mv "+opened+".new "+opened+"\n"), 0o755))
	s.sits, s.env = true, append(s.env, "PATH="+bin+":"+os.Getenv("PATH"), "DISPLAY=:99", "SSH_CONNECTION=", "TERM=xterm")
	s.start(t, "127.0.0.1:0")
	s.sits = false
	link := regexp.MustCompile(`begin +(http://\S+)`).FindStringSubmatch(s.output())
	if link == nil {
		t.Fatalf("no link is printed:\n%s", s.output())
	}
	b := open(t, "", chromedp.ModifyCmdFunc(s.asItsAccount))
	must(t, os.Chown(b.profile, s.uid, s.gid))
	var address []byte
	b.wait("the browser that is opened", func() bool {
		address, _ = os.ReadFile(opened)
		return len(address) > 0
	})
	if strings.Contains(string(address), "abc_") {
		t.Errorf("the claim is in what every account can read: %s", address)
	}
	b.visit(strings.TrimSpace(string(address)))
	b.until(`location.search === ""`)
	b.shot("first")
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see("pre.code")
	b.write("#code", eval[string](b, `document.querySelector("pre.code").textContent`))
	b.press(".fields > button")
	b.see(".hello")
	b.write("#text", canary+": what is the capital of France?\r")
	b.see(".turn.it")
	b.enough("1")
	here := eval[string](b, "location.href")
	for _, used := range []string{link[1], strings.TrimSpace(string(address))} {
		b.visit(used)
		b.see("h1")
		if said := eval[string](b, "document.body.innerText"); !strings.Contains(said, "good no more") {
			t.Errorf("a link that was used: %s", said)
		}
	}
	b.shot("used")
	b.visit(here)
	b.answered("1")
	return b
}

// asItsAccount starts a browser as the account of the server, which sits at its desk.
func (s *server) asItsAccount(cmd *exec.Cmd) {
	cmd.Env = append(os.Environ(), "HOME="+s.work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.gid)}
	}
}

// reloadsInTheMiddle loads a page anew while its answer is written, with another tab
// at the same conversation: both show the same, and so does the history.
func (b *tab) reloadsInTheMiddle() {
	b.t.Helper()
	b.write("#text", story)
	b.until(`document.querySelector(".turn.live .said")?.textContent.length > 20`)
	ctx, stop := chromedp.NewContext(b.ctx)
	defer stop()
	other := &tab{t: b.t, ctx: ctx, profile: b.profile}
	other.visit(eval[string](b, "location.href"))
	other.until(`document.querySelector(".turn.live .said")?.textContent.length > 20`)
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".turn.live .said")?.textContent.length > 40`)
	b.press("form[data-stop] button")
	b.answered("2")
	other.answered("2")
	one, two := eval[string](b, saidLast), eval[string](other, saidLast)
	b.do(chromedp.Reload())
	b.answered("2")
	if kept := eval[string](b, saidLast); one != two || one != kept {
		b.t.Errorf("one tab has %q, the other %q, the history %q", one, two, kept)
	}
}

// losesTheEngine kills the engine in mid-answer: what there is stays, and is gone on
// with.
func (b *tab) losesTheEngine(s *server) {
	b.t.Helper()
	b.write("#text", story)
	b.until(`document.querySelector(".turn.live .said")?.textContent.length > 20`)
	pids := s.engines()
	if len(pids) == 0 {
		b.t.Fatal("no engine is at work")
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	b.see(`form[action^="/page/on/"]`)
	part := strings.TrimSpace(eval[string](b, saidLast))
	if part == "" {
		b.t.Error("nothing of the answer is left")
	}
	b.do(chromedp.Reload())
	b.see(`form[action^="/page/on/"]`)
	if kept := strings.TrimSpace(eval[string](b, saidLast)); kept != part {
		b.t.Errorf("the page had %q, the history has %q", part, kept)
	}
	b.shot("broken")
	b.press(`form[action^="/page/on/"] button`)
	b.until(`document.querySelector(".turn.live .said")?.textContent.trim().length > ` + strconv.Itoa(len(part)))
	b.press("form[data-stop] button")
	b.answered("3")
	if now := strings.TrimSpace(eval[string](b, saidLast)); !strings.HasPrefix(now, part) {
		b.t.Errorf("%q was gone on with as %q", part, now)
	}
}

// losesTheNetwork asks while the browser is offline: the question stays where it was
// typed, and is sent when the network is back.
func (b *tab) losesTheNetwork() {
	b.t.Helper()
	b.do(network.Enable(), network.EmulateNetworkConditions(true, 0, -1, -1))
	b.write("#text", "Say hello.\r")
	b.until(`document.getElementById("status").textContent.includes("still here")`)
	if left := strings.TrimSpace(eval[string](b, `document.getElementById("text").value`)); left != "Say hello." {
		b.t.Errorf("of the question is left %q", left)
	}
	b.do(network.EmulateNetworkConditions(false, 0, -1, -1))
	b.write("#text", "\r")
	b.until(`document.querySelectorAll(".turn.it").length === 4`)
	b.enough("4")
}

// losesTheServer asks a server that has ended, and one that was started again: its
// sessions are gone, and what was said is there.
func (b *tab) losesTheServer(s *server) {
	b.t.Helper()
	here, address := eval[string](b, "location.href"), strings.TrimPrefix(s.page, "http://abaton.localhost")
	s.stop(b.t)
	b.write("#text", "Are you there?\r")
	b.until(`document.getElementById("status").textContent.includes("still here")`)
	s.start(b.t, "127.0.0.1"+address)
	b.write("#text", "\r")
	b.until(`document.getElementById("status").textContent.includes("locked")`)
	if left := strings.TrimSpace(eval[string](b, `document.getElementById("text").value`)); left != "Are you there?" {
		b.t.Errorf("of the question is left %q", left)
	}
	b.visit(here)
	b.unlock("ada", passphrase)
	b.visit(here)
	b.answered("4")
}

// enough waits until the last of so many answers has begun, and stops it: a small
// model does not always find an end.
func (b *tab) enough(n string) {
	b.t.Helper()
	b.until(saidLast + `.trim() !== ""`)
	b.do(chromedp.Evaluate(`document.querySelector("form[data-stop]")?.requestSubmit()`, nil))
	b.answered(n)
}

func (b *tab) unlock(name, phrase string) {
	b.t.Helper()
	b.write("#name", name)
	b.write("#passphrase", phrase)
	b.press(".fields > button")
	b.see(".hello")
}

// colleague is somebody on another machine, from their invitation to their first
// answer: the page without TLS and its words, the certificate, the link, a passphrase.
// Of what the two say nothing crosses.
func (s *server) colleague(t *testing.T) {
	t.Helper()
	s.apart = newApart(t)
	at := s.apart.address()
	door, leaflet, words := s.forOthers(t, at)
	_, port, _ := strings.Cut(door, ":")
	if r, err := http.Get(leaflet); err == nil {
		r.Body.Close()
		t.Errorf("without an invitation the page without TLS answers: %s", r.Status)
	}
	home := "https://box.abaton.example:" + port
	names := chromedp.Flag("host-resolver-rules", "MAP box.abaton.example "+at)

	// The owner, who has trusted the certificate before.
	ada := open(t, "", names, trusting(t, door, nil))
	ada.visit(home + "/page/")
	ada.unlock("ada", passphrase)
	ada.write("#text", canary+" is ada's alone. Say hello.\r")
	ada.see(".turn.it")
	ada.enough("1")
	hers := eval[string](ada, "location.href")
	ada.visit(home + "/page/people")
	ada.press(`form[action="/page/invite"] button`)
	ada.see("section.fresh")
	ada.shot("invitation-for-another-machine")
	told := eval[string](ada, `document.querySelector("section.fresh").innerText`)
	link := regexp.MustCompile(`https://box\.abaton\.example:\d+/page/join\?ticket=abi_[\w-]+`).FindString(told)
	if link == "" || !strings.Contains(told, words) || !eval[bool](ada, `document.querySelector("svg.square path").getBoundingClientRect().width > 100`) {
		t.Fatalf("the invitation says\n%s", told)
	}

	// The colleague, first without trust.
	wary := open(t, "", names)
	wary.visit(leaflet)
	wary.see("ol")
	wary.shot("leaflet")
	if said := eval[string](wary, "document.body.innerText"); !strings.Contains(said, words) {
		t.Errorf("the page without TLS says\n%s", said)
	}
	if err := chromedp.Run(wary.ctx, chromedp.Navigate(link)); err == nil || !strings.Contains(err.Error(), "CERT") {
		t.Errorf("without the certificate the browser is led on: %v", err)
	}
	must(t, chromedp.Cancel(wary.ctx))
	r, err := http.Get(leaflet + "/authority.crt")
	must(t, err)
	authority, err := io.ReadAll(r.Body)
	must(t, err)
	r.Body.Close()
	bob := open(t, "", names, trusting(t, door, authority))
	bob.visit(link)
	bob.until(`location.search === ""`)
	bob.write("#name", "bob")
	bob.write("#passphrase", "the passphrase of a colleague")
	bob.press(".fields > button")
	bob.see("pre.code")
	bob.visit(home + "/page/")
	bob.see(".hello")
	const robin = "Rotkehlchen-4471"
	bob.write("#text", robin+" is bob's alone. Say hello.\r")
	bob.see(".turn.it")
	bob.enough("1")
	if said := eval[string](bob, `document.querySelector(".sight").textContent`); !strings.Contains(said, "are hidden") {
		t.Errorf("what an observer sees is told as %q", said)
	}
	his := eval[string](bob, "location.href")
	bob.visit(hers)
	if said := eval[string](bob, "document.body.innerText"); !strings.Contains(said, "no such conversation") || strings.Contains(said, canary) {
		t.Errorf("her conversation is shown to him: %s", said)
	}
	if r, err := http.Get(leaflet); err == nil {
		r.Body.Close()
		t.Errorf("after the last invitation was used the page without TLS answers: %s", r.Status)
	}
	ada.visit(home + "/page/people")
	if said := eval[string](ada, "document.body.innerText"); !strings.Contains(said, "bob") || strings.Contains(said, "Open invitations") {
		t.Errorf("the owner sees %s", said)
	}
	for _, page := range []string{his, home + "/page/all", home + "/page/people"} {
		ada.visit(page)
		if said := eval[string](ada, "document.documentElement.outerHTML"); strings.Contains(said, "Rotkehlchen") || page == his && !strings.Contains(said, "no such conversation") {
			t.Errorf("%s shows her what is his: %s", page, said)
		}
	}
	must(t, chromedp.Cancel(bob.ctx))
	must(t, chromedp.Cancel(ada.ctx))
	if found := slices.Concat(holds(t, bob.profile, canary, "Kanarienvogel", robin), holds(t, ada.profile, canary, "Rotkehlchen")); len(found) > 0 {
		t.Errorf("a profile holds %s", strings.Join(found, "\n"))
	}
}

// trusting has a browser take the server's certificate, which the authority vouches
// for: Chromium takes no authority without its own tools, but a key. Nil asks nobody.
func trusting(t *testing.T, door string, authority []byte) chromedp.ExecAllocatorOption {
	t.Helper()
	config := &tls.Config{ServerName: "box.abaton.example", InsecureSkipVerify: authority == nil}
	if authority != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authority) {
			t.Fatalf("no certificate: %s", authority)
		}
	}
	c, err := tls.Dial("tcp", door, config)
	must(t, err)
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(sum[:]))
}

package browsers

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe-core is under MPL-2.0. It is fetched where tests run, and is in no file of ours.
const (
	axeVersion = "4.14.0"
	axeSum     = "20c09fe157a8a34a30e241aaa1fcdade657734f08ab379ecfbeb7d45cc46e878"
)

// axe gives the program that looks for what shuts people out.
func axe(t *testing.T) string {
	t.Helper()
	home := os.Getenv("ABATON_CHECK_CACHE")
	if home == "" {
		t.Fatal("run `make check`, which says where what tests fetch is kept")
	}
	dir := filepath.Join(home, "axe-"+axeVersion)
	file := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	body, err := os.ReadFile(file)
	if err != nil {
		must(t, os.MkdirAll(dir, 0o755))
		out, err := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "axe-core@"+axeVersion).CombinedOutput()
		if err != nil {
			t.Fatalf("axe-core could not be fetched: %v\n%s", err, out)
		}
		body, err = os.ReadFile(file)
		must(t, err)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != axeSum {
		t.Fatalf("%s is another file than the one that was tried: %x", file, sum)
	}
	return string(body)
}

// kind has axe-core look at the page as it is, in light and in dark, and sees that
// nothing of it lies beyond the edge at twice and at four times the size.
func (b *tab) kind(name, program string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
		var found []string
		b.do(chromedp.Evaluate(program+"; 0", nil), chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then((r) => {
			if (r.passes.length === 0) return ["axe-core looked at nothing"];
			return r.violations.flatMap((v) => v.nodes.map((n) => v.id + " (" + v.impact + "): " + v.help + ": " + n.html.slice(0, 200) + " | " + n.failureSummary.replaceAll("\n", " ")));
		})`, &found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		if len(found) > 0 {
			b.t.Errorf("%s, %s: %d\n%s", name, scheme, len(found), strings.Join(found, "\n"))
		}
	}
	b.do(emulation.SetEmulatedMedia())
	for _, width := range []int64{640, 320} {
		b.do(chromedp.EmulateViewport(width, 430))
		if over := eval[int](b, "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"); over > 0 {
			b.t.Errorf("%s: at a width of %d, %d lie beyond the edge", name, width, over)
		}
	}
	b.do(chromedp.EmulateViewport(1280, 860))
}

// TestKindToAll has axe-core find nothing on any page, in light and in dark.
func TestKindToAll(t *testing.T) {
	program := axe(t)
	s := newServer(t)
	s.start(t, "127.0.0.1:0")
	b := open(t, "")
	b.visit("data:text/html,<title>x</title><img src=x><p style='color:%23eee'>pale")
	b.do(chromedp.Evaluate(program+"; 0", nil))
	if n := eval[int](b, `(async () => (await axe.run()).violations.length)().then((n) => { globalThis.control = n }) && 0`); n != 0 {
		t.Fatal(n)
	}
	b.until("globalThis.control > 2") // or it sees nothing anywhere

	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.see("#passphrase")
	b.kind("join", program)
	b.write("#name", "ada")
	b.write("#passphrase", passphrase)
	b.press(".fields > button")
	b.see("pre.code")
	b.kind("welcome", program)
	b.visit(s.page + "/page/recovery")
	b.see("h1")
	b.kind("recovery", program)
	b.visit(s.page + "/page/")
	b.see(".hello")
	b.kind("new", program)
	b.press("[name=fleeting]")
	b.press(".ask .instruction summary")
	b.until(`document.querySelector("#fleeting").offsetHeight > 0`)
	b.kind("new, temporary", program)
	b.write("#text", "Say hello.\r")
	b.see(".turn.it")
	b.answered("1")
	b.kind("temporary", program)
	b.visit(s.page + "/page/")
	b.write("#text", "Write a short Python function that adds two numbers.\r")
	b.see(".turn.it")
	b.answered("1")
	b.shot("conversation")
	b.press(".about .menu summary")
	b.press(".about .menu details summary")
	b.until(`document.querySelector("button.danger").offsetHeight > 0`)
	b.kind("conversation", program)
	here := eval[string](b, "location.pathname")
	b.visit(s.page + strings.Replace(here, "/c/", "/links/", 1))
	b.see("h1")
	b.kind("addresses", program)
	b.visit(s.page + here)
	b.press(".turn.you footer a")
	b.see("#anew")
	b.kind("edit", program)
	b.write("nav.side input[name=words]", "Python\r")
	b.see(".hit")
	b.kind("found", program)
	for _, name := range []string{"all", "settings", "keyboard", "keys", "models", "people", "security", "acts", "nowhere"} {
		b.visit(s.page + "/page/" + name)
		b.see("h1")
		b.do(chromedp.Evaluate(`for (const d of document.querySelectorAll("main details")) d.open = true`, nil))
		b.shot("open-" + name)
		b.kind(name, program)
	}
	b.visit(s.page + "/page/keys")
	b.write("#name", "editor")
	b.press(".fields > button")
	b.see("section.fresh")
	b.kind("a new key", program)
	b.visit(s.page + "/page/people")
	b.press(`form[action="/page/invite"] button`)
	b.see("section.fresh")
	b.kind("a new invitation", program)
	b.visit(s.page + "/page/join?ticket=" + s.claim)
	b.see("h1")
	b.kind("a used link", program)
	b.visit(strings.Replace(s.page, "abaton.localhost", "localhost", 1) + "/page/unlock")
	b.see("a.button")
	b.kind("another name of this machine", program)
	b.do(chromedp.EmulateViewport(390, 844))
	b.visit(s.page + "/page/")
	b.see(".hello")
	b.press(".top .menu summary")
	b.kind("new, on a phone", program)
	b.press(`.top .menu form[action="/page/lock"] button`)
	b.see("#passphrase")
	b.kind("unlock", program)
}

package browsers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser with a profile of its own.
type tab struct {
	t       *testing.T
	ctx     context.Context
	profile string
	netlog  string
	console []string
}

// open starts a browser. Everything that it would ask of the network by itself is
// off, and every name but ours leads to sink, where one is given.
func open(t *testing.T, sink string, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	profile, err := os.MkdirTemp("", "abaton-profile-")
	must(t, err)
	return openIn(t, profile, sink, more...)
}

// openIn starts a browser with a profile that is there already.
func openIn(t *testing.T, profile, sink string, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run `make base`, which installs it", err)
	}
	b := &tab{t: t, profile: profile, netlog: filepath.Join(profile, "net.json")}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(bin), chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 860),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-domain-reliability", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("disable-features", "AutofillServerCommunication,PasswordLeakDetection,OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater"),
		chromedp.Flag("log-net-log", b.netlog), chromedp.Flag("disable-gpu", true),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	if sink != "" {
		options = append(options, chromedp.Flag("host-resolver-rules", "MAP * "+sink+", EXCLUDE *.localhost, EXCLUDE 127.0.0.1"))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, stop := chromedp.NewContext(ctx)
	ctx, late := context.WithTimeout(ctx, 8*time.Minute)
	b.ctx = ctx
	t.Cleanup(func() {
		late()
		stop()
		cancel()
		os.RemoveAll(profile)
	})
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			b.console = append(b.console, e.ExceptionDetails.Error())
		case *page.EventJavascriptDialogOpening:
			b.console = append(b.console, "a dialog: "+e.Message)
		}
	})
	return b
}

func (b *tab) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		var where, text string
		_ = chromedp.Run(b.ctx, chromedp.Location(&where), chromedp.Text("body", &text))
		b.t.Fatalf("%v\nat %s\n%.2000s\n%s", err, where, text, strings.Join(b.console, "\n"))
	}
}

// eval gives what an expression is on the page.
func eval[T any](b *tab, expression string) (v T) {
	b.t.Helper()
	b.do(chromedp.Evaluate(expression, &v))
	return v
}

// until waits for an expression to be true, on whatever page there is by then.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var yes bool
		// An error is a page that leaves while it is asked.
		if err := chromedp.Run(b.ctx, chromedp.Evaluate("!!("+expression+")", &yes)); err == nil && yes {
			return
		}
	}
	b.t.Errorf("never true: %s", expression)
	b.do(chromedp.Evaluate("no.such.thing", nil)) // tells where we are
}

// wait waits for something outside the page.
func (b *tab) wait(what string, there func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if there() {
			return
		}
	}
	b.t.Fatalf("never came: %s", what)
}

// see waits for an element.
func (b *tab) see(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)", selector))
}

// write types into a field, key by key.
func (b *tab) write(field, text string) {
	b.t.Helper()
	b.see(field)
	b.do(chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).focus()", field), nil), chromedp.KeyEvent(text))
}

// press presses a button.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.see(selector)
	b.do(chromedp.Evaluate(fmt.Sprintf("setTimeout(() => document.querySelector(%q).click())", selector), nil))
}

// visit goes to a page.
func (b *tab) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// shots is where pictures of pages are put, empty for nowhere.
func shots() string { return os.Getenv("ABATON_SHOTS") }

// shot takes pictures of a page: light, dark, as a phone shows it, at twice the size,
// and with all that is written from right to left.
func (b *tab) shot(name string) {
	b.t.Helper()
	if shots() == "" {
		return
	}
	must(b.t, os.MkdirAll(shots(), 0o755))
	for _, look := range []struct {
		name, scheme string
		width, high  int64
		scale        float64
		dir          string
	}{{"light", "light", 1280, 860, 1, ""}, {"dark", "dark", 1280, 860, 1, ""}, {"phone", "light", 390, 844, 1, ""}, {"zoom", "dark", 640, 430, 2, ""}, {"rtl", "light", 1280, 860, 1, "rtl"}} {
		var png []byte
		b.do(
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}),
			chromedp.EmulateViewport(look.width, look.high, chromedp.EmulateScale(look.scale)),
			chromedp.Evaluate("document.documentElement.dir = "+strconv.Quote(look.dir)+"; 0", nil),
			chromedp.CaptureScreenshot(&png),
		)
		must(b.t, os.WriteFile(filepath.Join(shots(), name+"-"+look.name+".png"), png, 0o644))
	}
	b.do(chromedp.EmulateViewport(1280, 860), emulation.SetEmulatedMedia(), chromedp.Evaluate("document.documentElement.removeAttribute('dir')", nil))
}

// whole takes a picture of all of a page, after something was done to it.
func (b *tab) whole(name, first string) {
	b.t.Helper()
	if shots() == "" {
		return
	}
	must(b.t, os.MkdirAll(shots(), 0o755))
	var png []byte
	b.do(chromedp.Evaluate(first+"; 0", nil), chromedp.FullScreenshot(&png, 100))
	must(b.t, os.WriteFile(filepath.Join(shots(), name+".png"), png, 0o644))
}

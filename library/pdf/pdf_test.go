package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
)

// codeDir holds compiled code for all tests of a run.
var codeDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "abaton-pdf-test")
	if err != nil {
		return "", err
	}
	return dir, Compile(context.Background(), dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := codeDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// parsed reads one document as the child does.
func parsed(t testing.TB, name string, data []byte, lim parse.Limits) (parse.Document, error) {
	t.Helper()
	dir, err := codeDir()
	if err != nil {
		t.Fatal(err)
	}
	var d parse.Document
	d.Result, err = Parse(t.Context(), dir, parse.Source{Name: name, Data: data}, lim, d.Collect(), func() error { return nil })
	return d, err
}

// shown is a document as the tests compare it.
func shown(d parse.Document) string {
	var b strings.Builder
	for _, r := range d.Records {
		fmt.Fprintf(&b, "%d %v", r.Page, r.Kind)
		if r.Level > 0 {
			fmt.Fprintf(&b, " %d", r.Level)
		}
		if r.Flags&parse.Hidden != 0 {
			b.WriteString(" hidden")
		}
		if r.Flags&parse.List != 0 {
			b.WriteString(" list")
		}
		fmt.Fprintf(&b, ": %q\n", r.Text)
	}
	for _, c := range d.Cuts {
		fmt.Fprintf(&b, "cut: %v\n", c)
	}
	return b.String()
}

// TestModule: what is built in is what the module's checksum stands for.
func TestModule(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/klippa-app/go-pdfium").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "webassembly", "pdfium.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unpacked(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("pdfium.wasm.gz holds something else than the module (%v); write it anew", err)
	}
}

func TestPages(t *testing.T) {
	l := pdfgen.Line
	data := pdfgen.Pages("", nil,
		l("F2", 20, 72, 740, "Annual report")+l("F1", 10, 72, 700, "The first paragraph goes on")+l("F1", 10, 72, 688, "in a second line \x96 caf\xe9.")+
			l("F1", 10, 72, 660, "Another one.")+l("F1", 10, 72, 640, "\x95 first point")+l("F1", 10, 72, 628, "\x95 second point")+
			l("F2", 14, 72, 600, "Costs")+l("F1", 10, 72, 580, "Rent")+l("F1", 10, 300, 580, "900"),
		l("F1", 10, 72, 700, "On the second page."))
	d, err := parsed(t, "report.pdf", data, parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := `1 heading 1: "Annual report"
1 para: "The first paragraph goes on\nin a second line – café."
1 para: "Another one."
1 para 1 list: "• first point"
1 para 1 list: "• second point"
1 heading 2: "Costs"
1 para: "Rent\t900"
2 para: "On the second page."
`
	if got := shown(d); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestHidden: what nobody sees is flagged, what stands white on a colour is not.
func TestHidden(t *testing.T) {
	d, err := parsed(t, "hidden.pdf", pdfgen.Hidden(), parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range d.Records {
		for w := range strings.FieldsSeq(r.Text) {
			if strings.ToUpper(w) == w && len(w) > 3 {
				found[w] = r.Flags&parse.Hidden != 0
			}
		}
	}
	for w, hidden := range map[string]bool{"VISIBLE": false, "BANNER": false, "INVISIBLE": true, "WHITE": true, "TINY": true, "OFFPAGE": true, "CLIPPED": true} {
		got, there := found[w]
		if w == "OFFPAGE" && !there {
			continue // pdfium leaves out by itself what lies there
		}
		if !there || got != hidden {
			t.Errorf("%s: found %v, hidden %v\n%s", w, there, got, shown(d))
		}
	}
}

func TestScanned(t *testing.T) {
	_, err := parsed(t, "scan.pdf", pdfgen.Scanned(2, ""), parse.Limits{})
	if refused, ok := errors.AsType[*parse.RefusedError](err); !ok || refused.Why != parse.PicturesOnly {
		t.Errorf("a scan: %v", err)
	}
	d, err := parsed(t, "recognised.pdf", pdfgen.Scanned(1, "The words of a scanned page, recognised before."), parse.Limits{})
	if err != nil || len(d.Records) != 1 || d.Hidden != 0 || len(d.Cuts) != 0 {
		t.Errorf("a scan with its words: %v\n%s", err, shown(d))
	}
}

// TestVerdicts: what cannot be read is refused for the reason it has.
func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		lim  parse.Limits
		why  parse.Reason
	}{
		"locked":     {sample(t, "password_test123.pdf"), parse.Limits{}, parse.Encrypted},
		"nothing":    {[]byte("%PDF-1.7\n\x00"), parse.Limits{}, parse.Damaged},
		"no text":    {pdfgen.Pages("", nil, ""), parse.Limits{}, parse.Empty},
		"pages":      {pdfgen.Report(4), parse.Limits{Pages: 3}, parse.TooManyPages},
		"characters": {pdfgen.Report(4), parse.Limits{Characters: 5000}, parse.TooManyCharacters},
		"torn":       {pdfgen.Report(9)[:5000], parse.Limits{}, parse.Damaged},
		"size":       {pdfgen.Report(1), parse.Limits{Input: 100}, parse.TooBig},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parsed(t, "x.pdf", c.data, c.lim)
			got := parse.Reason(0)
			if refused, ok := errors.AsType[*parse.RefusedError](err); ok {
				got = refused.Why
			} else if len(d.Cuts) == 1 {
				got = d.Cuts[0].Why
			}
			if got != c.why {
				t.Errorf("%v\n%s", err, shown(d))
			}
		})
	}
}

// sample is one of the files that pdfium is tested with.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/klippa-app/go-pdfium").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "shared_tests", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestParts: every library that shows in the module is named among the licences, and
// those that are said not to be in it do not show.
func TestParts(t *testing.T) {
	wasm, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	named, err := os.ReadFile("LICENCES")
	if err != nil {
		t.Fatal(err)
	}
	for mark, part := range map[string]string{
		"abseil-cpp/": "abseil", "FREETYPE_PROPERTIES": "FreeType", "icudt78l": "ICU 78", "libjpeg-turbo version": "libjpeg-turbo", "OpenJpeg only": "OpenJPEG", "-motley": "zlib",
		"emscripten_": "emscripten",
	} {
		if !bytes.Contains(wasm, []byte(mark)) || !bytes.Contains(named, []byte("\n  "+part)) {
			t.Errorf("%s: shows %v, and is named or not", part, bytes.Contains(wasm, []byte(mark)))
		}
	}
	for _, mark := range []string{"libpng warning", "TIFFReadDirectory", "Highway", "simdutf", "v8::"} {
		if bytes.Contains(wasm, []byte(mark)) {
			t.Errorf("%s shows in the module, and is said not to be in it", mark)
		}
	}
}

package reader

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
)

// TestHostile has files read by the real jail that were made to do harm, and ones that
// were damaged by chance. Each must get a verdict in time; no child may try what the
// jail forbids; nothing may be left behind; and what read them must live on.
func TestHostile(t *testing.T) {
	files := bombs(t)
	rest := len(files)
	maps.Copy(files, mutantsOf(t, "pdf", pdfSeeds(t), hostilePDF))
	maps.Copy(files, mutantsOf(t, "other", made(t), hostileOther))
	if len(files) < 400 {
		t.Fatalf("only %d files", len(files))
	}
	whole, cut, refused := 0, 0, 0
	var all []reading
	for name, r := range inJail(t, hostilePatience.String(), files) {
		switch {
		case r.has(parse.Forbidden):
			t.Errorf("%s: its child tried what it may not", name)
		case r.has(parse.TookTooLong):
			t.Errorf("%s: took too long", name)
		case r.Why != 0:
			refused++
		case len(r.Cuts) > 0:
			cut++
		case len(r.Records)+len(r.Children) == 0:
			t.Errorf("%s: nothing was found, and no reason", name)
		default:
			whole++
		}
		if limit := hostileWithin.Seconds(); limit > 0 && r.Seconds > limit {
			t.Errorf("%s: took %.0f s", name, r.Seconds)
		}
		if mustSay(name) && r.Why == 0 && len(r.Cuts) == 0 {
			t.Errorf("%s: it is cut short, and nothing says so", name)
		}
		all = append(all, r)
	}
	t.Logf("%d files, %d of them bombs: %d read, %d in part, %d refused; slowest:", len(files), rest, whole, cut, refused)
	slices.SortFunc(all, func(a, b reading) int { return cmp.Compare(b.Seconds, a.Seconds) })
	for _, r := range all[:10] {
		t.Logf("%6.1f s %s: %v, %d records, cuts %v", r.Seconds, r.Name, r.Why, len(r.Records), r.Cuts)
	}
}

// mustSay tells whether a file is of those that can be seen to be cut short.
func mustSay(name string) bool {
	switch filepath.Ext(name) {
	case ".pdf", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".epub", ".zip", ".tgz", ".gz":
		return strings.Contains(name, "-short-")
	}
	return false
}

// bombs are small files that want much.
func bombs(t *testing.T) map[string][]byte {
	r := strings.Repeat
	files := map[string][]byte{
		"bomb.zip": zipped(t, "a.txt", r("0", 64<<20)), "xml.docx": zipped(t, "[Content_Types].xml", "x", "word/document.xml", r("<w:x>", 3_000_000)),
		"laughs.docx": zipped(t, "[Content_Types].xml", "x", "word/document.xml", `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><w:document>&b;</w:document>`),
		"xxe.odt":     zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>`),
		"cells.ods":   zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", `<office:spreadsheet><table:table><table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>`+r("x", 1000)+`</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>`),
		"deep.html":   []byte(r("<div>", 2_000_000)), "deep.rtf": []byte(`{\rtf1 ` + r("{", 2_000_000)), "stars.md": []byte(r("*a_ ", 500_000)), "commas.csv": []byte(r(",", 8<<20)),
		"parts.eml": []byte("From: x\nSubject: y\nContent-Type: multipart/mixed; boundary=b\n\n" + r("--b\n\nx\n", 100_000)),
		"nested.eml": []byte("From: x\nSubject: y\n" + func() (s string) {
			for i := range 40 {
				s += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
			}
			return s + "\nthe bottom\n"
		}()),
		"marks.txt": []byte("a" + r("\u0301", 2_000_000)), "control.txt": []byte(r("x\u202e\u200b", 500_000)), "maps.txt": []byte(r("e\u0301\n\n", 100_000)),
		"disguised.png": pdfgen.Report(1), "disguised.pdf": zipped(t, "a", "b"),
	}
	maps.Copy(files, pdfgen.Hostile())
	return files
}

// pdfSeeds are our own files, and those that pdfium is tested with.
func pdfSeeds(t *testing.T) map[string][]byte {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/klippa-app/go-pdfium").Output()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "shared_tests", "testdata", "*.pdf"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d samples of pdfium: %v", len(paths), err)
	}
	seeds := map[string][]byte{"report.pdf": pdfgen.Report(3), "hidden.pdf": pdfgen.Hidden(), "recognised.pdf": pdfgen.Scanned(2, "words")}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 200_000 {
			seeds[filepath.Base(p)] = b
		}
	}
	return seeds
}

// mutantsOf damages documents by chance, always by the same one: bytes changed, cut,
// doubled, taken from another. Every fifth is cut short and otherwise whole.
func mutantsOf(t *testing.T, kind string, seeds map[string][]byte, count int) map[string][]byte {
	r := rand.New(rand.NewPCG(8, 2026))
	names := slices.Sorted(maps.Keys(seeds))
	made := map[string][]byte{}
	for i := range count {
		name := names[i%len(names)]
		b, other := seeds[name], seeds[names[r.IntN(len(names))]]
		how := "mutant"
		switch {
		case i%5 == 0 && len(b) > 20:
			how, b = "short", b[:len(b)/4+r.IntN(len(b)/2)]
		default:
			b = mutant(t, r, b, other)
		}
		made[fmt.Sprintf("%s-%s-%04d-%s", kind, how, i, name)] = b
	}
	return made
}

// mutant changes what is packed before it is packed, for else nothing but checksums
// would be tried.
func mutant(t *testing.T, r *rand.Rand, b, other []byte) []byte {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || r.IntN(4) == 0 {
		return changed(r, b, other)
	}
	victim := r.IntN(len(z.File))
	var pairs []string
	for i, f := range z.File {
		rd, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rd)
		if err != nil {
			t.Fatal(err)
		}
		if i == victim {
			content = changed(r, content, other)
		}
		pairs = append(pairs, f.Name, string(content))
	}
	return zipped(t, pairs...)
}

func changed(r *rand.Rand, b, other []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		if len(b) < 2 {
			return b
		}
		at := r.IntN(len(b))
		to := min(len(b), at+1+r.IntN(60))
		switch r.IntN(5) {
		case 0:
			b = append(b[:at:at], b[to:]...)
		case 1:
			b = append(b[:to:to], b[at:]...)
		case 2:
			k := r.IntN(len(other) + 1)
			b = append(append(b[:at:at], other[k:min(len(other), k+60)]...), b[at:]...)
		default:
			for range 1 + r.IntN(30) {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
		}
	}
	return b
}

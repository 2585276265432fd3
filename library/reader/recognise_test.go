package reader

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
	"abaton.local/library/pdf"
)

// drawn is text as a scanner would see it. pdfium draws it, in this process.
func drawn(t *testing.T, lines ...string) pdfgen.Scan {
	t.Helper()
	dir := filepath.Join(home, "drawing")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var got []pdf.Picture
	take := func(p pdf.Picture) error { got = append(got, p); return nil }
	src := parse.Source{Name: "paper.pdf", Data: pdfgen.Paper(lines...)}
	if err := pdf.Pictures(t.Context(), dir, src, parse.Limits{}, take, func() error { return nil }); err != nil || len(got) != 1 {
		t.Fatalf("%d pages were drawn: %v", len(got), err)
	}
	return pdfgen.Scan{Width: got[0].Width, Height: got[0].Height, Gray: got[0].Gray}
}

var english, french = []string{"The notice period", "is three months"}, []string{"Le bail court", "pour trois mois"}

func pictureFiles(t *testing.T) map[string][]byte {
	t.Helper()
	one, two := drawn(t, english...), drawn(t, french...)
	blank := pdfgen.Scan{Width: 600, Height: 800, Gray: bytes.Repeat([]byte{255}, 480_000)}
	gray := &image.Gray{Pix: one.Gray, Stride: one.Width, Rect: image.Rect(0, 0, one.Width, one.Height)}
	var p, j bytes.Buffer
	if err := png.Encode(&p, gray); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, gray, nil); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"scan.pdf": pdfgen.Scans(one, blank, two), "blank.pdf": pdfgen.Scans(blank), "a.png": p.Bytes(), "a.jpg": j.Bytes(), "a.tif": tiff(one), "many.tif": tiff(one, blank, two),
		"torn.png": p.Bytes()[:p.Len()/3], "wrong.png": j.Bytes(), "junk.tif": []byte("II*\x00\xff\xff\xff\xff no picture"), "a.gif": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"),
	}
}

// tiff is pictures as the simplest TIFF has them, each a page.
func tiff(pages ...pdfgen.Scan) []byte {
	b := []byte("II*\x00\x00\x00\x00\x00")
	link := 4 // where it is said where the next page lies
	for _, p := range pages {
		b = append(b, p.Gray...)
		b = append(b, make([]byte, len(b)%2)...)
		binary.LittleEndian.PutUint32(b[link:], uint32(len(b)))
		at := uint32(len(b) - len(p.Gray) - len(p.Gray)%2)
		tags := [][3]uint32{{256, 4, uint32(p.Width)}, {257, 4, uint32(p.Height)}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}, {273, 4, at}, {277, 3, 1}, {278, 4, uint32(p.Height)}, {279, 4, uint32(len(p.Gray))}}
		b = append(b, byte(len(tags)), 0)
		for _, tag := range tags {
			b = binary.LittleEndian.AppendUint16(b, uint16(tag[0]))
			b = binary.LittleEndian.AppendUint16(b, uint16(tag[1]))
			b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, 1), tag[2])
		}
		link = len(b)
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

// TestRecognises: what is written in pictures is read by tesseract in a jail, page by
// page, and what it is unsure of is not passed over.
func TestRecognises(t *testing.T) {
	got := inJail(t, "5m", pictureFiles(t))
	for name, want := range map[string]struct {
		why  parse.Reason
		text []string // with the page before it
		cut  string
	}{
		"scan.pdf":  {0, []string{"1: The notice period", "three months", "3: Le bail court", "trois mois"}, "Recognised 2 NoWords 1"},
		"blank.pdf": {parse.NoWords, nil, ""},
		"a.png":     {0, []string{"0: The notice period", "three months"}, "Recognised 1"},
		"a.jpg":     {0, []string{"0: The notice period", "three months"}, "Recognised 1"},
		"a.tif":     {0, []string{"0: The notice period", "three months"}, "Recognised 1"},
		"many.tif":  {0, []string{"1: The notice period", "three months", "3: Le bail court", "trois mois"}, "Recognised 2 NoWords 1"},
		"wrong.png": {0, []string{"0: The notice period", "three months"}, "Recognised 1"},
		"torn.png":  {parse.NoWords, nil, ""},
		"junk.tif":  {parse.NoWords, nil, ""},
		"a.gif":     {parse.OtherPicture, nil, ""},
	} {
		r := got[name]
		var text strings.Builder
		for _, x := range r.Records {
			fmt.Fprintf(&text, "%d: %s\n", x.Page, x.Text)
		}
		var cuts []string
		for _, c := range r.Cuts {
			cuts = append(cuts, fmt.Sprint(map[parse.Reason]string{parse.Recognised: "Recognised", parse.NoWords: "NoWords"}[c.Why], " ", c.Count))
		}
		if r.Why != want.why || strings.Join(cuts, " ") != want.cut || (want.text == nil) != (text.Len() == 0) {
			t.Errorf("%s: %v, cuts %v: %q", name, r.Why, r.Cuts, text.String())
		}
		for _, piece := range want.text {
			if !strings.Contains(text.String(), piece) {
				t.Errorf("%s: no %q in %q", name, piece, text.String())
			}
		}
	}
}

// TestScansStandApart: whoever asks for what is quick is told at once that a scan is
// not, and a text file that comes after scans does not wait for them.
func TestScansStandApart(t *testing.T) {
	one := drawn(t, english...)
	scan := pdfgen.Scans(one, one, one, one)
	files := map[string][]byte{"a.pdf": scan, "b.pdf": scan, "c.tif": tiff(one, one, one, one), "text.txt": []byte("The notice period is one month.")}
	for name, r := range inJail(t, "5m", files, "quick") {
		if r.Later == (name == "text.txt") || len(r.Records) > 0 != (name == "text.txt") {
			t.Errorf("%s quickly: later %v, %d records", name, r.Later, len(r.Records))
		}
	}
	for name, r := range inJail(t, "5m", files, "all") {
		if (r.Place == 0) != (name == "text.txt") || len(r.Records) == 0 || r.Later {
			t.Errorf("%s came at place %d, with %d records", name, r.Place, len(r.Records))
		}
	}
}

// TestWithoutTesseract: the verdict says what to install, and what could be read stays.
func TestWithoutTesseract(t *testing.T) {
	got := inJail(t, "5m", map[string][]byte{"scan.pdf": pdfgen.Scanned(1, ""), "a.png": []byte("\x89PNG\r\n\x1a\nx")}, "without")
	for name, r := range got {
		if r.Why != parse.NoTesseract || !strings.Contains(r.Why.String(), "tesseract-ocr") {
			t.Errorf("%s: %v", name, r.Why)
		}
	}
}

// TestPicturesOfAChild: what a child that draws says is held against what it may say.
func TestPicturesOfAChild(t *testing.T) {
	n := func(all ...uint64) (s string) {
		s = "p"
		for _, x := range all {
			s += string(binary.AppendUvarint(nil, x))
		}
		return s
	}
	good := n(3, 2, 2) + "abcd"
	for said, ok := range map[string]bool{
		"." + good: true, "": false, "x": false, n(2, 2, 2) + "abcd": false, n(3, 0, 2): false, n(3, 1<<40, 1): false, n(3, 1<<13, 1<<13): false, n(20_001, 1, 1) + "a": false, good[:len(good)-1]: false,
	} {
		p, err := pictureAfter(2, bufio.NewReader(strings.NewReader(said)), func() {})
		if (err == nil) != ok || ok && string(picture(p)) != "P5\n2 2\n255\nabcd" {
			t.Errorf("%q: %v, %v", said, p, err)
		}
	}
}

// TestLanguages: those that are installed, the usual ones first.
func TestLanguages(t *testing.T) {
	dir := t.TempDir()
	if got := languagesIn(dir); got != "" {
		t.Errorf("of none: %s", got)
	}
	for _, name := range []string{"osd", "deu", "fra", "eng", "ita", "spa"} {
		if err := os.WriteFile(filepath.Join(dir, name+languageSuffix), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := languagesIn(dir); got != "eng+fra+deu+ita" {
		t.Error(got)
	}
}

// TestRecognisedEnds: every way in which tesseract may end.
func TestRecognisedEnds(t *testing.T) {
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errSlow)
	hit := exitOf(0)
	hit.PolicyHit = true
	for name, c := range map[string]struct {
		why  parse.Reason
		err  bool
		call func() (string, parse.Reason, error)
	}{
		"forbidden": {parse.Forbidden, false, func() (string, parse.Reason, error) { return recognised(t.Context(), hit, []byte("x"), nil) }},
		"slow":      {parse.TookTooLong, false, func() (string, parse.Reason, error) { return recognised(over, exitOf(0), nil, nil) }},
		"much": {parse.TooMuchFound, false, func() (string, parse.Reason, error) {
			return recognised(t.Context(), exitOf(0), make([]byte, mostWords+1), nil)
		}},
		"failed": {parse.NoWords, false, func() (string, parse.Reason, error) { return recognised(t.Context(), exitOf(1), nil, nil) }},
		"pipe":   {0, true, func() (string, parse.Reason, error) { return recognised(t.Context(), exitOf(0), nil, os.ErrClosed) }},
	} {
		if text, why, err := c.call(); text != "" || why != c.why || (err != nil) != c.err {
			t.Errorf("%s: %q, %v, %v", name, text, why, err)
		}
	}
}

// TestDrawingEnds: a child that gives signs of life and no picture is given no more
// than what is left for all of them.
func TestDrawingEnds(t *testing.T) {
	for silent, want := range map[time.Duration]time.Duration{29 * time.Second: 10 * time.Minute, time.Hour: 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			in, out := io.Pipe()
			alive := time.NewTicker(silent)
			over := make(chan struct{})
			go func() {
				for {
					select {
					case <-alive.C:
						_, _ = out.Write([]byte{'.'})
					case <-over:
						return
					}
				}
			}()
			defer close(over)
			patience := time.AfterFunc(30*time.Second, func() { _ = in.CloseWithError(errSlow) })
			begun, left := time.Now(), 10*time.Minute
			err := eachPicture(in, 30*time.Second, func(pdf.Picture) (bool, error) { return true, nil }, patience, &left)
			if took := time.Since(begun); !errors.Is(err, errPicture) || took != want || left != 10*time.Minute-want {
				t.Errorf("silent for %v: ended after %v with %v left: %v", silent, took, left, err)
			}
		})
	}
}

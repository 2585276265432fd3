package parse

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

// reading is what came out of one document.
type reading struct {
	Result
	records  []Record
	children []Child
	err      error
}

func parsed(name string, data []byte, lim Limits) *reading {
	r := new(reading)
	r.Result, r.err = Parse(Source{Name: name, Data: data}, lim, Sink{
		Record: func(rec Record) error { r.records = append(r.records, rec); return nil },
		Child:  func(c Child) error { r.children = append(r.children, c); return nil },
	})
	return r
}

// shown is a reading as it lies in testdata.
func (r *reading) shown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s err=%v\n", r.Format, r.err)
	for _, x := range r.records {
		fmt.Fprintf(&b, "%v", x.Kind)
		for _, n := range []struct {
			name string
			n    int
		}{{"level", x.Level}, {"page", x.Page}, {"line", x.Line}} {
			if n.n != 0 {
				fmt.Fprintf(&b, " %s=%d", n.name, n.n)
			}
		}
		for i, name := range []string{"hidden", "list", "note", "margin", "part"} {
			if x.Flags&(1<<i) != 0 {
				b.WriteString(" " + name)
			}
		}
		fmt.Fprintf(&b, ": %q\n", x.Text)
	}
	for _, c := range r.children {
		fmt.Fprintf(&b, "child %q: %q\n", c.Name, c.Data[:min(len(c.Data), 60)])
	}
	for _, c := range r.Cuts {
		fmt.Fprintf(&b, "cut: %v\n", c)
	}
	return b.String()
}

// TestGolden reads one document of every format.
func TestGolden(t *testing.T) {
	for _, m := range madeAll(t) {
		t.Run(m.name, func(t *testing.T) {
			got := parsed(m.name, m.data, Limits{}).shown()
			file := filepath.Join("testdata", m.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestMapsHold: every record leads back to its raw text.
func TestMapsHold(t *testing.T) {
	for _, m := range madeAll(t) {
		for _, r := range parsed(m.name, m.data, Limits{}).records {
			checkMap(t, r.Text, r.Raw, r.Map)
		}
	}
}

// TestSniff: bytes and name must agree.
func TestSniff(t *testing.T) {
	docx := madeDOCX(t)
	for _, c := range []struct {
		name string
		data []byte
		is   Format
		why  Reason
	}{
		{"a.docx", docx, DOCX, 0},
		{"a", docx, DOCX, 0},
		{"a.xlsx", docx, DOCX, Mismatch},
		{"a.txt", docx, DOCX, Mismatch},
		{"a.docx", []byte("plain text"), "", Mismatch},
		{"a.txt", []byte("%PDF-1.7 \x00\x01"), PDF, Mismatch},
		{"a.pdf", []byte("%PDF-1.7 \x00\x01"), PDF, Unsupported},
		{"a.pdf", []byte("junk before it %PDF-1.7 \x00\x01"), PDF, Unsupported},
		{"a.txt", []byte("a text about %PDF-1.7"), Plain, 0},
		{"a.txt", []byte("a\x00b"), "", Mismatch},
		{"a.unheard", []byte("some text"), Plain, 0},
		{"a.unheard", []byte("a\x00\x01\x02"), "", Unknown},
		{"a", []byte("<!DOCTYPE html><p>x"), HTML, 0},
		{"a", []byte("From: x\nSubject: y\n\nz"), EML, 0},
		{"a", []byte("From x Mon\nFrom: x\nSubject: y\n\nz"), MBOX, 0},
		{"a.eml", []byte("no mail at all"), EML, Mismatch},
		{"a.doc", []byte(`{\rtf1 x}`), RTF, 0},
		{"a.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 x"), OldOffice, OldText},
		{"a.docx", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"), DOCX, Encrypted},
		{"a.png", []byte("\x89PNG\r\n\x1a\nx"), Image, Unsupported},
		{"a.txt", []byte("MZ is how this text begins"), Plain, 0},
		{"A.GO", []byte("package a"), SourceCode, 0},
		{"a.eml", []byte("From x Mon\nX-Own: y\n\nz"), EML, 0},
		{"a.tar", oldTarOf(t), Tar, 0},
		{"a.txt", nil, "", Empty},
		{"a.txt", []byte(" \n\t"), Plain, Empty},
	} {
		r := parsed(c.name, c.data, Limits{})
		refused, _ := errors.AsType[*RefusedError](r.err)
		if IsPDF(c.data) != (byBytes(c.data) == PDF) {
			t.Errorf("%s %.20q: whether it is a PDF is told in two ways", c.name, c.data)
		}
		if r.Format != c.is && c.is != "" || (refused == nil) != (c.why == 0) || refused != nil && refused.Why != c.why {
			t.Errorf("%s %.20q: %q, %v; want %q, %v", c.name, c.data, r.Format, r.err, c.is, c.why)
		}
	}
}

// oldTarOf is a tar as it was before the format had a name.
func oldTarOf(t *testing.T) []byte {
	b := tarred(t, "x.txt", "hello")
	copy(b[257:], make([]byte, 8))
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// TestSinkEnds: an error of the sink ends the reading and comes back.
func TestSinkEnds(t *testing.T) {
	full := errors.New("full")
	for _, m := range madeAll(t) {
		n := 0
		_, err := Parse(Source{Name: m.name, Data: m.data}, Limits{}, Sink{
			Record: func(Record) error { n++; return full },
			Child:  func(Child) error { n++; return full },
		})
		if !errors.Is(err, full) || n != 1 {
			t.Errorf("%s: %v after %d", m.name, err, n)
		}
	}
}

package library

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"abaton.local/library/bm25"
	"abaton.local/vault"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the fixtures anew: only for records that were never released")

// fixtures are records of version 1, which must be read for ever.
func fixtures() (l Library, d Document, f leaf, in vault.ID, seg *bm25.Segment) {
	in = vault.ID{0xaa, 1}
	at := time.UnixMilli(1_764_000_000_123).UTC()
	l = Library{Name: "House & home", Created: at}
	d = Document{Library: in, Within: vault.ID{0xbb, 2}, Name: `Bail\u{202e} été.docx`, Path: "a/Bail\u202e été.docx\nx", Format: "docx", Sum: [32]byte{1, 2, 3}, Size: 12345,
		Modified: at.Add(-time.Hour), Added: at, Pages: 3, Passages: 2, Characters: 40, Hidden: 1, Unseen: 2, Missing: []string{"it is cut"}}
	f = leaf{First: 32, Base: 700, Text: "Préavis\n\nLe préavis est de trois mois.",
		Passages: []passage{{Start: 10, End: 40, Page: 2, LastPage: 3, Kind: 0, Heading: "Bail › Préavis", Lead: "Bail.docx › Bail › Préavis"}}}
	seg = bm25.Build(bm25.Document{ID: passageID(vault.ID{9}, 1), Text: "trois mois"})
	return l, d, f, in, seg
}

func TestRecordsAreReadForEver(t *testing.T) {
	l, d, f, in, seg := fixtures()
	for name, b := range map[string][]byte{"library1": l.payload(), "document1": d.payload(), "passages1": f.payload(), "words1": segmentPayload(in, seg)} {
		path := "testdata/" + name + ".hex"
		if *update {
			if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.Dump(b); got != string(want) {
			t.Errorf("%s is written otherwise:\n%s", name, got)
		}
	}
	if got, err := parseLibrary(l.payload()); err != nil || cmp.Diff(l, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(l, got))
	}
	if got, err := parseDocument(d.payload()); err != nil || cmp.Diff(d, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(d, got))
	}
	if got, err := parseLeaf(f.payload()); err != nil || cmp.Diff(f, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(f, got))
	}
	if of, got, err := parseSegment(segmentPayload(in, seg)); err != nil || of != in || !bytes.Equal(got.Encoded(), seg.Encoded()) {
		t.Errorf("%v %v", of, err)
	}
}

func TestStrangeRecordsAreRefused(t *testing.T) {
	l, d, f, in, seg := fixtures()
	parsers := map[string]func([]byte) error{
		"library":  func(b []byte) error { _, err := parseLibrary(b); return err },
		"document": func(b []byte) error { _, err := parseDocument(b); return err },
		"passages": func(b []byte) error { _, err := parseLeaf(b); return err },
	}
	for name, b := range map[string][]byte{"library": l.payload(), "document": d.payload(), "passages": f.payload()} {
		parse := parsers[name]
		if err := parse(bytes.Replace(b, []byte(`"schema":1`), []byte(`"schema":2`), 1)); !newer(err) {
			t.Errorf("%s of a later version: %v", name, err)
		}
		for what, bad := range map[string][]byte{
			"nothing": nil, "no line end": []byte(`{"schema":1}`), "no UTF-8": append(bytes.Clone(b), 0xff),
			"another field": bytes.Replace(b, []byte(`"schema":1`), []byte(`"schema":1,"more":1`), 1), "no version": bytes.Replace(b, []byte(`"schema":1,`), nil, 1),
		} {
			if err := parse(bad); !errors.Is(err, errPayload) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	for _, change := range [][2]string{{`"end":40`, `"end":4100`}, {`"start":10`, `"start":50`}, {`"start":10`, `"start":-1`}, {`"start":10`, `"start":3`}, {`"first":32`, `"first":-1`}} {
		if err := parsers["passages"]([]byte(strings.Replace(string(f.payload()), change[0], change[1], 1))); !errors.Is(err, errPayload) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
	b := segmentPayload(in, seg)
	for _, bad := range [][]byte{nil, b[:10], append([]byte{2}, b[1:]...)} {
		if _, _, err := parseSegment(bad); err == nil {
			t.Error("a strange segment is read")
		}
	}
}

func newer(err error) bool {
	_, is := errors.AsType[*NewerError](err)
	return is
}

// What is shown of a name is shown of that again: a record is held against it.
func TestShownNames(t *testing.T) {
	for _, name := range []string{"", " a ", strings.Repeat("x", 500), strings.Repeat("\u202e", 100), strings.Repeat("a\xff", 120), strings.Repeat("é ", 100) + "\x1b", "\x00\n", strings.Repeat("x", 199) + "\u202e"} {
		got := shown(name)
		if again := shown(got); again != got {
			t.Errorf("%q is shown as %q, and that as %q", name, got, again)
		}
		if len([]rune(got)) > maxShown+1 {
			t.Errorf("%q has %d characters", got, len([]rune(got)))
		}
	}
}

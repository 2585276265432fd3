package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// recognises is a parser to which files called .scan are pictures. Each of these is
// announced, and done when it is said.
type recognises struct {
	begun chan string
	done  chan struct{}
}

func (r recognises) parse(ctx context.Context, src parse.Source) (d parse.Document, err error) {
	if strings.HasSuffix(src.Name, ".scan") {
		if src.Quick {
			return d, parse.ErrLater
		}
		select {
		case r.begun <- src.Name:
		case <-ctx.Done(): // its turn came with the lock
			return d, ctx.Err()
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return d, ctx.Err()
		}
		src.Name = "recognised.txt"
	}
	d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
	return d, err
}

// withScans is a desk of Ada's whose documents such a parser reads, and a way to add.
func withScans(t *testing.T) (d *desk, r recognises, add func(path, name, text string, quick bool) (addOut, error)) {
	t.Helper()
	d = deskOfAda(t)
	d.home.shelves = map[vault.PersonID]*shelved{}
	t.Cleanup(func() { clear(d.home.shelves) })
	r = recognises{make(chan string), make(chan struct{})}
	d.home.parse = r.parse
	return d, r, func(path, name, text string, quick bool) (addOut, error) {
		in := addIn{Library: "house", Path: path, Name: name, Size: int64(len(text)), Data: []byte(text), Quick: quick}
		return addDocument().do(t.Context(), d.home, d.session, in, nil)
	}
}

type added struct {
	addOut
	err error
}

// TestBehindAScan: while pages are recognised, other files are read and found, and what
// is to be quick is told to come again.
func TestBehindAScan(t *testing.T) {
	d, r, add := withScans(t)
	scans := make(chan added, 2)
	for _, path := range []string{"/a.scan", "/b.scan"} {
		go func() {
			out, err := add(path, path, "The words of "+path, false)
			scans <- added{out, err}
		}()
	}
	<-r.begun
	if out, err := add("/c.txt", "c.txt", "The notice period", false); err != nil || out.Outcome == nil || out.Outcome.Verdict != library.Added {
		t.Fatalf("a text file behind two scans: %+v, %v", out, err)
	}
	found, err := searchDocuments().at(t.Context(), d, docsSearchIn{"notice", "house", 5})
	if err != nil || len(found.Passages) != 1 {
		t.Errorf("it is not found: %v, %v", found.Passages, err)
	}
	if out, err := add("/d.scan", "d.scan", "another", true); err != nil || !out.Later || out.Outcome != nil {
		t.Errorf("a scan that was to be quick: %+v, %v", out, err)
	}
	select {
	case name := <-r.begun:
		t.Errorf("%s is recognised beside the first one", name)
	default:
	}
	r.done <- struct{}{}
	<-r.begun
	r.done <- struct{}{}
	for range 2 {
		if got := <-scans; got.err != nil || got.Outcome == nil || got.Outcome.Verdict != library.Added {
			t.Errorf("a scan: %+v", got)
		}
	}
}

// TestNewerThanAScan: what was added from the same path while pages were recognised is
// the newer one, and stays.
func TestNewerThanAScan(t *testing.T) {
	_, r, add := withScans(t)
	for i, want := range []library.Verdict{library.Changed, library.Refused} {
		if _, err := add("/a", "a.txt", "The first", false); err != nil {
			t.Fatal(err)
		}
		scan := make(chan added, 1)
		go func() {
			out, err := add("/a", "a.scan", "The second", false)
			scan <- added{out, err}
		}()
		<-r.begun
		if i == 1 {
			if _, err := add("/a", "a.txt", "The third", false); err != nil {
				t.Fatal(err)
			}
		}
		r.done <- struct{}{}
		if got := <-scan; got.err != nil || got.Outcome.Verdict != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

// TestLockedNothingIsRecognised: a lock gives up what is being recognised, and what
// waits for it.
func TestLockedNothingIsRecognised(t *testing.T) {
	d, r, add := withScans(t)
	scans := make(chan error, 2)
	for _, path := range []string{"/a.scan", "/b.scan"} {
		go func() {
			_, err := add(path, path, "The words of "+path, false)
			scans <- err
		}()
	}
	<-r.begun
	d.session.Lock()
	for range 2 {
		if err := <-scans; !errors.Is(err, vault.ErrLocked) {
			t.Errorf("%v", err)
		}
	}
}

// TestScansComeLast: the verb adds what is quick first, then what takes long.
func TestScansComeLast(t *testing.T) {
	d, p, said := inHere(t)
	r := recognises{make(chan string, 9), make(chan struct{})}
	close(r.done)
	d.home.parse = r.parse
	dir := t.TempDir()
	for _, name := range []string{"a.scan", "b.txt", "c.scan", "d.txt"} {
		put(t, dir+"/"+name, "The words of "+name)
	}
	if got := addAll(t, p, d, dir); got[library.Added] != 4 || len(got) != 1 {
		t.Fatalf("%v: %s", got, said())
	}
	var order []string
	for line := range strings.Lines(said()) {
		order = append(order, line[strings.LastIndexByte(line, '/')+1:len(line)-1])
	}
	if want := []string{"b.txt", "d.txt", "a.scan", "c.scan"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/vault"
)

func TestPiecesOfAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(folders{})
		k, other := newShelved(nil), newShelved(nil)
		h.shelves = map[vault.PersonID]*shelved{"a": k, "b": other}
		piece := func(k *shelved, upload string, at, size int64, data string) (string, error) {
			whole, err := h.arrive(k, addIn{Upload: upload, At: at, Size: size, Data: []byte(data)})
			return string(whole), err
		}
		want := func(what, got string, err error, whole string, no error) {
			t.Helper()
			if got != whole || !errors.Is(err, no) {
				t.Errorf("%s: %q, %v; want %q, %v", what, got, err, whole, no)
			}
		}
		got, err := piece(k, "", 0, 3, "abc")
		want("all at once", got, err, "abc", nil)
		lone, rest := newShelved(nil), newShelved(nil)
		h.shelves["c"], h.shelves["d"] = lone, rest
		got, err = piece(lone, "x", 0, largestDocument, "a")
		want("one that is large", got, err, "", nil)
		got, err = piece(lone, "y", 0, largestDocument, "a")
		want("another that is large, of one person", got, err, "", errBusy)
		got, err = piece(rest, "x", 0, largestDocument, "a")
		want("one that is large, of somebody else", got, err, "", nil)
		delete(h.shelves, "c")
		delete(h.shelves, "d")
		lone.uploads["x"].last.Stop()
		rest.uploads["x"].last.Stop()
		if n := h.arrivingNow(); n != 3 {
			t.Errorf("%d bytes are counted while one in a piece waits", n)
		}
		k.finished(addIn{Size: 3})
		got, err = piece(k, "x", 0, 6, "abc")
		want("the first of two", got, err, "", nil)
		got, err = piece(k, "y", 0, 9, "abc")
		want("another meanwhile", got, err, "", nil)
		got, err = piece(k, "z", 0, 6, "abc")
		want("a third", got, err, "", errBusy)
		got, err = piece(k, "x", 4, 6, "d")
		want("with a gap", got, err, "", errPiece)
		got, err = piece(k, "x", 3, 7, "d")
		want("of another size", got, err, "", errPiece)
		got, err = piece(k, "x", 3, 6, "def")
		want("the second", got, err, "abcdef", nil)
		got, err = piece(k, "x", 3, 6, "def")
		want("the second again", got, err, "", errPiece)
		got, err = piece(k, "z", 0, 6, "abc")
		want("a third while it is read", got, err, "", errBusy)
		got, err = piece(k, "x", 0, 6, "abc")
		want("the same while it is read", got, err, "", errBusy)
		if n := h.arrivingNow(); n != 6+9 {
			t.Errorf("%d bytes are counted while it is read", n)
		}
		time.Sleep(2 * patience)
		if n := h.arrivingNow(); n != 6 {
			t.Errorf("%d bytes are counted while it is read for long", n)
		}
		k.finished(addIn{Upload: "x", At: 3})
		got, err = piece(k, "x", 0, 6, "")
		want("nothing", got, err, "", errPiece)
		got, err = piece(k, "x", 0, largestDocument+1, "abc")
		want("too large", got, err, "", errPiece)
		got, err = piece(k, "x", 2, 3, "abc")
		want("beyond its end", got, err, "", errPiece)
		got, err = piece(k, "x", -1, 3, "abc")
		want("before its beginning", got, err, "", errPiece)
		got, err = piece(k, "x", 0, 6, "abc")
		want("begun", got, err, "", nil)
		got, err = piece(k, "x", 0, 6, "ABC")
		want("begun anew", got, err, "", nil)
		got, err = piece(k, "x", 3, 6, "DEF")
		want("then its end", got, err, "ABCDEF", nil)
		k.finished(addIn{Upload: "x", At: 3})
		for at := range int64(2 * mostPatience / patience) {
			if got, err = piece(k, "slow", at, 100, "a"); err != nil {
				break
			}
			time.Sleep(patience - time.Second)
		}
		want("a byte a minute", got, err, "", errPiece)
		if _, err = piece(k, "x", 0, 6, "abc"); err != nil {
			t.Error(err)
		}
		time.Sleep(patience + time.Second) // of the bubble
		got, err = piece(k, "y", 0, 6, "abc")
		want("after one was given up", got, err, "", nil)
		clear(k.uploads)
		for range mostWaiting / largestPiece {
			if _, err := h.arrive(k, addIn{Size: largestPiece, Data: make([]byte, largestPiece)}); err != nil {
				t.Error(err)
			}
		}
		got, err = piece(k, "", 0, 3, "abc")
		want("more in one piece than may wait", got, err, "", errBusy)
		other.uploads["x"] = &upload{size: allUploads - mostWaiting}
		got, err = piece(other, "", 0, 3, "abc")
		want("another's, and no room", got, err, "", errRoom)
		k.waiting = 0
		other.uploads["x"] = &upload{size: allUploads}
		got, err = piece(k, "z", 0, 6, "abc")
		want("no room", got, err, "", errRoom)
	})
}

func TestFilesThatAreNotRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("well"), []byte("words"), 0o600))
	must(os.WriteFile(at("large"), nil, 0o600))
	must(os.Truncate(at("large"), largestDocument+1))
	must(syscall.Mkfifo(at("pipe"), 0o600))
	must(os.Symlink("a", at("b")))
	must(os.Symlink("b", at("a")))
	for name, why := range map[string]string{
		"well": "", "large": "it is larger than 200 MB: split it", "pipe": notOrdinary, "gone": "it is not there, or not any more",
		"a": "it is a link that leads in a circle", ".": notOrdinary, strings.Repeat("x", 300): "its path is too long",
	} {
		data, _, got := readStill(at(name))
		if got != why || (name == "well") != bytes.Equal(data, []byte("words")) {
			t.Errorf("%s: %q, %q", name, data, got)
		}
	}
	// One that grows between two looks at it.
	f, err := os.OpenFile(at("well"), os.O_RDWR, 0)
	must(err)
	defer f.Close()
	_, err = f.Seek(2, 0) // so less is read than there is
	must(err)
	if _, _, why := readOpen(f); why != changing {
		t.Errorf("a file that changes: %q", why)
	}
}

// TestWithoutAJailNothingIsRead: a home that has no jail refuses, and says with
// the right code that a protection is missing.
func TestWithoutAJailNothingIsRead(t *testing.T) {
	h := newHome(folders{})
	h.parse = documentParser(nil)
	_, code := words(tell(h.readsDocuments()), slog.New(slog.DiscardHandler))
	if h.parse != nil || code != unprotected {
		t.Errorf("exit code %d, want %d", code, unprotected)
	}
}

func TestPathsAsText(t *testing.T) {
	seen := map[string]string{}
	for _, path := range []string{"/a", "/a\xff", `/a\xff`, "/a\xfe", `/a\\xff`, "/a\\\xff", "/é"} {
		text := pathText(path)
		if before, is := seen[text]; is && before != path {
			t.Errorf("%q and %q are both %q", before, path, text)
		}
		seen[text] = path
	}
	if got := spelled("in\u202evoice\x1b[2J\n.txt"); got != `in\u{202e}voice\x1b[2J\x0a.txt` {
		t.Errorf("%q", got)
	}
}

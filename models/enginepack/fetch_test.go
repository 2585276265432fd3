package enginepack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/egress"
)

func quickDoor() *egress.Door {
	return egress.NewDoor(egress.DoorConfig{Backoff: time.Millisecond, Stall: 5 * time.Second})
}

func TestWrongDigest(t *testing.T) {
	right := tinyReady(t)
	wrong := bytes.Clone(right)
	wrong[len(wrong)/2] ^= 1
	address, _ := served(t, wrong)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
	withReady(s, right, address)
	_, err := s.Install(t.Context(), Options{Prebuilt: true, Door: quickDoor()})
	if _, ok := errors.AsType[*egress.DigestError](err); !ok {
		t.Errorf("fetched: %v", err)
	}
	_, err = s.Install(t.Context(), Options{Prebuilt: true, Archive: onDisk(t, wrong)})
	if _, ok := errors.AsType[*ArchiveError](err); !ok || !strings.Contains(err.Error(), "not the pinned one") {
		t.Errorf("brought: %v", err)
	}
	if _, err := s.Install(t.Context(), Options{Prebuilt: true}); err == nil || !strings.Contains(err.Error(), "no way out") {
		t.Errorf("neither: %v", err)
	}
	if rest := left(t, s); len(rest) != 0 {
		t.Errorf("left: %v", rest)
	}
}

// TestTruncated has a server that always ends early, then one that is whole:
// what came before is not fetched again.
func TestTruncated(t *testing.T) {
	b := tinyReady(t)
	half := len(b) / 2
	var whole atomic.Bool
	var mu sync.Mutex
	var ranges []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ranges = append(ranges, r.Header.Get("Range"))
		mu.Unlock()
		if whole.Load() {
			http.ServeContent(w, r, "", time.Unix(1, 0), bytes.NewReader(b))
			return
		}
		var from int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		w.Header().Set("Content-Length", fmt.Sprint(len(b)-from))
		w.Header().Set("Last-Modified", time.Unix(1, 0).UTC().Format(http.TimeFormat))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(b[from:max(from, half)])
	}))
	t.Cleanup(srv.Close)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
	withReady(s, b, srv.URL)
	if _, err := s.Install(t.Context(), Options{Prebuilt: true, Door: quickDoor()}); err == nil {
		t.Fatal("half an archive was installed")
	}
	part, err := os.Stat(s.part(s.pins.readyMade[platform()]))
	if err != nil || part.Size() != int64(half) {
		t.Fatalf("part: %v, %v; want %d bytes", part, err, half)
	}
	whole.Store(true)
	mu.Lock()
	ranges = nil
	mu.Unlock()
	if _, err := s.Install(t.Context(), Options{Prebuilt: true, Door: quickDoor()}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ranges) != 1 || ranges[0] != fmt.Sprintf("bytes=%d-", half) {
		t.Errorf("asked for %q", ranges)
	}
}

// TestPartIsChecked leaves files where downloads go: whole and right, whole and
// wrong, too long, a link.
func TestPartIsChecked(t *testing.T) {
	b := tinyReady(t)
	address, requests := served(t, b)
	wrong := bytes.Clone(b)
	wrong[9] ^= 1
	for _, c := range []struct {
		name    string
		part    []byte
		fetches int
	}{{"right", b, 0}, {"wrong", wrong, 1}, {"too long", append(bytes.Clone(b), 0), 1}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
			withReady(s, b, address)
			part := s.part(s.pins.readyMade[platform()])
			if err := os.MkdirAll(filepath.Dir(part), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(part, c.part, 0o600); err != nil {
				t.Fatal(err)
			}
			before := len(requests())
			if _, err := s.Install(t.Context(), Options{Prebuilt: true, Door: quickDoor()}); err != nil {
				t.Fatal(err)
			}
			if n := len(requests()) - before; n != c.fetches {
				t.Errorf("%d requests, want %d", n, c.fetches)
			}
			if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the part stays: %v", err)
			}
		})
	}
	t.Run("link", func(t *testing.T) {
		s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
		withReady(s, b, address)
		part := s.part(s.pins.readyMade[platform()])
		if err := os.MkdirAll(filepath.Dir(part), 0o700); err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(t.TempDir(), "target")
		if err := os.Symlink(target, part); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Install(t.Context(), Options{Prebuilt: true, Door: quickDoor()}); err == nil {
			t.Error("fetched through a link")
		}
		if _, err := os.Stat(target); err == nil {
			t.Error("wrote through a link")
		}
	})
}

func TestIndexOffersAnotherFile(t *testing.T) {
	source := tinySource(t, "")
	address, requests := served(t, source)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
	for _, i := range []index{
		{address, [32]byte{1}, -1},
		{address, s.pins.source.Digest, 5},
	} {
		_, err := s.Install(t.Context(), Options{Door: quickDoor(), Pip: i})
		if err == nil || !strings.Contains(err.Error(), "another file") {
			t.Errorf("%+v: %v", i, err)
		}
	}
	if n := requests(); len(n) != 0 {
		t.Errorf("it was fetched all the same: %v", n)
	}
	if _, err := s.Install(t.Context(), Options{Door: quickDoor()}); err == nil || !strings.Contains(err.Error(), "no package index") {
		t.Errorf("without an index: %v", err)
	}
	// An index that tells neither is believed for the address only.
	f, err := s.fetched(t.Context(), s.pins.source, Options{Door: quickDoor(), Pip: index{address: address, size: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, source) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

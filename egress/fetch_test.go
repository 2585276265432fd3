package egress_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"abaton.local/egress"
)

func TestFetch(t *testing.T) {
	want := data(1, 3<<20)
	f := &files{content: want}
	s := serve(t, f.ServeHTTP)
	part := newPart(t, nil)
	last := int64(0)
	err := s.door.Fetch(t.Context(), s.URL+"/model.gguf?token=secret", part, sha256.Sum256(want), -1, func(done, total int64) {
		if done < last || total != int64(len(want)) {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, part, want)
	if last != int64(len(want)) {
		t.Errorf("the last progress is %d", last)
	}
	for header, want := range map[string]string{"User-Agent": "abaton/test", "Accept-Encoding": "identity", "Cookie": "", "Referer": "", "Range": ""} {
		if got := f.header(0, header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if got := s.door.Hosts(); len(got) != 1 || got[0] != "127.0.0.1" {
		t.Errorf("hosts: %q", got)
	}
	if l := s.log.String(); strings.Contains(l, "secret") || strings.Contains(l, "token") || !strings.Contains(l, "outcome=done") || !strings.Contains(l, "bytes_in=3") {
		t.Errorf("log: %s", l)
	}
}

// Whatever a server breaks, a fetch ends with the right bytes or an error of
// which the part knows; never with wrong bytes.
func TestFaults(t *testing.T) {
	want, other := data(1, 100_000), data(2, 100_000)
	half := func(request, from int) int {
		if request == 0 {
			return 50_000
		}
		return -1
	}
	for name, c := range map[string]struct {
		have     []byte
		files    *files
		size     int64
		requests int
		check    func(*testing.T, *files)
	}{
		"cut, then resumed": {files: &files{cut: half, etag: `"a"`}, requests: 2, check: func(t *testing.T, f *files) {
			if f.header(1, "Range") == "" || f.header(1, "If-Range") != `"a"` {
				t.Errorf("no range was asked for: %q, %q", f.header(1, "Range"), f.header(1, "If-Range"))
			}
		}},
		"a weak validator is not used": {files: &files{cut: half, etag: `W/"a"`}, requests: 2, check: func(t *testing.T, f *files) {
			if f.header(1, "If-Range") != "" {
				t.Error("If-Range with a weak validator")
			}
		}},
		"left by an earlier try":  {have: want[:70_000], requests: 1},
		"whole already":           {have: want, size: 100_000, requests: 0},
		"whole, size not known":   {have: want, size: -1, requests: 0},
		"longer than the file":    {have: append(append([]byte{}, want...), 1, 2, 3), size: -1, requests: 2},
		"another file's start":    {have: other[:70_000], requests: 2},
		"another file, same size": {have: other, size: 100_000, requests: 1},
		"cut fifty times": {files: &files{cut: func(request, from int) int {
			if request < 50 {
				return 1_999
			}
			return -1
		}}, requests: 51},
		"ranges are ignored": {have: want[:10], files: &files{before: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("Range")
			return false
		}}, requests: 1},
		"another range than asked": {have: want[:10], files: &files{before: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				w.Header().Set("Content-Range", "bytes 5-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
				w.Write(want[5:])
			}
			return n == 0
		}}, requests: 2},
		"a range of another file": {files: &files{cut: half, etag: `"a"`, before: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 1 {
				w.Header().Set("ETag", `"b"`)
				w.Header().Set("Content-Range", "bytes 50000-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
				w.Write(other[50_000:])
			}
			return n == 1
		}}, requests: 3},
		"a range without a say where": {have: want[:10], files: &files{before: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				w.WriteHeader(http.StatusPartialContent)
				w.Write(want)
			}
			return n == 0
		}}, requests: 2},
		"busy twice": {files: &files{before: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n < 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n < 2
		}}, requests: 3},
		"still for a while": {files: &files{before: func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 0 {
				w.Header().Set("Content-Length", "100000")
				w.Write(want[:30_000])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			return n == 0
		}}, requests: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.files
			if f == nil {
				f = new(files)
			}
			f.content = want
			s := serve(t, f.ServeHTTP)
			part := newPart(t, c.have)
			size := c.size
			if size == 0 {
				size = 100_000
			}
			if err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), size, nil); err != nil {
				t.Fatal(err)
			}
			holds(t, part, want)
			if f.count() != c.requests {
				t.Errorf("%d requests, want %d", f.count(), c.requests)
			}
			if c.check != nil {
				c.check(t, f)
			}
		})
	}
}

// Random faults, many times over.
func TestFaultsAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		want := data(seed, 1+r.IntN(200_000))
		have := append([]byte{}, want[:r.IntN(len(want)+1)]...)
		if r.IntN(3) == 0 && len(have) > 0 {
			have[r.IntN(len(have))] ^= 1
		}
		f := &files{content: want, cut: func(request, _ int) int {
			if request > 6 || r.IntN(2) == 0 {
				return -1
			}
			return r.IntN(50_000)
		}}
		if r.IntN(2) == 0 {
			f.etag = `"x"`
		}
		s := serve(t, f.ServeHTTP)
		part := newPart(t, have)
		if err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), []int64{-1, int64(len(want))}[r.IntN(2)], nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		holds(t, part, want)
	}
}

func TestWrongFile(t *testing.T) {
	want, other := data(1, 100_000), data(2, 100_000)
	f := &files{content: other}
	s := serve(t, f.ServeHTTP)
	part := newPart(t, nil)
	err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), 100_000, nil)
	if e, ok := errors.AsType[*egress.DigestError](err); !ok || e.Got != sha256.Sum256(other) {
		t.Fatalf("error %v", err)
	}
	holds(t, part, nil)

	err = s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), 100_001, nil)
	if _, ok := errors.AsType[*egress.SizeError](err); !ok {
		t.Fatalf("a file of another size: error %v", err)
	}
	if n := f.count(); n != 2 {
		t.Errorf("%d requests: a wrong file was asked for again", n)
	}
}

// The file changes on the server between two replies: what comes out is no mix.
func TestFileChanges(t *testing.T) {
	first, second := data(1, 100_000), data(2, 100_000)
	f := &files{content: first, etag: `"1"`}
	f.cut = func(request, _ int) int {
		if request > 0 {
			return -1
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.content, f.etag = second, `"2"`
		return 60_000
	}
	s := serve(t, f.ServeHTTP)
	part := newPart(t, nil)
	if err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(second), -1, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, part, second)
}

func TestTruncated(t *testing.T) {
	want := data(1, 100_000)
	f := &files{content: want, cut: func(_, from int) int { return max(0, 40_000-from) }}
	s := serve(t, f.ServeHTTP)
	part := newPart(t, nil)
	err := s.door.Fetch(t.Context(), s.URL, part, sha256.Sum256(want), 100_000, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error %v", err)
	}
	holds(t, part, want[:40_000]) // for another try
}

// A server that never stops sending: the body ends where the file must.
func TestEndless(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for b := data(1, 64<<10); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
	err := s.door.Fetch(t.Context(), s.URL, newPart(t, nil), [32]byte{}, 1<<20, nil)
	if _, ok := errors.AsType[*egress.SizeError](err); !ok {
		t.Fatalf("error %v", err)
	}
}

func TestStatuses(t *testing.T) {
	for _, c := range []struct{ status, requests int }{{404, 1}, {403, 1}, {410, 1}, {500, 5}, {429, 5}, {204, 1}, {304, 1}, {418, 1}} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			f := &files{before: func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(c.status); return true }}
			s := serve(t, f.ServeHTTP)
			err := s.door.Fetch(t.Context(), s.URL, newPart(t, nil), [32]byte{}, -1, nil)
			if e, ok := errors.AsType[*egress.HTTPError](err); c.status != 204 && (!ok || e.Status != c.status) || err == nil {
				t.Errorf("error %v", err)
			}
			if f.count() != c.requests {
				t.Errorf("%d requests, want %d", f.count(), c.requests)
			}
		})
	}
}

func TestStall(t *testing.T) {
	f := &files{before: func(_ int, w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }}
	s := serve(t, f.ServeHTTP)
	err := s.door.Fetch(t.Context(), s.URL, newPart(t, nil), [32]byte{}, -1, nil)
	if !errors.Is(err, egress.ErrStalled) {
		t.Fatalf("error %v", err)
	}
}

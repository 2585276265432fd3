package egress_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"abaton.local/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// data is size bytes that no two seeds share.
func data(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// outside is a TLS server and a door that knows its authority.
type outside struct {
	*httptest.Server
	door *egress.Door
	log  *bytes.Buffer
}

func serve(t *testing.T, h http.HandlerFunc) outside {
	t.Helper()
	s := httptest.NewTLSServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(s.Close)
	log := new(bytes.Buffer)
	return outside{s, egress.NewDoor(config(t, s, log)), log}
}

// config makes doors impatient, so that faults show soon.
func config(t *testing.T, s *httptest.Server, log *bytes.Buffer) egress.DoorConfig {
	return egress.DoorConfig{
		Log: slog.New(slog.NewTextHandler(log, nil)), UserAgent: "abaton/test", CACerts: authority(t, s),
		Stall: 300 * time.Millisecond, Backoff: time.Millisecond,
	}
}

func authority(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newPart(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "x.part"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// holds fails the test unless f has exactly these bytes.
func holds(t *testing.T, f *os.File, want []byte) {
	t.Helper()
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the part holds %d bytes (SHA-256 %x), want %d (%x)", len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

// files serves one file by ranges and breaks as it is told.
type files struct {
	mu       sync.Mutex
	content  []byte
	etag     string
	requests []http.Header

	cut    func(request, from int) int // send that many bytes of the rest, then cut; -1: all
	before func(request int, w http.ResponseWriter, r *http.Request) bool
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	n := len(f.requests)
	f.requests = append(f.requests, r.Header.Clone())
	content, etag := f.content, f.etag
	f.mu.Unlock()
	if f.before != nil && f.before(n, w, r) {
		return
	}
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	from := 0
	if s := r.Header.Get("Range"); s != "" && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == etag) {
		fmt.Sscanf(s, "bytes=%d-", &from)
		if from >= len(content) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(content)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
	}
	rest := content[from:]
	w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
	if w.Header().Get("Content-Range") != "" {
		w.WriteHeader(http.StatusPartialContent)
	}
	if f.cut != nil {
		if send := f.cut(n, from); send >= 0 && send < len(rest) {
			w.Write(rest[:send])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	w.Write(rest)
}

func (f *files) header(request int, name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if request >= len(f.requests) {
		return "no such request"
	}
	return f.requests[request].Get(name)
}

func (f *files) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

package engine

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Caps of what an engine says on standard error.
const (
	tailKept = 8 << 10   // bytes remembered
	tailRate = 256 << 10 // bytes read in a second; an engine that says more waits
	lastLine = 200       // bytes of the line shown to people
)

// tail reads an engine's standard error and remembers its end. While a model
// loads no prompt exists yet, so its lines may be shown. After seal they may
// hold a person's text (a schema that cannot be followed is printed whole, at
// every verbosity), so from then on only places in the engine's source are
// kept. Safe for concurrent use.
type tail struct {
	mu     sync.Mutex // guards what follows
	kept   []byte
	sealed bool
	places []string // "ggml.c:123", the newest last
	short  bool     // it complained about memory
	held   int      // bytes that were said after seal and forgotten
	done   chan struct{}
}

// newTail reads r until its end, which comes when the engine is gone.
func newTail(r io.ReadCloser) *tail {
	t := &tail{done: make(chan struct{})}
	go t.read(r)
	return t
}

func (t *tail) read(r io.ReadCloser) {
	defer close(t.done)
	defer r.Close()
	buf := make([]byte, 4<<10)
	second, read := time.Now(), 0
	for {
		n, err := r.Read(buf)
		t.add(buf[:n])
		if err != nil {
			return
		}
		if read += n; read > tailRate {
			time.Sleep(time.Until(second.Add(time.Second)))
			second, read = time.Now(), 0
		}
	}
}

var sourcePlace = regexp.MustCompile(`\b[A-Za-z0-9_-]{1,48}\.(?:c|cpp|h|hpp):[0-9]{1,6}\b`)

func (t *tail) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.short = t.short || shortOfMemory.Match(b)
	if t.sealed {
		t.held += len(b)
		t.places = append(t.places, sourcePlace.FindAllString(string(b), 4)...)
		if len(t.places) > 4 {
			t.places = t.places[len(t.places)-4:]
		}
		return
	}
	t.kept = append(t.kept, b...)
	if len(t.kept) > tailKept {
		t.kept = t.kept[len(t.kept)-tailKept:]
		t.kept = bytes.Clone(t.kept[bytes.IndexByte(t.kept, '\n')+1:]) // whole lines
	}
}

// seal says that prompts come from now on.
func (t *tail) seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed, t.kept = true, nil
}

// last gives the last error line from before seal, cleaned for a terminal; or
// else the last place in the engine's source that was named.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(string(t.kept), "\n")
	best := ""
	for _, l := range lines {
		l = cleanLine(l)
		switch {
		case l == "" || noise.MatchString(l):
		case telling.MatchString(l) || best == "":
			best = l
		}
	}
	if best == "" && len(t.places) > 0 {
		best = t.places[len(t.places)-1]
	}
	return best
}

// shortOfMemory matches what the engine, its libraries and its allocator say
// when they get no more memory.
var shortOfMemory = regexp.MustCompile(`(?i)failed to allocate|unable to allocate|cannot allocate|bad_alloc|insufficient memory|out of memory|mem_buffer != NULL|Resource temporarily unavailable`)

// memory tells whether the engine complained about memory.
func (t *tail) memory() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.short
}

var (
	logPrefix = regexp.MustCompile(`^[0-9.]+ [A-Z] `)
	// The engine ends with lines that only say that it ends; the reason stands before.
	noise   = regexp.MustCompile(`exiting due to|failed to load model|cleaning up|failed to create context|failed to initialize the context$`)
	telling = regexp.MustCompile(`(?i)error|fail|invalid|unknown|missing|assert|unable|not `)
)

// cleanLine makes one line of an untrusted program safe to show.
func cleanLine(l string) string {
	l = logPrefix.ReplaceAllString(strings.ToValidUTF8(l, ""), "")
	l = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, l)
	l = strings.Join(strings.Fields(l), " ")
	if len(l) > lastLine {
		l = strings.ToValidUTF8(l[:lastLine], "") + "…"
	}
	return l
}

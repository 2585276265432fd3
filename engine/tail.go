package engine

import (
	"bytes"
	"cmp"
	"io"
	"regexp"
	"slices"
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
// every verbosity), so from then on only places in the engine's own source are
// kept: a file name out of sourceFiles, and a number. Safe for concurrent use.
type tail struct {
	mu     sync.Mutex // guards what follows
	kept   []byte
	sealed bool
	place  string // "ggml.c:123", the last that was named after seal
	short  bool   // it complained about memory
	held   int    // bytes that were said after seal and forgotten
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

// sourcePlace finds what has the shape of a place. A prompt can hold that too,
// so only a file that the engine is made of is believed: then nothing but a
// line number can come from a person's text, and that only when it crashed the
// engine.
var sourcePlace = regexp.MustCompile(`(?:^|[\s/])([a-z-]{1,24}\.(?:c|cpp|h)):([0-9]{1,5}):`)

// sourceFiles are the files of llama.cpp b11434 whose assertions can fail while
// it answers: what stands in the program by __FILE__, without the models' own.
// A file that a later build adds is not named in the log until it is listed.
var sourceFiles = []string{
	"ggml.c", "ggml-alloc.c", "ggml-backend.cpp", "ggml-backend-meta.cpp", "ggml-backend-reg.cpp", "ggml-cpu.c", "ggml-cpu.cpp",
	"ggml-impl.h", "ggml-quants.c", "binary-ops.cpp", "unary-ops.cpp", "ops.cpp", "repack.cpp", "sgemm.cpp", "tiled.cpp",
	"llama.cpp", "llama-adapter.cpp", "llama-batch.cpp", "llama-context.cpp", "llama-grammar.cpp", "llama-graph.cpp", "llama-hparams.cpp",
	"llama-impl.cpp", "llama-kv-cache.cpp", "llama-kv-cache.h", "llama-kv-cache-msa.cpp", "llama-memory-recurrent.cpp",
	"llama-mmap.cpp", "llama-model.cpp", "llama-sampler.cpp", "llama-vocab.cpp",
	"chat.cpp", "chat-peg-parser.cpp", "common.cpp", "sampling.cpp", "speculative.cpp",
	"server-common.cpp", "server-common.h", "server-context.cpp", "server-http.cpp", "server-queue.cpp", "server-schema.cpp",
	"server-stream.cpp", "server-task.cpp", "server-task.h",
}

func (t *tail) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.short = t.short || shortOfMemory.Match(b)
	if t.sealed {
		t.held += len(b)
		for _, m := range sourcePlace.FindAllSubmatch(b, -1) {
			if file := string(m[1]); slices.Contains(sourceFiles, file) {
				t.place = file + ":" + string(m[2])
			}
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
	return cmp.Or(best, t.place)
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

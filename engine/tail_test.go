package engine

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"abaton.local/sandbox"
)

// saying gives a tail that has read s.
func saying(t *testing.T, before, after string) *tail {
	t.Helper()
	r, w := io.Pipe()
	tl := newTail(r)
	_, _ = io.WriteString(w, before)
	if after != "" {
		tl.seal()
		_, _ = io.WriteString(w, after)
	}
	w.Close()
	<-tl.done
	return tl
}

func TestLastLine(t *testing.T) {
	for said, want := range map[string]string{
		"": "",
		"0.00.1 E error loading model: unknown model architecture: 'x'\n0.00.2 E srv    load_model: failed to load model, '/model.gguf'\n0.00.3 E exiting due to model loading error\n": "error loading model: unknown model architecture: 'x'",
		"hello\n\n":                                 "hello",
		"\x1b[31mred error\x1b[0m\a\u202e\n":        "[31mred error[0m",
		"error \xff\xfe bad\n":                      "error bad",
		strings.Repeat("error ", 1000) + "\n":       strings.TrimSpace(strings.Repeat("error ", 1000)[:lastLine]) + "…",
		strings.Repeat("x\n", 10000) + "an error\n": "an error",
	} {
		got := saying(t, said, "").last()
		if got != want && strings.ReplaceAll(got, " …", "…") != want {
			t.Errorf("%.60q: %q, want %q", said, got, want)
		}
	}
}

func TestSealedTail(t *testing.T) {
	tl := saying(t, "loading\n", "secret /src/ggml/src/ggml.c:1644: GGML_ASSERT(secret) failed\nsecret.txt\n")
	if got := tl.last(); got != "ggml.c:1644" {
		t.Errorf("%q", got)
	}
	if tl.memory() || !saying(t, "std::bad_alloc\n", "x").memory() || !saying(t, "", "std::bad_alloc\n").memory() {
		t.Error("memory")
	}
}

// The attack: text of a person that has the shape of a place in a program gets
// into the log when the engine prints it and ends. The promise: only the name
// of a file of the engine's own, and a line number.
func TestNothingIsSmuggled(t *testing.T) {
	for _, said := range []string{
		"anna-has-cancer.cpp:123: x", "/anna.h:1: x", "a/b/canary.hpp:77: x", "ggml.c.canary.cpp:1: x", "x-ggml.c:12: x", "ggml.c:1234567: x", "ggml.c:12 x",
		"GGML.C:12: x", "ggml.c :12: x", strings.Repeat("a", 48) + ".c:1: x", "server-canary.cpp:5: x", "crypto.h:1: x",
	} {
		if got := saying(t, "loading\n", said+"\n").last(); got != "" {
			t.Errorf("%q: %q is logged", said, got)
		}
	}
	for said, want := range map[string]string{
		"ggml.c:7: x": "ggml.c:7", "./source/tools/server/server-context.cpp:812: GGML_ASSERT(x) failed": "server-context.cpp:812",
		"canary.cpp:1: x\nops.cpp:2: x\ncanary.cpp:3: x": "ops.cpp:2",
	} {
		if got := saying(t, "", said+"\n").last(); got != want {
			t.Errorf("control: %q: %q, want %q", said, got, want)
		}
	}
}

func TestUnjailed(t *testing.T) {
	no := &sandbox.NoJail{Missing: []string{"tier A: no user namespaces"}}
	f := faultOf(t, unstarted(no), Unjailed)
	if !errors.Is(f, error(no)) {
		t.Error("the reason is lost")
	}
	faultOf(t, unstarted(os.ErrNotExist), Crashed)
	faultOf(t, noModel(os.ErrNotExist), BadModel)
}

package engine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
)

// Weights that are faster in an order of the engine's own are copied as long as
// memory holds one more such worker; whoever comes then reads them from the
// file, which all share.
func TestWeightsAreCopiedOnlyWhereMemoryHoldsThem(t *testing.T) {
	e, ask, size := startQuantised(t, ggufgen.Q40)
	answer := func(person Person) *worker {
		t.Helper()
		p := ask(person)
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		return workerOf(t, e, p)
	}
	anna := answer("anna")
	if !anna.copied || anna.shares || wasTold(t, anna, "--no-repack") {
		t.Errorf("with room for many: copied %v, shares %v", anna.copied, anna.shares)
	}
	e.mu.Lock()
	f := e.facts[anna.key.model]
	bytes, _ := e.used(nil, false)
	if bytes < 2*size { // the file and a copy
		t.Errorf("%d bytes are thought of, of a file of %d", bytes, size)
	}
	e.cfg.Memory = bytes + f.need(anna.context, false).Private() + f.need(anna.context, true).Private() + size - 1
	e.mu.Unlock()
	bela := answer("bela")
	if bela.copied || !bela.shares || !wasTold(t, bela, "--no-repack") {
		t.Errorf("a byte short of room for two: copied %v, shares %v", bela.copied, bela.shares)
	}
	if a, b := held(t, anna), held(t, bela); a-b < size/2 {
		t.Errorf("of a file of %d bytes one with a copy holds %d for itself, one without %d", size, a, b)
	}
	if n := len(e.Workers()); n != 2 {
		t.Errorf("%d workers: somebody had to go for a copy", n)
	}
}

// What is as fast from the file is never copied; on other processors it is
// treated as what a copy makes faster.
func TestWeightsAreNotCopiedForNothing(t *testing.T) {
	e, ask, size := startQuantised(t, ggufgen.Q4K)
	p := ask("anna")
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, p)
	if pays := models.CopyingOf("Q4_K", runtime.GOARCH) == models.FastCopy; w.copied != pays || wasTold(t, w, "--no-repack") == pays {
		t.Errorf("copied: %v", w.copied)
	}
	e.mu.Lock()
	estimate := w.need.Private()
	e.mu.Unlock()
	if h := held(t, w); h > estimate {
		t.Errorf("it holds %d bytes of %d that were thought of, with a file of %d", h, estimate, size)
	}
}

// startQuantised makes an engine for a model of 8 MB, and a question for it.
func startQuantised(t *testing.T, kind ggufgen.Kind) (e *Engine, ask1 func(Person) Prompt, size int64) {
	t.Helper()
	file := ggufgen.Quantised(1, kind, 1)
	s, d := shelfOf(t, file)
	e = start(t, func(c *Config) { c.Shelf, c.Memory = s, 1<<40 })
	return e, func(person Person) Prompt {
		p := ask("bado", 3)
		p.Model, p.Person = d, person
		return p
	}, int64(len(file.Bytes()))
}

// wasTold tells whether the program of w got an option, by the kernel's word.
func wasTold(t *testing.T, w *worker, option string) bool {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.proc.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains("\x00"+string(line), "\x00"+option+"\x00")
}

func held(t *testing.T, w *worker) int64 {
	t.Helper()
	n, ok := privateMemory(w.proc.PID())
	if !ok {
		t.Fatal("the kernel does not tell")
	}
	return n
}

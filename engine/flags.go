package engine

import (
	"strconv"
	"time"
)

// Where things lie inside the jail.
const (
	modelInside  = "/model.gguf"
	socketInside = "/run/engine.sock"
	slotsInside  = "/run/slots"
	packInside   = "/engine" // program, or folder of a shared-library pack
)

// flags are the options of one llama-server, checked against b11434. There is
// no way for a user to add one. What is not here stays at its default of off:
// tools, MCP, RPC, UI, router, sleep, metrics, POST /props, log files.
type flags struct {
	Context     int           // -c: tokens, of all slots together
	Slots       int           // -np
	Threads     int           // -t and -tb: threads that compute
	HTTPThreads int           // --threads-http: a probe, and for each slot one generation and two for tokens
	Timeout     time.Duration // --timeout: of reads and writes
	Batch       int           // -b and -ub: tokens computed in one go
	Kind        kind          // --embedding or --reranking, or an answering one
	Shares      bool          // --no-repack: weights are read where the file is mapped, not copied into another order
	Sees        bool          // --mmproj
	GoesOn      bool          // --no-warmup: somebody waits, and what they wait for is read, not computed
	extra       []string      // for tests of faults: no caller can reach it
}

// args spells f after the program's name; at maps a path inside the jail to
// what the program sees.
func (f flags) args(at func(string) string) []string {
	list := []string{
		"-m", at(modelInside),
		"--host", at(socketInside),
		"--offline", "--no-ui",
		"--slot-save-path", at(slotsInside),
		// Nothing of one conversation is kept for another: no prompt cache in
		// memory, no choice of a slot by likeness, no shared key-value buffer.
		"--cache-ram", "0", "--no-cache-idle-slots", "-sps", "0", "--no-kv-unified",
		"--ctx-checkpoints", "2", // of models with a sliding window; 32 would not fit the memory limit
		"--no-context-shift",
		"-np", strconv.Itoa(f.Slots), "-c", strconv.Itoa(f.Context),
		"-b", strconv.Itoa(f.Batch), "-ub", strconv.Itoa(f.Batch), // a sign of life, and a chance to stop, after each
		"-t", strconv.Itoa(f.Threads), "-tb", strconv.Itoa(f.Threads),
		"--threads-http", strconv.Itoa(f.HTTPThreads),
		"--timeout", strconv.Itoa(int(f.Timeout.Seconds())),
		"--log-verbosity", "1", "--log-colors", "off", // errors alone, for the reason why a model was refused
		"--load-mode", "mmap",
		"--fit", "off", // nothing is left unset that it could make fit, and for that it reads the model twice
	}
	if f.Sees {
		list = append(list, "--mmproj", at(projectorInside))
	}
	if f.GoesOn {
		list = append(list, "--no-warmup")
	}
	if f.Shares {
		list = append(list, "--no-repack")
	}
	return append(append(list, f.Kind.args()...), f.extra...)
}

func (k kind) args() []string {
	switch k {
	case embeds, behind:
		return []string{"--embedding"} // pooling is the model's own
	case ranks:
		return []string{"--reranking"}
	}
	return nil
}

// batch is how many tokens of a prompt the engine computes in one go. A text that
// a worker for meanings is given must fit one.
const batch = 512

// environment is all that the engine finds: nearly every flag has a twin there
// (LLAMA_ARG_TOOLS among them), and GGML_BACKEND_PATH would load a library.
// GGML_NO_BACKTRACE keeps a crash from starting a debugger.
func environment(libraries string) []string {
	env := []string{"LANG=C.UTF-8", "GGML_NO_BACKTRACE=1", "HOME=/nonexistent"}
	if libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+libraries)
	}
	return env
}

package enginepack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"abaton.local/hardware"
)

// perCompiler is the memory that one compiler at work may need, in bytes.
const perCompiler = 1200 << 20

// IsolationError says that a program cannot be run without a network here.
type IsolationError struct {
	Err error // not unwrapped: "no space" means namespaces here, not a disk
}

func (e *IsolationError) Error() string {
	return fmt.Sprintf("the engine is only built inside an empty network namespace, and this system does not allow one (%v). Allow user namespaces (Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0, Debian: kernel.unprivileged_userns_clone=1, container: its seccomp profile), or take the ready-made engine: abaton pull engine --prebuilt", e.Err)
}

// BuildError says that a build failed, with the last lines of what it printed.
type BuildError struct {
	Step string // "cmake", "ninja"
	Log  string // path of everything that was printed
	Last string // last lines
	Err  error
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("building the engine failed in %s (%v). Its last lines:\n%s\nEverything it said is in %s. The ready-made engine needs no compiler: abaton pull engine --prebuilt", e.Step, e.Err, e.Last, e.Log)
}

func (e *BuildError) Unwrap() error { return e.Err }

// builder runs cmake and ninja in a folder.
type builder struct {
	top     string
	log     string
	options Options
}

// tools finds what a build needs, and the environment it gets: nothing of the
// person's.
func (b builder) tools() (tools, []string, error) {
	t, err := findTools()
	home := filepath.Join(b.top, "home")
	return t, []string{
		"PATH=" + t.path(), "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8", "LC_ALL=C.UTF-8",
		"NINJA_STATUS=[%f/%t] ",
		"SOURCE_DATE_EPOCH=1", // the same bytes from the same source
		// The source asks git for its commit: a repository around the store is not its
		// own, and that one's settings may name programs to run.
		"GIT_CEILING_DIRECTORIES=" + b.top,
	}, err
}

// ready makes sure that a build can start, without a network, and gives the
// compiler's name.
func (b builder) ready(ctx context.Context) (compiler string, err error) {
	t, env, err := b.tools()
	if err != nil {
		return "", err
	}
	var version strings.Builder
	if err := confined(ctx, command{argv: []string{t.cxx, "--version"}, dir: b.top, env: env, out: &version}); err != nil {
		return "", fmt.Errorf("the compiler: %w", err)
	}
	first, _, _ := strings.Cut(version.String(), "\n")
	return first, nil
}

// run leaves objects/bin/llama-server.
func (b builder) run(ctx context.Context, p plan) error {
	t, env, err := b.tools()
	if err != nil {
		return err
	}
	os.Remove(b.log) // what cannot be removed makes the next line fail: it may be another account's
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_WRONLY|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("build log: %w", err)
	}
	defer log.Close()
	source, objects := filepath.Join(b.top, "source"), filepath.Join(b.top, "objects")
	configure := append([]string{t.cmake, "-S", source, "-B", objects, "-G", "Ninja",
		"-DCMAKE_MAKE_PROGRAM=" + t.ninja, "-DCMAKE_C_COMPILER=" + t.cc, "-DCMAKE_CXX_COMPILER=" + t.cxx},
		withoutPaths(p.Flags, b.top)...)

	b.options.step(Step{Stage: Preparing, Text: "cmake"})
	if err := b.command(ctx, "cmake", command{argv: configure, dir: b.top, env: env}, log, nil); err != nil {
		return err
	}
	target := []string{t.ninja, "-C", objects, "-j", fmt.Sprint(compilers(b.options.Machine)), serverName}
	return b.command(ctx, "ninja", command{argv: target, dir: b.top, env: env}, log, func(line string) {
		var done, total int64
		if n, err := fmt.Sscanf(line, "[%d/%d]", &done, &total); err == nil && n == 2 && done <= total {
			b.options.step(Step{Stage: Building, Text: serverName, Done: done, Total: total})
		}
	})
}

// command runs one tool and turns its failure into a BuildError.
func (b builder) command(ctx context.Context, name string, c command, log io.Writer, each func(line string)) error {
	r, w := io.Pipe()
	c.out = w
	last := make(chan []string)
	go func() { last <- follow(r, log, each) }()
	err := confined(ctx, c)
	w.Close()
	lines := <-last
	if _, isolation := errors.AsType[*IsolationError](err); err == nil || isolation || ctx.Err() != nil {
		return err
	}
	if full(b.top) || slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "No space left on device") }) {
		return &NoSpaceError{Dir: b.top, Need: buildSpace, Err: err}
	}
	return &BuildError{Step: name, Log: b.log, Last: strings.Join(lines, "\n"), Err: err}
}

// lastLines is how much of a failed build is shown.
const lastLines = 20

// follow copies lines to a log, shows them to each, and gives the last ones. It
// reads to the end, also when the log cannot be written.
func follow(r io.Reader, log io.Writer, each func(string)) (last []string) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			io.WriteString(log, line) // a full disk shows in the build itself
			line = strings.TrimRight(line, "\r\n")
			if each != nil {
				each(line)
			}
			if !strings.HasPrefix(line, "[") { // ninja's own progress tells nothing
				last = append(last, line)
			}
			if len(last) > lastLines {
				last = last[1:]
			}
		}
		if err != nil {
			return last
		}
	}
}

// withoutPaths adds the folder of the build to the compilers' flags as
// something to leave out: a person's folder names do not belong in the engine,
// and the same source gives the same bytes wherever it is built.
func withoutPaths(flags []string, top string) []string {
	if strings.ContainsAny(top, " \t\"'\\$;=") {
		return flags // no way to quote these through cmake, ninja and a shell
	}
	out := slices.Clone(flags)
	for i, f := range out {
		if strings.HasPrefix(f, "-DCMAKE_C_FLAGS=") || strings.HasPrefix(f, "-DCMAKE_CXX_FLAGS=") {
			out[i] = f + " -ffile-prefix-map=" + top + "=."
		}
	}
	return out
}

// compilers is how many may work at once.
func compilers(m hardware.Machine) int {
	n := max(m.LogicalCores, 1)
	if m.MemoryAvailable > 0 {
		n = min(n, int(m.MemoryAvailable/perCompiler))
	}
	return max(n, 1)
}

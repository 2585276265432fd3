// Package sandbox holds the jail in which programs run that read what nobody
// has checked: an inference engine, a document parser. It leaves to others what
// the program is for: a [Spec] names program, files, sizes and one of the
// policies, and nothing else.
//
//	func main() {
//		if sandbox.IsChild() {
//			sandbox.Child()
//		}
//		jail, err := sandbox.Open(ctx, sandbox.Config{StateDir: state, RuntimeDir: run, Log: log})
//		...
//		p, err := jail.Start(ctx, sandbox.Spec{Name: "engine", Program: sandbox.File{Path: server, Inside: "/engine"}, Policy: sandbox.Native})
//
// The jail is built by a stub: this very program, started again, which shuts
// itself in and then becomes the program. It works out its layers from tier and
// policy by itself; nobody can ask it for fewer.
//
// The package also locks this process down ([LockDown]), so that whatever holds
// prompts cannot reach the Internet.
package sandbox

import (
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// A Policy is a tested set of system calls, chosen by what the program is.
type Policy string

// The policies. Each ends in kill: what it does not name ends the program.
const (
	Native Policy = "native" // a C or C++ program with glibc that serves a Unix socket below /run
	Go     Policy = "go"     // a static Go program with standard input and output only
	GoJIT  Policy = "go-jit" // as Go, but it may make code at run time

	// NativeGPU is Native for a program that computes on NVIDIA cards, in tier A
	// and with the drivers that were tried. It gives the program the driver's
	// part of the kernel: docs/gpu.md says what that costs. Nothing asks for it
	// by itself.
	NativeGPU Policy = "native-gpu"
)

// A Card is an NVIDIA graphics card, by its number in /dev.
type Card int

// noCard is the first number that is none of a card.
const noCard = 255

// A device is a device file of the host: only cards lead to one.
type device struct {
	Path   string
	Number uint64
}

// A Tier says how much of the jail this kernel gives to this account.
type Tier string

// The tiers, best first.
const (
	TierA Tier = "A"
	TierB Tier = "B"
	TierC Tier = "C"
	TierD Tier = "D"
)

// String says in words what the tier holds.
func (t Tier) String() string {
	switch t {
	case TierA:
		return "tier A: full jail"
	case TierB:
		return "tier B: strong jail, without namespaces (Landlock and system-call filter)"
	case TierC:
		return "tier C: jail without Landlock (namespaces and system-call filter)"
	case TierD:
		return "tier D: no jail (neither user namespaces nor Landlock; only a system-call filter)"
	default:
		return "no tier"
	}
}

// namespaces reports whether the tier has namespaces and so a root of its own.
func (t Tier) namespaces() bool { return t == TierA || t == TierC }

// landlock reports whether the tier has Landlock.
func (t Tier) landlock() bool { return t == TierA || t == TierB }

// A File is something of the host that the program may see, read-only.
type File struct {
	Path    string // on the host; a file, or a folder that is given whole
	Inside  string // absolute path in the jail; not in /run
	Exec    bool   // may be executed and mapped executable
	ReadDir bool   // a folder that may be listed

	// Opened, when set, is the descriptor through which the file was verified:
	// the jail is refused if Path no longer names the same inode with the same
	// size and time of change.
	Opened *os.File
}

// A Spec says what to run, and with how much.
type Spec struct {
	Name    string // for messages: "engine"
	Program File   // Exec is implied
	Files   []File

	// Args gives what follows argv[0]. at turns a path in the jail ("/model",
	// "/run/engine.sock") into the path that the program will see, which in a
	// tier without namespaces is one of the host.
	Args func(at func(inside string) string) []string
	Env  []string // the whole environment
	Dir  string   // working directory, a path in the jail; "/" by default

	Policy   Policy
	Cards    []Card // that the program may compute on; only with NativeGPU, which needs one
	ListDirs bool   // may list folders (a shared-library layout looks for its parts)

	Memory   int64 // bytes of private memory (RLIMIT_DATA); 0 is unlimited
	RunSize  int64 // bytes of the private writable /run; 0 is 1 MiB
	FileSize int64 // bytes of the largest file it may write, output included if that is a file; 0 is none

	// RunDirs names folders to make below /run in which the program may create,
	// read and write files. In /run itself it may make sockets, if Native.
	RunDirs []string

	// Renames lets it also sync, rename and replace files within each of these
	// folders: caches of libraries put their files into place so.
	Renames bool

	Stdin, Stdout, Stderr *os.File // nil is /dev/null

	devices []device // of the cards
}

// Config says where a jail keeps what it must remember.
type Config struct {
	StateDir   string // the verdict of the escape probe; may be empty: nothing is remembered
	RuntimeDir string // private folders of jails without namespaces

	// AcceptUnjailed lets programs run in tier D: a person was told what is
	// missing and wants it so.
	AcceptUnjailed bool

	Log *slog.Logger
}

// Exit says how a program in the jail ended.
type Exit struct {
	Code      int            // what it gave to exit; -1 when a signal ended it
	Signal    syscall.Signal // 0 when none
	PolicyHit bool           // the system-call filter ended it
	Killed    bool           // it was ended by [Process.Kill]
}

// String says it for logs; it holds nothing that the program wrote.
func (e Exit) String() string {
	switch {
	case e.Killed:
		return "killed by us"
	case e.PolicyHit:
		return "made a forbidden system call"
	case e.Signal != 0:
		return "ended by signal " + e.Signal.String()
	default:
		return fmt.Sprintf("exit code %d", e.Code)
	}
}

// NoJail is the error of [Open] where this system gives no jail. Missing says
// for each tier that was tried why it could not be had.
type NoJail struct {
	Missing []string
}

func (e *NoJail) Error() string {
	return "no jail can be built here, so no model is loaded: " + strings.Join(e.Missing, "; ")
}

// check refuses a spec that cannot be meant.
func (s Spec) check() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("jail for %s: %s", s.Name, fmt.Sprintf(format, a...))
	}
	switch s.Policy {
	case Native, Go, GoJIT:
		if len(s.Cards) > 0 {
			return bad("policy %s gives no graphics card", s.Policy)
		}
	case NativeGPU:
		if len(s.Cards) == 0 {
			return bad("policy %s is for programs that name a graphics card", s.Policy)
		}
	default:
		return bad("there is no policy %q", s.Policy)
	}
	for i, c := range s.Cards {
		if c < 0 || c >= noCard || slices.Contains(s.Cards[:i], c) {
			return bad("%d cannot be a graphics card, or is named twice", c)
		}
	}
	if s.Memory < 0 || s.RunSize < 0 || s.FileSize < 0 {
		return bad("a size is negative")
	}
	seen := map[string]bool{}
	for _, f := range s.all() {
		if f.Path == "" {
			return bad("a file has no path")
		}
		if !path.IsAbs(f.Inside) || path.Clean(f.Inside) != f.Inside || f.Inside == "/" || below(f.Inside, "/run") {
			return bad("%q cannot be a place in the jail", f.Inside)
		}
		if seen[f.Inside] {
			return bad("%s is named twice", f.Inside)
		}
		seen[f.Inside] = true
	}
	for _, f := range s.all() {
		for _, dir := range s.all() {
			rest, ok := strings.CutPrefix(f.Inside, dir.Inside+"/")
			if ok && f.Path != path.Join(dir.Path, rest) {
				return bad("%s lies in %s, which shows another file there", f.Inside, dir.Inside)
			}
		}
	}
	for _, d := range s.RunDirs {
		if d == "" || d == "." || d == ".." || strings.ContainsAny(d, "/\x00") {
			return bad("%q cannot be a folder below /run", d)
		}
	}
	return nil
}

// all is the program and its files.
func (s Spec) all() []File {
	p := s.Program
	p.Exec = true
	return append([]File{p}, s.Files...)
}

// below reports whether p is dir or lies in it.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

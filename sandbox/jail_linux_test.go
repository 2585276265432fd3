package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var allTiers = []Tier{TierA, TierB, TierC, TierD}

// everywhere runs a test in every tier and policy.
func everywhere(t *testing.T, test func(t *testing.T, j *Jail, p Policy)) {
	for _, tier := range allTiers {
		for _, policy := range []Policy{Native, Go, GoJIT} {
			t.Run(string(tier)+" "+string(policy), func(t *testing.T) { test(t, jailAt(t, tier), policy) })
		}
	}
}

// mustRun runs a program to its end, which must be a good one.
func mustRun(t *testing.T, j *Jail, s Spec) string {
	t.Helper()
	got, err := runIn(t, j, s)
	if err != nil {
		t.Fatal(err)
	}
	if got.exit != (Exit{}) {
		t.Fatalf("wrote %q, complained %q: %s", got.out, got.errs, got.exit)
	}
	return got.out
}

func TestGreeting(t *testing.T) {
	everywhere(t, func(t *testing.T, j *Jail, p Policy) {
		if got := mustRun(t, j, own(t, j, p, helloVerb)); got != sayHello {
			t.Errorf("said %q", got)
		}
	})
}

// TestWork does in a jail what a parser does.
func TestWork(t *testing.T) {
	document := filepath.Join(t.TempDir(), "document")
	must(t, os.WriteFile(document, []byte("hello, "), 0o400))
	for _, tier := range allTiers {
		for _, policy := range []Policy{Go, GoJIT} {
			t.Run(string(tier)+" "+string(policy), func(t *testing.T) {
				j := jailAt(t, tier)
				s := own(t, j, policy)
				s.Files = append(s.Files, File{Path: document, Inside: "/document"})
				s.Args = func(at func(string) string) []string { return []string{"sandbox-work", at("/document")} }
				in := filepath.Join(t.TempDir(), "in")
				must(t, os.WriteFile(in, []byte("world"), 0o600))
				f, err := os.Open(in)
				must(t, err)
				defer f.Close()
				s.Stdin = f
				want := "HELLO, WORLD"
				if tier == TierD {
					want = "it could read /etc/passwd" // what is said of tier D is true
				}
				if got := mustRun(t, j, s); got != want {
					t.Errorf("wrote %q", got)
				}
			})
		}
	}
}

// TestNobodyRunsFirst: where the server runs in real time, or before others, what
// is in a jail does not.
func TestNobodyRunsFirst(t *testing.T) {
	if os.Getuid() != 0 {
		return // to run before others needs root
	}
	all := func(how unix.SchedAttr) {
		t.Helper()
		how.Size = unix.SizeofSchedAttr
		tasks, err := filepath.Glob("/proc/self/task/*")
		must(t, err)
		for _, task := range tasks {
			tid, _ := strconv.Atoi(filepath.Base(task))
			if err := unix.SchedSetAttr(tid, &how, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				t.Fatal(err)
			}
		}
	}
	defer all(unix.SchedAttr{Policy: unix.SCHED_NORMAL})
	for name, how := range map[string]unix.SchedAttr{
		"in real time": {Policy: unix.SCHED_RR, Priority: 1}, "before others": {Policy: unix.SCHED_NORMAL, Nice: -10}, "after others": {Policy: unix.SCHED_NORMAL, Nice: 7},
	} {
		for _, tier := range allTiers {
			j := jailAt(t, tier)
			all(unix.SchedAttr{Policy: unix.SCHED_NORMAL}) // in real time the kernel keeps the other priority
			all(how)
			p := linger(t, j)
			got, err := unix.SchedGetAttr(p.PID(), 0)
			must(t, err)
			if got.Policy != unix.SCHED_NORMAL || got.Nice != max(how.Nice, 0) {
				t.Errorf("the server runs %s, tier %s: policy %d, nice %d", name, tier, got.Policy, got.Nice)
			}
			must(t, p.Kill())
		}
	}
}

// TestMadeCode: only the policy for compilers lets memory become executable.
func TestMadeCode(t *testing.T) {
	everywhere(t, func(t *testing.T, j *Jail, p Policy) {
		want := syscall.EACCES.Error()
		if p == GoJIT {
			want = "executable"
		}
		if got := mustRun(t, j, own(t, j, p, "sandbox-code")); got != want {
			t.Errorf("memory became: %q", got)
		}
	})
}

// TestNothingInherited: arguments, environment, folder and descriptors are what
// the spec says and nothing else.
func TestNothingInherited(t *testing.T) {
	left, err := os.Open("/etc/passwd")
	must(t, err)
	defer left.Close()
	_, err = unix.FcntlInt(left.Fd(), unix.F_SETFD, 0) // as a careless library would leave it
	must(t, err)
	t.Setenv("ABATON_SECRET", "x")
	for _, tier := range allTiers {
		t.Run(string(tier), func(t *testing.T) {
			j := jailAt(t, tier)
			s := own(t, j, Native, "sandbox-environ")
			s.Env = []string{"A=1"}
			if got, want := mustRun(t, j, s), `["test" "sandbox-environ"] ["A=1"]`+"\n"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if tier == TierD {
				return // Go's runtime opens files of its own where it can
			}
			s = own(t, j, Native, "sandbox-where")
			if got := mustRun(t, j, s); !strings.HasSuffix(got, "operation not permitted [0 1 2]\n") {
				t.Errorf("descriptors: %s", got)
			}
		})
	}
}

func TestExit(t *testing.T) {
	for _, tier := range allTiers {
		t.Run(string(tier), func(t *testing.T) {
			j := jailAt(t, tier)
			got, err := runIn(t, j, own(t, j, Native, "sandbox-exit"))
			if want := (Exit{Code: 3}); err != nil || got.exit != want {
				t.Errorf("exit 3 is %+v (%v)", got.exit, err)
			}
			got, err = runIn(t, j, own(t, j, Native, "sandbox-forbidden"))
			if want := (Exit{Code: -1, Signal: syscall.SIGSYS, PolicyHit: true}); err != nil || got.exit != want {
				t.Errorf("a forbidden call is %+v (%v)", got.exit, err)
			}
			s := own(t, j, Native, "sandbox-memory")
			s.Memory = 128 << 20
			got, err = runIn(t, j, s)
			if err != nil || got.exit == (Exit{}) || got.exit.PolicyHit {
				t.Errorf("too much memory is %+v (%v)", got.exit, err)
			}
			p := linger(t, j)
			must(t, p.Kill())
			<-p.Done()
			if want := (Exit{Code: -1, Signal: syscall.SIGKILL, Killed: true}); p.Exit() != want {
				t.Errorf("killed is %+v", p.Exit())
			}
			must(t, p.Kill()) // it is dead already
			p = linger(t, j)
			must(t, syscall.Kill(p.PID(), syscall.SIGKILL))
			<-p.Done()
			if want := (Exit{Code: -1, Signal: syscall.SIGKILL}); p.Exit() != want {
				t.Errorf("killed by somebody else is %+v", p.Exit())
			}
		})
	}
}

// linger starts a program that stays until it is killed or the test ends.
func linger(t *testing.T, j *Jail) *Process {
	t.Helper()
	s := own(t, j, Native, "sandbox-linger")
	r, w, err := os.Pipe()
	must(t, err)
	in, hold, err := os.Pipe()
	must(t, err)
	s.Stdin, s.Stdout = in, w
	p, err := j.start(t.Context(), s, j.tier)
	_, _ = w.Close(), in.Close()
	must(t, err)
	t.Cleanup(func() {
		_, _, _ = hold.Close(), p.Kill(), p.RunDir().Close()
		<-p.Done()
	})
	b := make([]byte, 5)
	if _, err := r.Read(b); err != nil || string(b) != "here\n" {
		t.Fatalf("it said %q (%v)", b, err)
	}
	must(t, r.Close())
	return p
}

// TestIdentity: a file that changed after it was verified is not started.
func TestIdentity(t *testing.T) {
	changes := map[string]func(t *testing.T, path string){
		"replaced": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".new", []byte("hello, "), 0o600))
			must(t, os.Rename(path+".new", path))
		},
		"removed": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"linked elsewhere": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink("/etc/passwd", path))
		},
	}
	for _, tier := range []Tier{TierA, TierB} {
		for name, change := range changes {
			t.Run(string(tier)+" "+name, func(t *testing.T) {
				j := jailAt(t, tier)
				path := filepath.Join(t.TempDir(), "model")
				must(t, os.WriteFile(path, []byte("hello, "), 0o600))
				opened, err := os.Open(path)
				must(t, err)
				defer opened.Close()
				s := own(t, j, Native, helloVerb)
				s.Files = append(s.Files, File{Path: path, Inside: "/model", Opened: opened})
				mustRun(t, j, s)
				change(t, path)
				if got, err := runIn(t, j, s); err == nil {
					t.Errorf("it ran: %+v", got)
				}
			})
		}
	}
}

// TestFolders shows a folder whole, with the program in it, as an engine made
// of shared libraries wants it.
func TestFolders(t *testing.T) {
	for _, tier := range allTiers {
		t.Run(string(tier), func(t *testing.T) {
			j := jailAt(t, tier)
			s := own(t, j, Go)
			dir := t.TempDir()
			text, err := os.ReadFile("/proc/self/exe")
			must(t, err)
			must(t, os.WriteFile(dir+"/program", text, 0o555))
			must(t, os.Mkdir(dir+"/sub", 0o755))
			must(t, os.WriteFile(dir+"/sub/part", []byte("part"), 0o444))
			s.Program = File{Path: dir + "/program", Inside: "/pack/program"}
			s.Files = append(s.Files, File{Path: dir, Inside: "/pack", Exec: true, ReadDir: true})
			s.Dir, s.ListDirs = "/pack", true
			s.Args = func(at func(string) string) []string { return []string{"sandbox-list", at("/pack/sub/part")} }
			if got := mustRun(t, j, s); got != "[program sub] part" {
				t.Errorf("saw %q", got)
			}
			s.ListDirs = false
			if got, err := runIn(t, j, s); err != nil || !got.exit.PolicyHit {
				t.Errorf("it could list without leave: %+v (%v)", got, err)
			}
		})
	}
}

// TestRefused lists specs that cannot be meant, or cannot be had.
func TestRefused(t *testing.T) {
	j := jailAt(t, TierA)
	good := own(t, j, Native, helloVerb)
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("no program"), 0o755))
	for name, change := range map[string]func(*Spec){
		"policy":     func(s *Spec) { s.Policy = "none" },
		"no program": func(s *Spec) { s.Program = File{Inside: "/x"} },
		"relative":   func(s *Spec) { s.Program.Inside = "probe" },
		"climbing":   func(s *Spec) { s.Program.Inside = "/a/../probe" },
		"the root":   func(s *Spec) { s.Program.Inside = "/" },
		"in /run":    func(s *Spec) { s.Program.Inside = "/run/probe" },
		"twice":      func(s *Spec) { s.Files = append(s.Files, File{Path: "/etc/passwd", Inside: "/probe"}) },
		"hidden": func(s *Spec) {
			s.Files = []File{{Path: "/etc", Inside: "/d"}, {Path: "/etc/hosts", Inside: "/d/passwd"}}
		},
		"negative memory": func(s *Spec) { s.Memory = -1 },
		"run folder":      func(s *Spec) { s.RunDirs = []string{"../x"} },
		"missing":         func(s *Spec) { s.Files = append(s.Files, File{Path: "/nowhere", Inside: "/x"}) },
		"no executable":   func(s *Spec) { s.Program = File{Path: text, Inside: "/probe"} },
		"directory":       func(s *Spec) { s.Program = File{Path: "/etc", Inside: "/probe"} },
		"no such folder":  func(s *Spec) { s.Dir = "/nowhere" },
		"nul in argument": func(s *Spec) { s.Args = func(func(string) string) []string { return []string{"a\x00b"} } },
		"too long": func(s *Spec) {
			s.Args = func(func(string) string) []string { return []string{strings.Repeat("a", maxOrder)} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			s.Files = slices.Clone(good.Files)
			change(&s)
			p, err := j.Start(t.Context(), s)
			if err == nil {
				_, _ = p.Kill(), p.RunDir().Close()
				t.Fatal("it was started")
			}
			if !strings.Contains(err.Error(), "jail for test: ") {
				t.Errorf("the error does not say whose jail: %v", err)
			}
		})
	}
}

// TestCancelled: a start that is called off leaves nothing behind.
func TestCancelled(t *testing.T) {
	j := jailAt(t, TierB)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.start(ctx, own(t, j, Native, "sandbox-linger"), TierB); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(j.cfg.RuntimeDir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestClosed: closing a jail ends what runs in it, and nothing starts after.
func TestClosed(t *testing.T) {
	for _, tier := range []Tier{TierA, TierB} {
		j := jailAt(t, tier)
		p := linger(t, j)
		must(t, j.Close())
		<-p.Done()
		if !p.Exit().Killed {
			t.Errorf("it ended otherwise: %s", p.Exit())
		}
		if _, err := j.start(t.Context(), own(t, j, Native, helloVerb), tier); !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
		must(t, j.Close())
	}
}

package enginepack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"abaton.local/egress"
)

func TestBuild(t *testing.T) {
	source := tinySource(t, "")
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
	if _, err := s.Installed(t.Context()); !errors.Is(err, ErrNone) {
		t.Fatalf("before: %v", err)
	}
	address, requests := served(t, source)
	var progress steps
	buildDir := t.TempDir()
	o := Options{Door: egress.NewDoor(egress.DoorConfig{}), Pip: index{address, s.pins.source.Digest, s.pins.source.Size}, BuildDir: buildDir, Progress: progress.add}
	p, err := s.Install(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	checkPack(t, p, "LICENSE", serverName)
	if p.Layout != Static || p.Build != testBuild || p.Trust != TrustBuilt || !strings.Contains(p.Compiler, "g++") || p.Key != sourcePlan(s.pins.source, thisMachine(t)).key() {
		t.Errorf("pack: %+v", p)
	}
	var stages []Stage
	for _, st := range progress.all {
		if len(stages) == 0 || stages[len(stages)-1] != st.Stage {
			stages = append(stages, st.Stage)
		}
	}
	if want := []Stage{Fetching, Unpacking, Preparing, Building, Checking, Ready}; !slices.Equal(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	last := progress.all[slices.IndexFunc(progress.all, func(x Step) bool { return x.Stage == Checking })-1]
	if last.Done != last.Total || last.Total < 2 {
		t.Errorf("last build step: %+v", last)
	}
	if entries, _ := os.ReadDir(buildDir); len(entries) != 1 || entries[0].Name() != "engine-build.lock" {
		t.Errorf("left in the folder for building: %v", entries)
	}
	if entries, _ := os.ReadDir(filepath.Join(s.dir, incomingName)); len(entries) != 0 {
		t.Errorf("left in %s: %v", incomingName, entries)
	}
	b, err := os.ReadFile(p.Server)
	if os.Geteuid() == 0 && (err != nil || strings.Contains(string(b), buildDir)) {
		t.Errorf("the program tells where it was built (%v)", err)
	}

	n := len(requests())
	again, err := s.Install(t.Context(), Options{})
	if err != nil || again.Key != p.Key || len(requests()) != n {
		t.Errorf("second install: %v, %v", err, requests())
	}
	found, err := s.Installed(t.Context())
	if err != nil || found.Server != p.Server || !maps.Equal(found.seen, p.seen) {
		t.Errorf("installed: %+v, %v", found, err)
	}
	if err := found.Unchanged(); err != nil {
		t.Error(err)
	}
}

// TestBuildIsReproducible builds twice in different folders.
func TestBuildIsReproducible(t *testing.T) {
	source := tinySource(t, "")
	var seen []*Pack
	for range 2 {
		s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
		p, err := s.Install(t.Context(), Options{Archive: onDisk(t, source), BuildDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, p)
	}
	if seen[0].Files[serverName] != seen[1].Files[serverName] {
		t.Error("the same source gave other bytes in another folder")
	}
}

// TestBuildHasNoNetwork lets cmake and ninja call a listener on loopback: both
// are refused, and the same script succeeds outside.
func TestBuildHasNoNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var calls atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			bufio.NewReader(c).ReadString('\n')
			fmt.Fprint(c, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
			c.Close()
		}
	}()
	script := fmt.Sprintf(`file(DOWNLOAD "http://%s/" "${OUT}" TIMEOUT 20 STATUS status)
message(STATUS "called out: ${status}")
if(MUST_FAIL)
  list(GET status 0 code)
  if(code EQUAL 0)
    message(FATAL_ERROR "a build step reached the network")
  endif()
endif()
`, listener.Addr())
	source := tarball(t, append(tinyEntries(`
set(OUT ${CMAKE_BINARY_DIR}/call1)
set(MUST_FAIL ON)
include(${CMAKE_SOURCE_DIR}/call.cmake)
add_custom_command(TARGET llama-server PRE_BUILD COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_BINARY_DIR}/call2 -DMUST_FAIL=ON -P ${CMAKE_SOURCE_DIR}/call.cmake)
`), file(testInside+"call.cmake", script))...)

	dir := t.TempDir()
	path := filepath.Join(dir, "call.cmake")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "cmake", "-DOUT="+filepath.Join(dir, "out"), "-P", path).CombinedOutput()
	if err != nil || calls.Load() != 1 {
		t.Fatalf("control: %d calls, %v\n%s", calls.Load(), err, out)
	}
	s := newStore(t, filepath.Join(dir, "engines"), source)
	if _, err := s.Install(t.Context(), Options{Archive: onDisk(t, source)}); err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the build called out %d times", n-1)
	}
}

// TestBuildSeesNothing lists the environment that a build step gets.
func TestBuildSeesNothing(t *testing.T) {
	t.Setenv("ABATON_TEST_SECRET", "do-not-show")
	source := tinySource(t, `execute_process(COMMAND env OUTPUT_VARIABLE seen)
string(FIND "${seen}" "do-not-show" at)
if(NOT at EQUAL -1)
  message(FATAL_ERROR "saw the environment")
endif()
execute_process(COMMAND nice OUTPUT_VARIABLE nice)
if(NOT nice EQUAL 10)
  message(FATAL_ERROR "niceness ${nice}")
endif()
`)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
	if _, err := s.Install(t.Context(), Options{Archive: onDisk(t, source)}); err != nil {
		t.Fatal(err)
	}
}

func TestBuildFails(t *testing.T) {
	for _, c := range []struct {
		name, cmake string
		step, words string
	}{
		{"cmake", "message(FATAL_ERROR \"no such thing\")", "cmake", "no such thing"},
		{"compiler", "target_sources(llama-server PRIVATE never.cpp)", "ninja", "only the server is built"},
		{"no such target", "set_target_properties(llama-server PROPERTIES OUTPUT_NAME other)", "", "llama-server"},
		{"flags dropped", `set_target_properties(llama-server PROPERTIES LINK_FLAGS "-no-pie -Wl,-z,lazy")`, "", "lacks position-independent code, immediate binding"},
		{"another version", `set_target_properties(llama-server PROPERTIES COMPILE_DEFINITIONS BUILD=1)`, "", "another version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := tinySource(t, c.cmake)
			s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
			_, err := s.Install(t.Context(), Options{Archive: onDisk(t, source)})
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %v, want %q", err, c.words)
			}
			failed, ok := errors.AsType[*BuildError](err)
			if ok != (c.step != "") {
				t.Fatalf("got %T %v", err, err)
			}
			if ok {
				log, err := os.ReadFile(failed.Log)
				if failed.Step != c.step || err != nil || !strings.Contains(string(log), c.words) {
					t.Errorf("step %s, log %s: %v", failed.Step, log, err)
				}
			}
			if rest := left(t, s); len(rest) != 0 {
				t.Errorf("left: %v", rest)
			}
			if _, err := s.Installed(t.Context()); !errors.Is(err, ErrNone) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestBuildCancelled stops a build that would wait for ever.
func TestBuildCancelled(t *testing.T) {
	hold := filepath.Join(t.TempDir(), "hold")
	source := tinySource(t, waitFor(hold))
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), source)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.Install(ctx, Options{Archive: onDisk(t, source), Progress: func(step Step) {
		if step.Stage == Building {
			cancel()
		}
	}})
	if !errors.Is(err, ctx.Err()) || err == nil {
		t.Errorf("got %v", err)
	}
	if rest := left(t, s); len(rest) != 0 {
		t.Errorf("left: %v", rest)
	}
	noneIn(t, s.dir)
}

// waitFor adds a build step that ends when a file appears.
func waitFor(path string) string {
	return fmt.Sprintf(`file(WRITE ${CMAKE_SOURCE_DIR}/wait.sh "while ! test -e %s; do sleep 0.05; done\n")
add_custom_command(TARGET llama-server PRE_LINK COMMAND sh ${CMAKE_SOURCE_DIR}/wait.sh)
`, path)
}

// noneIn waits until no process works in a folder: a killed process namespace
// takes a moment to go.
func noneIn(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var alive []string
		links, _ := filepath.Glob("/proc/[0-9]*/cwd")
		for _, l := range links {
			if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, dir) {
				alive = append(alive, l+" "+to)
			}
		}
		if len(alive) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still at work: %v", alive)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestTwoInstalls: one builds, the other waits and takes what it finds.
func TestTwoInstalls(t *testing.T) {
	dir := t.TempDir()
	hold := filepath.Join(dir, "hold")
	source := tinySource(t, waitFor(hold))
	archive := onDisk(t, source)
	waiting := make(chan struct{})
	building := make(chan struct{})
	var built, waited atomic.Int32
	var group errgroup.Group
	run := func() error {
		s := newStore(t, filepath.Join(dir, "engines"), source)
		first := true
		_, err := s.Install(t.Context(), Options{Archive: archive, Progress: func(step Step) {
			switch {
			case step.Stage == Waiting:
				waited.Add(1)
				close(waiting)
			case step.Stage == Building && first:
				first = false
				built.Add(1)
				close(building)
			}
		}})
		return err
	}
	group.Go(run)
	<-building
	group.Go(run)
	<-waiting
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if built.Load() != 1 || waited.Load() != 1 {
		t.Errorf("built %d times, waited %d times", built.Load(), waited.Load())
	}
}

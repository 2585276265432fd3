package enginepack

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// Whoever may write into the store, or stands in the folder of a build, could
// exchange what the compiler reads. Such a folder is closed where it is ours,
// else refused.
func TestFolders(t *testing.T) {
	source := tinySource(t, "")
	dir := filepath.Join(t.TempDir(), "engines")
	if err := errors.Join(os.Mkdir(dir, 0), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, dir, source)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("a loose folder: %v, %v", info.Mode(), err)
	}
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(shared); err == nil {
		t.Error("a folder for every account is a store")
	}
	loose := t.TempDir()
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install(t.Context(), Options{Archive: onDisk(t, source), BuildDir: loose}); err == nil || !strings.Contains(err.Error(), "exchange") {
		t.Errorf("a build where every account may rename: %v", err)
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, incomingName), 0o777), os.Chown(filepath.Join(dir, incomingName), 65533, 65533)); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{"a part": {}, "a build": {Archive: onDisk(t, source)}} {
		if _, err := s.Install(t.Context(), o); err == nil || !strings.Contains(err.Error(), "belongs to account 65533") {
			t.Errorf("%s in another account's folder: %v", name, err)
		}
	}
	if err := os.Chown(dir, 65533, 65533); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("another account's store was opened")
	}
}

// An archive that the person names may be another account's, which changes it
// between the check and the unpacking.
func TestArchiveChanges(t *testing.T) {
	good := tinySource(t, "")
	evil := tarball(t, append(tinyEntries(""), file(testInside+"evil.cpp", "int evil;"))...)
	path := onDisk(t, good)
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), good)
	_, err := s.Install(t.Context(), Options{Archive: path, Progress: func(st Step) {
		if st.Stage == Unpacking {
			if err := os.WriteFile(path, evil, 0o600); err != nil { // the same inode, open since the check
				t.Error(err)
			}
		}
	}})
	if _, ok := errors.AsType[*ArchiveError](err); !ok {
		t.Errorf("error %v", err)
	}
	if l := left(t, s); len(l) != 0 {
		t.Errorf("left behind: %v", l)
	}
}

// A store below somebody's repository: what the source asks git is answered by
// no repository, for that one's settings may name programs to run.
func TestBuildSeesNoRepository(t *testing.T) {
	top := t.TempDir()
	for _, d := range []string{".git/objects", ".git/refs"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(top, ".git/HEAD"), []byte("ref: refs/heads/main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if git, err := exec.LookPath("git"); err == nil {
		c := exec.CommandContext(t.Context(), git, "rev-parse", "--git-dir")
		c.Dir, c.Env = top, []string{"HOME=" + top}
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("control: %v %s", err, out)
		}
	}
	source := tinySource(t, `execute_process(COMMAND git rev-parse --git-dir WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} RESULT_VARIABLE code OUTPUT_VARIABLE seen ERROR_QUIET)
if(code EQUAL 0)
  message(FATAL_ERROR "saw the repository ${seen}")
endif()
`)
	s := newStore(t, filepath.Join(top, "engines"), source)
	if _, err := s.Install(t.Context(), Options{Archive: onDisk(t, source)}); err != nil {
		t.Fatal(err)
	}
}

// A record that praises itself is not believed, and a planted file's name does
// not reach the terminal as it is.
func TestLyingRecord(t *testing.T) {
	b := tinyReady(t)
	s, p := readyStore(t, b, onDisk(t, b))
	if err := os.Chmod(p.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := edit(filepath.Join(p.Dir, recordName), func(b []byte) []byte {
		return bytes.Replace(b, []byte(TrustReadyMade), []byte(TrustBuilt), 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Installed(t.Context())
	if err != nil || again.Trust != TrustReadyMade {
		t.Errorf("%v, %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "lib\x1b]0;owned\x07.so"), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	_, err = s.Installed(t.Context())
	if err == nil || strings.ContainsFunc(err.Error(), unicode.IsControl) {
		t.Errorf("%+q", err)
	}
}

// A named engine of several parts loads what lies in its folder: a library that
// comes later stops it, and so does a folder that every account may change.
func TestNamedPlanted(t *testing.T) {
	b := tinyReady(t)
	_, installed := readyStore(t, b, onDisk(t, b))
	if err := os.Chmod(installed.Server, 0o555); err != nil { // for this copy
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "named")
	if err := os.CopyFS(dir, os.DirFS(installed.Dir)); err != nil {
		t.Fatal(err)
	}
	p, err := FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Unchanged(); err != nil {
		t.Fatalf("control: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "libggml-evil.so"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*DamagedError](p.Unchanged()); !ok {
		t.Error("a library that was planted later is loaded")
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "libggml-evil.so")), os.Chmod(filepath.Join(dir, serverName), 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPath(dir); err == nil || !strings.Contains(err.Error(), "every account") {
		t.Errorf("a program that every account may write: %v", err)
	}
	if err := errors.Join(os.Chmod(filepath.Join(dir, serverName), 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPath(dir); err == nil || !strings.Contains(err.Error(), "every account") {
		t.Errorf("a folder that every account may write: %v", err)
	}
}

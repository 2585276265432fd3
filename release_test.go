//go:build release

package house

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoBuilds builds the program from two folders with two caches: the bytes
// must be equal, so that anyone can check that a release is what its source says.
func TestTwoBuilds(t *testing.T) {
	var sums [2][32]byte
	for i := range sums {
		dir := filepath.Join(t.TempDir(), strings.Repeat("x", i*7+1))
		copySource(t, dir)
		out := filepath.Join(dir, "abaton")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=release", "-o", out, "./cmd/abaton")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if i > 0 {
			cmd.Env = append(cmd.Env, "GOCACHE="+t.TempDir())
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %d: %v\n%s", i, err, text)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(b)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of one source differ: %x and %x", sums[0], sums[1])
	}
}

func copySource(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || p == "bin" || p == "clients") {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, p), 0o755)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, p), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

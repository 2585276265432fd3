package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// uvVersion is of the installer of Python packages, itself from their registry:
// it finds versions that fit together in seconds, where hundreds are wanted.
const uvVersion = "0.13.9"

// nodeVersion is of the Node that newer clients need; its registry carries it.
const nodeVersion = "22.23.3"

// registryDay is the day whose registries are looked at: so what packages need
// is pinned, too, which nobody lists here.
const registryDay = "2026-11-25"

// cache is a folder that outlives a run, where packages are installed.
func cache(t *testing.T, parts ...string) string {
	t.Helper()
	dir := os.Getenv("ABATON_CHECK_CACHE")
	if dir == "" {
		t.Fatal("ABATON_CHECK_CACHE names no folder: run `make clients`")
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, " ")))
	dir = filepath.Join(dir, "clients", parts[0]+"-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// installed and finish keep a broken installation from being used: the mark is
// made last.
func installed(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "whole"))
	return err == nil
}

func finish(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// command runs a program, which must succeed.
func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// python gives the interpreter of an environment that has the packages.
func python(t *testing.T, name, version string, packages ...string) string {
	t.Helper()
	return pythonWithout(t, name, version, nil, packages...)
}

// pythonWithout leaves out what packages say that they need, and do not need for
// what is tried here.
func pythonWithout(t *testing.T, name, version string, without []string, packages ...string) string {
	t.Helper()
	dir := cache(t, append(append([]string{name, version, uvVersion, registryDay}, packages...), without...)...)
	interpreter := filepath.Join(dir, "bin", "python")
	if installed(dir) {
		return interpreter
	}
	uv := cache(t, "uv", uvVersion)
	if !installed(uv) {
		command(t, uv, "python3", "-m", "venv", uv)
		command(t, uv, filepath.Join(uv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv=="+uvVersion)
		finish(t, uv)
	}
	store := filepath.Join(filepath.Dir(uv), "uv-store")
	command(t, dir, filepath.Join(uv, "bin", "uv"), "venv", "--quiet", "--clear", "--no-python-downloads", "--python", version, dir)
	var never strings.Builder
	for _, name := range without {
		fmt.Fprintf(&never, "%s ; sys_platform == 'never'\n", name)
	}
	overrides := filepath.Join(dir, "without.txt")
	write(t, overrides, never.String())
	install := []string{"pip", "install", "--quiet", "--cache-dir", store, "--python", interpreter, "--exclude-newer", registryDay + "T00:00:00Z", "--overrides", overrides}
	command(t, dir, filepath.Join(uv, "bin", "uv"), append(install, packages...)...)
	finish(t, dir)
	return interpreter
}

// node gives the folder where packages are installed, and the Node to run them.
func node(t *testing.T, name string, packages ...string) (dir, program string) {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	own := "node-" + runtime.GOOS + "-" + arch
	packages = append(packages, own+"@"+nodeVersion)
	dir = cache(t, append([]string{name, registryDay}, packages...)...)
	program = filepath.Join(dir, "node_modules", own, "bin", "node")
	if installed(dir) {
		return dir, program
	}
	command(t, dir, "npm", append([]string{"install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--engine-strict=false", "--before", registryDay, "--prefix", dir}, packages...)...)
	finish(t, dir)
	return dir, program
}

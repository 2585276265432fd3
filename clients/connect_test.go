package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pasted gives the lines that `abaton connect` prints for a program, as a person
// pastes them: with a key in the place of abt_….
func pasted(t *testing.T, d door, program string) string {
	t.Helper()
	args := []string{"connect", program}
	if d == byAddress {
		args = append(args, "--no-header")
	}
	lines, err := runVerb("", args...)
	if err != nil {
		t.Fatal(err)
	}
	if d == byNone {
		lines = strings.NewReplacer(served.address, keylessAddress, "abt_…", "none").Replace(lines)
	}
	return strings.NewReplacer(served.address, keyedAddress, "abt_…", served.token).Replace(lines)
}

// exported are the variables that such lines set.
func exported(t *testing.T, d door, program string) []string {
	t.Helper()
	var env []string
	for line := range strings.Lines(pasted(t, d, program)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(v, "=")
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}

// last is the last of such lines: a command to type.
func last(t *testing.T, d door, program string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(pasted(t, d, program)), "\n")
	return strings.Fields(lines[len(lines)-1])
}

// write makes a file, and the folders that lead to it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

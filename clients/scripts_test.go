package clients

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// environment tells a script where it asks, and how.
func environment(d door) []string {
	return []string{"BASE=" + d.base(), "KEY=" + d.key(), "DOOR=" + d.word(), "MODEL=" + model, "EMBEDDER=" + embedder,
		"BRIEF=" + strings.Join(brief, "|"), "BREAKER=http://" + breakerAddress + "/", "SHAPED=" + shaped(), "PYTHONDONTWRITEBYTECODE=1"}
}

// script runs one of testdata, which says a line of JSON for each check.
func script(t *testing.T, d door, limit time.Duration, env []string, argv ...string) []check {
	t.Helper()
	r := closed(t, limit, t.TempDir(), append(environment(d), env...), argv...)
	return told(t, r)
}

// told reads what a script said.
func told(t *testing.T, r ran) []check {
	t.Helper()
	var all []check
	for lines := bufio.NewScanner(strings.NewReader(r.out)); lines.Scan(); {
		var c check
		if json.Unmarshal(lines.Bytes(), &c) == nil && c.Name != "" {
			all = append(all, c)
		}
	}
	if r.err != nil || len(all) == 0 {
		t.Fatalf("%v\n%s%s", r.err, r.out, r.errs)
	}
	return all
}

// inPython gives the run of a script of testdata with some packages.
func inPython(name string, packages ...string) func(*testing.T, door) []check {
	return func(t *testing.T, d door) []check {
		interpreter := python(t, "python-"+strings.TrimSuffix(name, ".py"), "python3", packages...)
		return script(t, d, 10*time.Minute, nil, interpreter, there(t, name))
	}
}

// inNode is the same for Node, which looks for packages beside the script.
func inNode(name string, packages ...string) func(*testing.T, door) []check {
	return func(t *testing.T, d door) []check {
		dir, program := node(t, "node-"+strings.TrimSuffix(name, ".mjs"), packages...)
		for _, file := range []string{name, "checks.mjs", "padded.mjs"} {
			text, err := os.ReadFile(there(t, file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return script(t, d, 10*time.Minute, nil, program, filepath.Join(dir, name))
	}
}

// there is the whole path of a file of testdata.
func there(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

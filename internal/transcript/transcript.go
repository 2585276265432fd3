// Package transcript runs golden wire transcripts: one txtar archive per case,
// which holds what goes in and what must come out. Run the test with -update to
// write what comes out into the archives, then read the difference.
package transcript

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what comes out into the golden transcripts")

// Case is what goes in.
type Case struct {
	Name    string
	archive *txtar.Archive
}

// In gives the named section; a missing one is empty. Archives end every
// section with a newline, which is taken off.
func (c Case) In(section string) []byte {
	for _, f := range c.archive.Files {
		if f.Name == section {
			return bytes.TrimSuffix(f.Data, []byte("\n"))
		}
	}
	return nil
}

// Run makes a subtest of every *.txtar file in dir. play turns a case into its
// outputs by section name; outs names every section that is an output, so that
// one which no longer comes out is missed.
func Run(t *testing.T, dir string, outs []string, play func(testing.TB, Case) map[string][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts in %s: %v", dir, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, Case{name, archive})
			fresh := &txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if !slices.Contains(outs, f.Name) {
					fresh.Files = append(fresh.Files, f)
				}
			}
			for _, name := range outs {
				if b, ok := got[name]; ok {
					fresh.Files = append(fresh.Files, txtar.File{Name: name, Data: endLine(b)})
				}
			}
			want, have := string(txtar.Format(archive)), string(txtar.Format(fresh))
			if want == have {
				return
			}
			if *update {
				if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, cmp.Diff(want, have))
		})
	}
}

func endLine(b []byte) []byte {
	if len(b) == 0 || b[len(b)-1] != '\n' {
		return append(bytes.Clone(b), '\n')
	}
	return b
}

package engine

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

// The attack: a program of this account puts another program, or another
// folder, in the place of the engine after it was checked and before the jail
// opens it. The promise: what runs is the inode that was checked, or nothing.
func TestExchangedEngine(t *testing.T) {
	for name, exchange := range map[string]func(server string, b []byte) error{
		"other program": func(server string, b []byte) error {
			return errors.Join(os.Remove(server), os.WriteFile(server, b, 0o755))
		},
		"link": func(server string, b []byte) error {
			return errors.Join(os.Remove(server), os.WriteFile(server+".other", b, 0o755), os.Symlink(server+".other", server))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			server := copyTo(t, pack.Server, dir)
			named, err := enginepack.FromPath(server)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(server)
			if err != nil {
				t.Fatal(err)
			}
			e := start(t, func(c *Config) { c.Pack = named })
			launch, hold := e.launch, true
			e.launch = func(ctx context.Context, s sandbox.Spec) (*sandbox.Process, error) {
				if err := exchange(server, b); err != nil {
					t.Error(err)
				}
				if !hold {
					s.Program.Opened = nil
				}
				return launch(ctx, s)
			}
			p := ask("Name the capital of France.", 3)
			if err := e.Warm(t.Context(), p.Person, p.Model); err == nil || !strings.Contains(err.Error(), "no longer the file that was verified") {
				t.Errorf("an exchanged engine runs: %v", err)
			}
			if n := len(e.Workers()); n != 0 {
				t.Errorf("%d workers", n)
			}
			hold = false // and as it was once more, so that it passes the check
			if err := errors.Join(os.Remove(server), os.WriteFile(server, b, 0o755)); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(server + ".other")
			if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
				t.Errorf("control: by its path it runs as well: %v", err)
			}
		})
	}
}

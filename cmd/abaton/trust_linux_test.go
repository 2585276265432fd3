package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The attack: the account that the service runs as, or anybody, writes a
// configuration that root reads at the next start and hands over a folder of
// root's by it. The promise: such a file is refused, and the folder of the
// configuration is never handed over.
func TestConfigurationOfOthersIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		mode  os.FileMode
		owner int
		dir   os.FileMode
		ok    bool
	}{
		"own":                {0o600, os.Geteuid(), 0o700, true},
		"readable by others": {0o644, os.Geteuid(), 0o755, true},
		"written by all":     {0o666, os.Geteuid(), 0o700, false},
		"folder of all":      {0o600, os.Geteuid(), 0o777, false},
		"of another account": {0o600, 65534, 0o755, os.Geteuid() == 65534},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "config")
			file := filepath.Join(dir, "abaton.toml")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("threads = 1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.owner != os.Geteuid() {
				if err := os.Chown(file, c.owner, c.owner); err != nil {
					if os.Geteuid() == 0 {
						t.Fatal(err)
					}
					return // only root can give a file away
				}
			}
			if err := os.Chmod(dir, c.dir); err != nil {
				t.Fatal(err)
			}
			if err := trusted(file); (err == nil) != c.ok {
				t.Errorf("trusted: %v", err)
			}
			t.Setenv("ABATON_CONFIG_DIR", dir)
			if _, err := readConfig(nil); (err == nil) != c.ok {
				t.Errorf("readConfig: %v", err)
			}
		})
	}
}

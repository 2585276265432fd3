package enginepack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"abaton.local/models"
)

// stage makes an empty folder in which a pack is put together. It lies beside
// the final place: renaming a read-only folder needs the same parent.
func (s *Store) stage(p plan) (*os.Root, error) {
	dir := filepath.Join(s.dir, stagePrefix+p.key())
	if err := removeAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

// commit records, locks and renames a staged pack: the last step is the only
// one that makes it visible. It is then checked like any installed pack.
func (s *Store) commit(ctx context.Context, stage *os.Root, p plan, compiler string) (*Pack, error) {
	rec := record{plan: p, Compiler: compiler, When: time.Now().UTC().Truncate(time.Second), Files: make(map[string]models.Digest)}
	entries, err := fs.ReadDir(stage.FS(), ".")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	if rec.Links, err = linksOf(stage.Name(), serverName, all); err != nil {
		return nil, err
	}
	for _, name := range all {
		if err := flush(stage, name); err != nil {
			return nil, err
		}
		if rec.Files[name], _, err = readDigest(ctx, stage, name, installedMode(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := stage.Chmod(name, installedMode(name)); err != nil {
			return nil, err
		}
	}
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := stage.WriteFile(recordName, append(b, '\n'), modeFile); err != nil {
		return nil, err
	}
	if err := stage.Chmod(recordName, modeFile); err != nil { // whatever the umask
		return nil, err
	}
	if err := errors.Join(flush(stage, recordName), flush(stage, ".")); err != nil {
		return nil, err
	}
	if err := stage.Chmod(".", modeDir); err != nil {
		return nil, err
	}
	if err := os.Rename(stage.Name(), filepath.Join(s.dir, p.key())); err != nil {
		return nil, err
	}
	if parent, err := os.Open(s.dir); err == nil {
		parent.Sync()
		parent.Close()
	}
	return s.load(ctx, p)
}

// installedMode is the mode of a pack's file, by its name.
func installedMode(name string) fs.FileMode {
	switch {
	case name == serverName:
		return modeServer
	case strings.HasPrefix(name, "lib") && strings.Contains(name, ".so"):
		return modeLib
	default:
		return modeFile
	}
}

// checkVersion starts the program once, without a network, and looks for its
// build number.
func (s *Store) checkVersion(ctx context.Context, dir string, p plan) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out strings.Builder
	env := []string{"GGML_NO_BACKTRACE=1"}
	if p.Layout == Shared {
		env = append(env, "LD_LIBRARY_PATH="+dir)
	}
	err := confined(ctx, command{argv: []string{filepath.Join(dir, serverName), "--version"}, dir: dir, env: env, out: &out})
	said := strings.TrimSpace(out.String())
	if _, isolation := errors.AsType[*IsolationError](err); isolation {
		return err
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("the engine does not start on this machine (%v): %q", exit, tail(said))
	}
	if err != nil {
		return fmt.Errorf("the engine does not start on this machine: %w", err)
	}
	if !strings.Contains(said, strings.TrimPrefix(p.Build, "b")) {
		return fmt.Errorf("the engine says another version than %s: %q", p.Build, tail(said))
	}
	return nil
}

// tail shortens what a program said.
func tail(s string) string {
	const most = 500
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// copyFile writes a new file from outside of a pack into its stage.
func copyFile(stage *os.Root, name, from string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := stage.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// flush brings a file or folder to the disk before it becomes visible: after a
// power cut a pack is whole or absent.
func flush(stage *os.Root, name string) error {
	f, err := stage.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

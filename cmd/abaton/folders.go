package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// folders says where things lie: below the XDG base directories of a person,
// or in the system's places for the service account.
type folders struct {
	Config  string `toml:"-"`
	Data    string `toml:"data"`
	State   string `toml:"state"`
	Cache   string `toml:"cache"`
	Runtime string `toml:"runtime"`
	Models  string `toml:"models"`  // below Data unless set: may lie on another disk
	Engines string `toml:"engines"` // likewise
}

// systemWide reports whether this process is the service: root, who will
// become the account, or the account itself.
func systemWide(account string) bool {
	if os.Getuid() == 0 {
		return true
	}
	u, err := user.Lookup(account)
	return err == nil && u.Uid == strconv.Itoa(os.Getuid())
}

// standardFolders is where things lie when nobody says otherwise. env gives
// the value of a variable.
func standardFolders(system bool, env func(string) string) folders {
	f := folders{Config: env("ABATON_CONFIG_DIR")}
	if system {
		f.Config = orPath(f.Config, "/etc/abaton")
		f.Data, f.State, f.Cache, f.Runtime = "/var/lib/abaton", "/var/lib/abaton/state", "/var/cache/abaton", "/run/abaton"
		return f
	}
	home := env("HOME")
	base := func(variable, below string) string {
		if d := env(variable); filepath.IsAbs(d) { // the specification: relative ones are ignored
			return filepath.Join(d, "abaton")
		}
		return filepath.Join(home, below, "abaton")
	}
	f.Config = orPath(f.Config, base("XDG_CONFIG_HOME", ".config"))
	f.Data = base("XDG_DATA_HOME", ".local/share")
	f.State = base("XDG_STATE_HOME", ".local/state")
	f.Cache = base("XDG_CACHE_HOME", ".cache")
	if d := env("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		f.Runtime = filepath.Join(d, "abaton")
	}
	return f
}

// fill applies the variables over the file's folders, and derives the rest.
func (f *folders) fill(env func(string) string) {
	state := f.State
	f.Data = orPath(env("ABATON_DATA_DIR"), f.Data)
	f.State = orPath(env("ABATON_STATE_DIR"), f.State)
	f.Cache = orPath(env("ABATON_CACHE_DIR"), f.Cache)
	f.Runtime = orPath(env("ABATON_RUNTIME_DIR"), f.Runtime)
	if f.Runtime == "" {
		f.Runtime = filepath.Join(orPath(f.State, state), "run")
	}
	f.Models = orPath(f.Models, filepath.Join(f.Data, "models"))
	f.Engines = orPath(f.Engines, filepath.Join(f.Data, "engines"))
}

// orPath is path as an absolute path, or other where path is empty.
func orPath(path, other string) string {
	if path == "" {
		return other
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Socket is where a running serve listens for this account's other programs.
func (f folders) Socket() string { return filepath.Join(f.Runtime, socketName) }

// Tokens is the folder of the access token's digest.
func (f folders) Tokens() string { return f.Data }

// socketName is short on purpose: once locked down, a process can connect only
// to Unix sockets whose name has at most twelve letters.
const socketName = "abaton.sock"

// make makes the folders, closed to other accounts. A folder that exists must
// belong to this account and is closed if it was open.
func (f folders) make() error {
	for _, dir := range f.own() {
		if err := makePrivate(dir); err != nil {
			return err
		}
	}
	return nil
}

// own are the folders that this account must own. The configuration is not
// among them: an administrator may keep that to root.
func (f folders) own() []string { return []string{f.Data, f.State, f.Cache, f.Runtime} }

func makePrivate(dir string) error {
	if dir == "" || !filepath.IsAbs(dir) {
		return fmt.Errorf("no place for data is known: set HOME, or ABATON_DATA_DIR and its siblings")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is in the way: a folder is needed there", dir)
	case ownerOf(info) != os.Getuid():
		return fmt.Errorf("%s belongs to another account: give it to this one, or set another folder", dir)
	case info.Mode().Perm()&0o077 != 0:
		return os.Chmod(dir, 0o700)
	}
	return nil
}

package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withFile gives readConfig a configuration file and nothing else.
func withFile(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	for _, s := range settings {
		t.Setenv(s.variable(), "")
		os.Unsetenv(s.variable()) // t.Setenv puts it back at the end
	}
	t.Setenv("ABATON_CONFIG_DIR", dir)
	if err := os.WriteFile(filepath.Join(dir, "abaton.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFlagsBeatVariablesBeatTheFile(t *testing.T) {
	withFile(t, "threads = 1\nmax_waiting = 11\ncontext = 111\nkeep_alive = \"1m\"\nnames = [\"a\", \"b\"]\n[folders]\nmodels = \"/other/disk\"\n")
	t.Setenv("ABATON_MAX_WAITING", "22")
	t.Setenv("ABATON_CONTEXT", "222")
	t.Setenv("ABATON_NAMES", "c,d")
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	given := register(fs, settingKeys())
	if err := fs.Parse([]string{"--context", "333", "--keep-alive=-1", "--accept-unjailed-engine"}); err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(given)
	if err != nil {
		t.Fatal(err)
	}
	if c.Threads != 1 || c.MaxWaiting != 22 || c.Context != 333 || time.Duration(c.KeepAlive) != -1 || !c.AcceptUnjailed || strings.Join(c.Names, " ") != "c d" {
		t.Errorf("%+v", c)
	}
	if c.Folders.Models != "/other/disk" || c.Address != "127.0.0.1:8226" {
		t.Errorf("%+v", c)
	}
}

func TestWrongSettingsNameTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, file, variable, value, flag, want string }{
		{"unknown key", "threads = 2\nthread = 3\n", "", "", "", `abaton.toml line 2: no setting is called "thread"; did you mean "threads"?`},
		{"unknown table", "[folder]\ndata = \"/x\"\n", "", "", "", `line 1: no setting is called "folder`},
		{"unknown folder", "[folders]\nmodel = \"/x\"\n", "", "", "", `did you mean "folders.models"?`},
		{"syntax", "threads = \n", "", "", "", "abaton.toml line 1, column"},
		{"type", "threads = \"two\"\n", "", "", "", "abaton.toml line 1, column"},
		{"time", "keep_alive = \"soon\"\n", "", "", "", `"soon" is not a time such as 30s or 5m`},
		{"range in the file", "threads = -1\n", "", "", "", "threads in "},
		{"variable", "", "ABATON_THREADS", "many", "", `ABATON_THREADS: "many" is not a whole number`},
		{"range in a variable", "", "ABATON_CONTEXT", "3", "", "ABATON_CONTEXT: from 64"},
		{"temperature", "temperature = 3.0\n", "", "", "", "temperature in "},
		{"no number", "", "ABATON_TEMPERATURE", "hot", "", `"hot" is not a number`},
		{"not a number", "", "ABATON_TEMPERATURE", "NaN", "", "from 0 to 2"},
		{"too short a life", "", "", "", "--keep-alive=0s", "1s or more"},
		{"flag", "", "", "", "--keep-alive=x", `--keep-alive: "x" is not a time`},
		{"range in a flag", "", "", "", "--max-waiting=0", "--max-waiting: from 1"},
		{"too few for a page", "max_requests = 15\n", "", "", "", "max_requests in "},
		{"more than a machine bears", "", "ABATON_MAX_REQUESTS", "20001", "", "from 16 to 20000"},
		{"not loopback", "address = \"0.0.0.0:8226\"\n", "", "", "", "0.0.0.0 is not this machine alone"},
		{"a name that is not loopback", "", "", "", "--address=example.com:80", "example.com is not this machine alone"},
		{"every address", "", "", "", "--address=:8226", "an empty host is not this machine alone"},
		{"no port", "", "", "", "--address=127.0.0.1", "is not an address such as"},
		{"port", "", "", "", "--address=127.0.0.1:70000", "is not a port"},
		{"no shape", "lan_shape = \"loud\"\n", "", "", "", "lan_shape in "},
		{"a shape for pages", "", "", "", "--shape=channel", "off, pad, paced or sealed"},
		{"a window that is too long", "", "", "", "--shape-window=11m", "--shape-window: whole seconds from 1s to 10m"},
		{"a window between seconds", "", "ABATON_SHAPE_WINDOW", "1500ms", "", "ABATON_SHAPE_WINDOW: whole seconds"},
		{"less for one person", "[people.ada]\nshape = \"off\"\n", "", "", "", "people.ada: shape: pad, paced or sealed"},
		{"a person without a shape", "[people.ada]\n", "", "", "", "people.ada: shape: pad, paced or sealed"},
		{"a shape that is none", "[keys.0123456789abcdef]\nshape = \"channel\"\n", "", "", "", "keys.0123456789abcdef: shape: pad, paced or sealed"},
		{"no key", "[keys.robot]\nshape = \"sealed\"\n", "", "", "", "keys.robot: it is no token's ID"},
		{"a misspelt shape", "[people.ada]\nshap = \"sealed\"\n", "", "", "", "no setting is called"},
		{"root", "", "ABATON_USER", "root", "", "account other than root"},
		{"no witness", "witnesses = [\"box.example+12345678+AAAA\"]\n", "", "", "", "witnesses in "},
		{"a log's key", "", "", "", "--witnesses=abaton.local/audit/0000000000000000+12345678+AYn3cGV83RBolGuOX/IOIf9E1HId94A5AWYidnWXRG/0", "no public key of a witness"},
		{"a witness twice", "", "ABATON_WITNESSES", "witness.example.org/1+797817f9+BNYvAWoe/R5P33k+tCzYRHHhup8M8E0Sh7XMcfYWKHy4,witness.example.org/1+797817f9+BNYvAWoe/R5P33k+tCzYRHHhup8M8E0Sh7XMcfYWKHy4", "", "there twice"},
		{"switch", "", "", "", "--accept-unjailed-engine=perhaps", "neither true nor false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withFile(t, c.file)
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			fs := flag.NewFlagSet("x", flag.ContinueOnError)
			fs.SetOutput(io.Discard)
			given := register(fs, settingKeys())
			if c.flag != "" {
				if err := fs.Parse([]string{c.flag}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := readConfig(given)
			if _, ok := errors.AsType[configError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLoopbackAddresses(t *testing.T) {
	for _, a := range []string{"127.0.0.1:8226", "127.8.8.8:1", "[::1]:8226", "localhost:0"} {
		withFile(t, "address = \""+a+"\"\n")
		if _, err := readConfig(nil); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestFoldersOfAPerson(t *testing.T) {
	env := map[string]string{"HOME": "/home/a", "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "relative", "XDG_RUNTIME_DIR": "/run/user/7"}
	f := standardFolders(false, func(n string) string { return env[n] })
	f.fill(func(n string) string { return env[n] })
	want := folders{"/home/a/.config/abaton", "/data/abaton", "/home/a/.local/state/abaton", "/home/a/.cache/abaton", "/run/user/7/abaton", "/data/abaton/models", "/data/abaton/engines"}
	if f != want {
		t.Errorf("%+v\nwant %+v", f, want)
	}
	delete(env, "XDG_RUNTIME_DIR")
	f = standardFolders(false, func(n string) string { return env[n] })
	f.fill(func(n string) string { return env[n] })
	if f.Runtime != "/home/a/.local/state/abaton/run" {
		t.Errorf("runtime folder %s", f.Runtime)
	}
}

func TestFoldersOfTheService(t *testing.T) {
	f := standardFolders(true, func(string) string { return "" })
	f.fill(func(string) string { return "" })
	want := folders{"/etc/abaton", "/var/lib/abaton", "/var/lib/abaton/state", "/var/cache/abaton", "/run/abaton", "/var/lib/abaton/models", "/var/lib/abaton/engines"}
	if f != want {
		t.Errorf("%+v\nwant %+v", f, want)
	}
}

func TestFoldersAreClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := makePrivate(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := makePrivate(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := makePrivate("relative"); err == nil {
		t.Error("a relative folder was taken")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makePrivate(file); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("a file in the way: %v", err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"chat", "ask", "serve", "pull", "models", "audit", "version", "help"}
	for in, want := range map[string]string{"chta": "chat", "model": "models", "modles": "models", "servr": "serve", "halp": "help", "xyzzy": "", "ver": "version", "": ""} {
		if got := nearest(in, names); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestStoreHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	l, err := lockStore(dir, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockStore(dir, "chat"); err == nil || !strings.Contains(err.Error(), "`abaton serve` (process ") {
		t.Errorf("a second owner: %v", err)
	}
	l.release()
	l, err = lockStore(dir, "ask")
	if err != nil {
		t.Fatal(err)
	}
	l.release()
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAccountEnvironment(t *testing.T) {
	a := account{name: "anna", uid: os.Getuid(), gid: os.Getgid()}
	got := accountEnvironment([]string{
		"HOME=/root", "USER=root", "LOGNAME=root", "ABATON_USER=1000", "ABATON_DATA_DIR=/d", "LC_ALL=C.UTF-8", "LANG=de", "TZ=UTC", "TERM=vt100",
		"HTTPS_PROXY=http://p", "SSL_CERT_FILE=/ca", "PIP_INDEX_URL=https://i", "PATH=bin", "XDG_RUNTIME_DIR=/run/user/0", "SSH_AUTH_SOCK=/s",
		"AWS_SECRET_ACCESS_KEY=canary", "CREDENTIALS_DIRECTORY=/c", "GODEBUG=x", "LD_PRELOAD=/x", "PYTHONPATH=/x", "MYABATON_X=1", "odd",
	}, a, "/home/anna")
	want := []string{
		"HOME=/home/anna", "USER=anna", "LOGNAME=anna", "ABATON_USER=anna", "ABATON_DATA_DIR=/d", "LC_ALL=C.UTF-8", "LANG=de", "TZ=UTC", "TERM=vt100",
		"HTTPS_PROXY=http://p", "SSL_CERT_FILE=/ca", "PIP_INDEX_URL=https://i", "PATH=" + usualPath,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Every variable that the configuration reads must survive.
func TestSettingsAreKept(t *testing.T) {
	for _, s := range settings {
		v := s.variable() + "=1"
		if s.key != "user" && !slices.Contains(accountEnvironment([]string{v}, account{}, ""), v) {
			t.Errorf("%s is lost", v)
		}
	}
}

func TestSafePath(t *testing.T) {
	dir := t.TempDir()
	at := func(name string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	own, open, group := at("own", 0o755), at("open", 0o777|os.ModeSticky), at("group", 0o775)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{"/usr/bin", open, own, ".", "", "bin", group, file, dir + "/none"}, ":")
	if got, want := safePath(path, os.Getuid()), "/usr/bin:"+own; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if os.Getuid() == 0 { // a third account's
		if err := os.Chown(own, 1234, 1234); err != nil {
			t.Fatal(err)
		}
		if got := safePath(path, 65534); got != "/usr/bin" {
			t.Errorf("%q", got)
		}
	}
	if got := safePath(":.", 0); got != usualPath {
		t.Errorf("%q", got)
	}
}

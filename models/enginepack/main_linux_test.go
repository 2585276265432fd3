package enginepack

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"abaton.local/egress"
)

// TestMain runs a part of this program in another process where the tests need
// one: to kill it, to be another account, to have a disk of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "install" {
		os.Exit(install(os.Args[2], os.Args[3], os.Args[4], os.Args[5]))
	}
	os.Exit(m.Run())
}

// install makes a pack below dir from an archive of a kind: "source", "ready",
// "fetch" for a ready-made one that comes by loopback, or "refused" for source
// where this user namespace allows no further ones. With a size in bytes, dir
// becomes a disk of that size first: it then must run in a mount namespace of
// its own.
func install(kind, dir, archive, size string) int {
	if kind == "named" {
		return checkTogether(archive)
	}
	if n, _ := strconv.Atoi(size); n > 0 {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
			fmt.Println("mount:", err)
			return 2
		}
	}
	unix.Umask(0o077) // a careful account's
	if kind == "refused" {
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			fmt.Println(err)
			return 2
		}
	}
	b, err := os.ReadFile(archive)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	s, err := Open(filepath.Join(dir, "engines"))
	if err != nil {
		fmt.Println(err)
		return 2
	}
	s.pins = pins{source: pin(b)}
	o := Options{Archive: archive, Prebuilt: kind == "ready" || kind == "fetch", Progress: func(step Step) {
		fmt.Println("step:", step.Stage, step.Done, step.Total)
	}}
	if o.Prebuilt {
		srv := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(archive))))
		defer srv.Close()
		withReady(s, b, srv.URL+"/"+filepath.Base(archive))
	}
	if kind == "fetch" {
		o.Archive, o.Door = "", egress.NewDoor(egress.DoorConfig{})
	}
	p, err := s.Install(context.Background(), o)
	if err != nil {
		fmt.Println("error:", err)
		if _, err := s.Installed(context.Background()); err != nil {
			fmt.Println("then:", err)
		}
		return 1
	}
	var before, after unix.Stat_t
	if err := unix.Stat(p.Server, &before); err != nil {
		fmt.Println(err)
		return 2
	}
	again, err := s.Installed(context.Background())
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	if err := unix.Stat(again.Server, &after); err != nil {
		fmt.Println(err)
		return 2
	}
	if info, err := os.Stat(filepath.Join(p.Dir, recordName)); err != nil || info.Mode() != modeFile {
		fmt.Println("record:", info, err)
		return 1
	}
	_, err = os.ReadFile(p.Server)
	// A check that hashes has to change the mode, and with it the change time.
	fmt.Printf("installed: %s mode=%o hashed_again=%v readable=%v\n", again.Key, after.Mode&0o777, before.Ctim != after.Ctim, err == nil)
	return 0
}

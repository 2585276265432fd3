package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the ordinary account that this program becomes when root starts it.
type account struct {
	name     string
	uid, gid int
	home     string
}

// noAccount says that root started the program and there is nobody to become.
type noAccount struct{ name string }

func (e noAccount) Error() string {
	return fmt.Sprintf("started as root, and there is no account %q to become. Make it, then try again:\n"+
		"  useradd --system --home-dir /var/lib/abaton --shell /usr/sbin/nologin %[1]s\n"+
		"or start as an ordinary account:\n"+
		"  runuser -u NAME -- abaton …", e.name)
}

// findAccount looks up an account by name or by number.
func findAccount(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		var byID error
		if u, byID = user.LookupId(name); byID != nil {
			return account{}, noAccount{name}
		}
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return account{}, fmt.Errorf("account %q: %w", name, err)
	}
	if uid == 0 || gid == 0 {
		return account{}, fmt.Errorf("account %q is root by another name: choose one that is not", name)
	}
	return account{u.Username, uid, gid, u.HomeDir}, nil
}

// leaveRoot makes the folders as root, hands them over, becomes the account on
// all threads and for good, and starts the program anew: nothing of root's
// environment, descriptors and memory is left to it. Then it does not return.
// Not being root, it does nothing.
func leaveRoot(c config) error {
	if os.Getuid() != 0 && os.Geteuid() != 0 {
		return nil
	}
	if os.Getuid() != 0 {
		return errors.New("started with root's rights by another account (setuid): this program must not be installed that way")
	}
	a, err := findAccount(c.User)
	if err != nil {
		return err
	}
	syscall.Umask(0o077)
	// Not the folder of the configuration: root reads that at the next start. The
	// device secret has one of its own below it.
	for _, dir := range append(c.Folders.own(), filepath.Dir(c.Folders.Device())) {
		if err := handOverFolder(dir, a); err != nil {
			return err
		}
	}
	if err := become(a); err != nil {
		return fmt.Errorf("cannot become account %q: %w", a.name, err)
	}
	home := a.home
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		home = c.Folders.Data
	}
	err = startAnew(accountEnvironment(environment(), a, home))
	return fmt.Errorf("cannot start anew as account %q, which must be allowed to execute this program: %w", a.name, err)
}

// errInUse says that a folder belongs to root and holds something already.
var errInUse = errors.New("belongs to root and is not empty")

// handOverFolder makes dir if it is not there, and gives it to a. Root may be
// led by a link into somebody's folder, so the folder is opened without
// following one and changed through its descriptor; what belongs to a third
// account, or is in use by root, is left alone.
func handOverFolder(dir string, a account) error {
	if dir == "" {
		return errors.New("a folder has no name: set ABATON_DATA_DIR and its siblings")
	}
	if err := mkdirAllPlain(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("%s is not a folder that can be handed to account %q: %w", dir, a.name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	switch ownerOf(info) {
	case a.uid:
		return nil
	case 0:
	default:
		return fmt.Errorf("%s belongs to neither root nor account %q: look who made it, then\n  chown -R %s: %s", dir, a.name, a.name, dir)
	}
	if names, _ := f.Readdirnames(1); len(names) > 0 {
		return fmt.Errorf("%s %w: look at it, then\n  chown -R %s: %s", dir, errInUse, a.name, dir)
	}
	if err := f.Chown(a.uid, a.gid); err != nil {
		return err
	}
	return f.Chmod(0o700)
}

// mkdirAllPlain makes the parents of a folder, open for others to pass
// through, as a system's folders are.
func mkdirAllPlain(dir string) error {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	return os.MkdirAll(dir, 0o755)
}

// ownerOf is the account number that owns a file.
func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

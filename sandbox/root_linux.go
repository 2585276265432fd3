package sandbox

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// A view is what the program will see of the file system, and what Landlock
// will grant of it.
type view struct {
	program string // the path to execute
	run     int    // /run, opened with O_PATH
	grants  []grant
}

// scratch is covered by the new root while that is being built. Nobody outside
// this mount namespace sees it covered.
const scratch = "/tmp"

// openFiles opens every file with O_PATH, in this mount namespace (the kernel
// binds no descriptor of another one), and refuses one that is no longer what
// was verified.
func (o order) openFiles() ([]int, error) {
	fds := make([]int, len(o.Files))
	for i, f := range o.Files {
		fd, err := unix.Open(f.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if f.Want != nil {
			id, err := identify(fd)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Path, err)
			}
			if id != *f.Want {
				return nil, fmt.Errorf("%s is no longer the file that was verified: it was changed or replaced meanwhile", f.Path)
			}
		}
		fds[i] = fd
	}
	return fds, nil
}

// hostView keeps the host's root: the tiers without namespaces.
func (o order) hostView() (view, error) {
	fds, err := o.openFiles()
	if err != nil {
		return view{}, err
	}
	v := view{program: o.Files[0].Path}
	if v.grants, err = o.showDevices(""); err != nil {
		return view{}, err
	}
	if v.run, err = unix.Open(o.RunFolder, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		return view{}, fmt.Errorf("%s: %w", o.RunFolder, err)
	}
	if err := o.makeRunDirs(&v, fds); err != nil {
		return view{}, err
	}
	if err := os.Chdir(o.at(o.Dir)); err != nil {
		return view{}, err
	}
	return v, nil
}

// emptyRoot makes a root of its own that holds the files, /run and nothing
// else, and moves into it. Needs CAP_SYS_ADMIN in a new mount namespace.
func (o order) emptyRoot(without map[layer]bool) (view, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return view{}, fmt.Errorf("make mounts private: %w", err)
	}
	fds, err := o.openFiles()
	if err != nil {
		return view{}, err
	}
	if err := unix.Mount("abaton", scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=755"); err != nil {
		return view{}, fmt.Errorf("mount a root: %w", err)
	}
	for i, f := range o.Files {
		if o.given(f) {
			continue
		}
		if err := bind(fds[i], scratch+f.Inside, f.Exec, without); err != nil {
			return view{}, fmt.Errorf("bind %s: %w", f.Path, err)
		}
	}
	v := view{program: o.Files[0].Inside}
	if v.grants, err = o.showDevices(scratch); err != nil {
		return view{}, err
	}
	if o.Policy == NativeGPU && !without[pidns] {
		maps, err := o.showMaps(scratch)
		if err != nil {
			return view{}, err
		}
		v.grants = append(v.grants, maps)
	}
	if v.run, err = o.mountRun(without); err != nil {
		return view{}, err
	}
	if err := o.makeRunDirs(&v, fds); err != nil {
		return view{}, err
	}
	if err := enterRoot(without); err != nil {
		return view{}, err
	}
	if err := os.Chdir(o.Dir); err != nil {
		return view{}, err
	}
	return v, nil
}

// given reports whether a folder that is shown whole holds f already.
func (o order) given(f place) bool {
	return slices.ContainsFunc(o.Files, func(dir place) bool {
		return dir.Inside != f.Inside && below(f.Inside, dir.Inside)
	})
}

// bind shows what fd names at target, read-only.
func bind(fd int, target string, exec bool, without map[layer]bool) error {
	attr := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if !without[readOnly] {
		attr |= unix.MOUNT_ATTR_RDONLY
	}
	if !exec && !without[noExec] {
		attr |= unix.MOUNT_ATTR_NOEXEC
	}
	return attach(fd, target, attr)
}

// attach shows what fd names at target, with attributes of mount_setattr(2).
func attach(fd int, target string, attr uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
	} else {
		if err := os.MkdirAll(path.Dir(target), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL, 0o444)
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(fd), target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.MountSetattr(unix.AT_FDCWD, target, 0, &unix.MountAttr{Attr_set: attr})
}

// mountRun makes the one place that can be written: in memory, capped, gone
// with the jail.
func (o order) mountRun(without map[layer]bool) (int, error) {
	run := scratch + "/run"
	if err := os.Mkdir(run, 0o700); err != nil {
		return -1, err
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if !without[noExec] {
		flags |= unix.MS_NOEXEC
	}
	options := "mode=700"
	if !without[userns] {
		options += fmt.Sprintf(",uid=%d,gid=%d", insideID, insideID)
	}
	if !without[runCap] {
		options += fmt.Sprintf(",size=%d,nr_inodes=1024", o.RunSize)
	}
	if err := unix.Mount("abaton-run", run, "tmpfs", flags, options); err != nil {
		return -1, fmt.Errorf("mount /run: %w", err)
	}
	fd, err := unix.Open(run, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /run: %w", err)
	}
	return fd, nil
}

// enterRoot makes scratch the root and lets go of the old one.
func enterRoot(without map[layer]bool) error {
	if err := os.Chdir(scratch); err != nil {
		return err
	}
	// Both arguments the same: the old root then lies on top of the new one and
	// is taken off again (pivot_root(2), notes).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	attr := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if !without[readOnly] {
		attr |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: attr}); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	return nil
}

// makeRunDirs makes the folders below /run and gathers what Landlock grants.
func (o order) makeRunDirs(v *view, files []int) error {
	for i, f := range o.Files {
		g := grant{files[i], mayRead}
		if f.Exec {
			g.may |= mayExecute
		}
		if f.ReadDir {
			g.may |= mayList
		}
		v.grants = append(v.grants, g)
	}
	if o.Policy == Native || o.Policy == NativeGPU {
		v.grants = append(v.grants, grant{v.run, mayServe})
	}
	for _, d := range o.RunDirs {
		if err := unix.Mkdirat(v.run, d, 0o700); err != nil {
			return fmt.Errorf("make /run/%s: %w", d, err)
		}
		fd, err := unix.Openat(v.run, d, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open /run/%s: %w", d, err)
		}
		g := grant{fd, mayKeep}
		if o.Renames {
			g.may |= mayReplace
		}
		if o.ListDirs {
			g.may |= mayList
		}
		v.grants = append(v.grants, g)
	}
	return nil
}

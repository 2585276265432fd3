package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// verdicts remembers under which circumstances the escape probe found no way
// out. It holds good verdicts only: a bad one is found again every time.
type verdicts struct {
	mu   sync.Mutex // held while a probe runs, so that it runs once
	good []string   // keys, in this process
}

const verdictFile = "jail-verdicts.json"

// maxVerdicts is how many are remembered: four policies, and some builds.
const maxVerdicts = 24

// verdictKey says under which circumstances a verdict holds: this boot, kernel,
// binary, account, set of namespaces, tier, policy, devices and list of attempts.
func (j *Jail) verdictKey(policy Policy, devices []device) (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("tell this boot from others: %w", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("tell this kernel from others: %w", err)
	}
	var exe unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &exe); err != nil {
		return "", fmt.Errorf("tell this program from others: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s|%s|%s|", boot, unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]))
	fmt.Fprintf(h, "%d %d %d %d %d|", exe.Dev, exe.Ino, exe.Size, exe.Mtim.Nano(), exe.Ctim.Nano())
	fmt.Fprintf(h, "%d %d|%s|%s|%v|%v|", os.Geteuid(), os.Getegid(), j.tier, policy, j.knobs, devices)
	for _, ns := range []string{"user", "mnt", "pid", "net"} {
		link, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			return "", fmt.Errorf("tell these namespaces from others: %w", err)
		}
		fmt.Fprintf(h, "%s|", link)
	}
	for _, a := range attempts {
		fmt.Fprintf(h, "%s|", a.name)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// holds reports whether key is remembered, here or in dir. A file that is not
// ours alone, or cannot be read, counts for nothing.
func (v *verdicts) holds(dir, key string) bool {
	return slices.Contains(v.good, key) || slices.Contains(readVerdicts(dir), key)
}

func readVerdicts(dir string) (keys []string) {
	if dir == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, verdictFile), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != 0o600 || st.Size > 64<<10 {
		return nil
	}
	if json.NewDecoder(f).Decode(&keys) != nil {
		return nil
	}
	return keys
}

// keep remembers key, in dir too if there is one. Two processes that write at
// once may forget one verdict: it is found again.
func (v *verdicts) keep(dir, key string) error {
	v.good = append(v.good, key)
	if dir == "" {
		return nil
	}
	keys := append(readVerdicts(dir), key)
	keys = keys[max(0, len(keys)-maxVerdicts):]
	b, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	// Always the same name, so that a process killed here leaves one file at
	// most; two that write at once leave one that counts for nothing.
	next := filepath.Join(dir, verdictFile+".new")
	err = errors.Join(os.WriteFile(next, b, 0o600), os.Rename(next, filepath.Join(dir, verdictFile)))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil // remembered in this process only
	}
	if err != nil {
		return fmt.Errorf("remember that the jail holds: %w", err)
	}
	return nil
}

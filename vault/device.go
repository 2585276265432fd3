package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"abaton.local/vault/internal/seal"
	"golang.org/x/sys/unix"
)

const deviceSize = 32 // bytes

// ErrNoDevice says that there is no device secret yet.
var ErrNoDevice = errors.New("there is no device secret")

// Device is the secret of this machine: 32 random bytes in a file outside the
// data folder, mode 0400, never in a backup. It is mixed into what opens a
// vault, all but the recovery code, so that a stolen disk or backup cannot even
// be guessed at; and all that belongs to the house and to no person is sealed
// under keys derived from it. It is safe for concurrent use.
type Device struct {
	path  string
	key   *seal.Key // in arena
	arena *arena
}

// OpenDevice reads the device secret. ErrNoDevice says that there is none: with
// vaults in the store it has to be put back, without any MakeDevice makes one.
// It must not lie in the data folder.
func OpenDevice(path, data string) (*Device, error) {
	if err := outside(path, data); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s: if there are vaults already, put back the file that was there, for without it they open only with a recovery code", ErrNoDevice, path)
	}
	if err != nil {
		return nil, fmt.Errorf("device secret: %w", err)
	}
	defer f.Close()
	if err := private(f, path); err != nil {
		return nil, err
	}
	return readDevice(path, f)
}

// readDevice reads the secret into locked memory, of which nothing is left
// where that fails.
func readDevice(path string, r io.Reader) (_ *Device, err error) {
	a, err := newArena()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	cell, err := a.cell()
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, cell[:]); err != nil {
		return nil, fmt.Errorf("device secret %s: %w", path, err)
	}
	return &Device{path: path, key: seal.KeyAt(cell), arena: a}, nil
}

// MakeDevice makes the device secret where there is none and opens it. Two
// programs at once end with the same one; a crash leaves none or a whole one.
func MakeDevice(path, data string) (*Device, error) {
	d, err := OpenDevice(path, data)
	if !errors.Is(err, ErrNoDevice) {
		return d, err
	}
	if err := writeNew(path); err != nil {
		return nil, fmt.Errorf("making the device secret: %w", err)
	}
	return OpenDevice(path, data)
}

// Close wipes the secret from memory. No vault may be open.
func (d *Device) Close() { d.arena.close() }

// AuditKeys gives what the audit log is signed with and what turns names into
// pseudonyms. The caller wipes them after use.
func (d *Device) AuditKeys() (signing, pseudonyms [32]byte) {
	guarded(func() {
		s := d.key.Derive("device-audit-signing")
		p := d.key.Derive("device-audit-pseudonyms")
		copy(signing[:], s.Bytes())
		copy(pseudonyms[:], p.Bytes())
		s.Clear()
		p.Clear()
	})
	return signing, pseudonyms
}

// directory gives the vault of the directory: its name and its root key.
func (d *Device) directory() (id ID, root *seal.Key) {
	guarded(func() {
		k := d.key.Derive("device-directory-id")
		copy(id[:], k.Bytes())
		k.Clear()
	})
	return id, d.key.Derive("device-directory-root")
}

// heads gives the key under which the remembered heads are sealed.
func (d *Device) heads() *seal.Key { return d.key.Derive("device-heads") }

// String hides the secret.
func (*Device) String() string { return "device secret" }

// Format hides the secret from every verb of package fmt.
func (d *Device) Format(f fmt.State, _ rune) { io.WriteString(f, d.String()) }

// MarshalText hides the secret from package json and structured logs.
func (d *Device) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// private checks that the file is a whole secret which only this account, or
// root for it, can touch.
func private(f *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("device secret %s: %w", path, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("device secret %s: it is not a plain file; put the file itself there", path)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("device secret %s can be used by other accounts (mode %04o): run `chmod 400 %s`, and take it as known to whoever has an account here", path, st.Mode&0o7777, path)
	case int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return fmt.Errorf("device secret %s belongs to account %d, not to this one (%d): run `chown %d %s`", path, st.Uid, os.Geteuid(), os.Geteuid(), path)
	case st.Size != deviceSize:
		return fmt.Errorf("device secret %s has %d bytes instead of %d: it is damaged; put back a copy of it, for without it vaults open only with a recovery code", path, st.Size, deviceSize)
	}
	return nil
}

// outside refuses a path in the data folder: whoever copies that folder, a
// thief or a backup, must not have the secret along with it.
func outside(path, data string) error {
	if data == "" {
		return nil
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("device secret: %w", err)
	}
	below := func(folder, data string) bool {
		rel, err := filepath.Rel(data, folder)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	data, err = filepath.Abs(data)
	if err != nil {
		return fmt.Errorf("device secret: %w", err)
	}
	real, realData := folder, data
	if r, err := filepath.EvalSymlinks(folder); err == nil {
		real = r
	}
	if r, err := filepath.EvalSymlinks(data); err == nil {
		realData = r
	}
	if below(folder, data) || below(real, realData) {
		return fmt.Errorf("device secret %s: it must not lie in the data folder %s, where a backup would carry it along; name another place", path, data)
	}
	return nil
}

// writeNew makes the file whole and gives it its name by a link, which never
// replaces what is there. Somebody else's being faster is no error.
func writeNew(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".device-*") // 0600 by CreateTemp's contract
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var b [deviceSize]byte
	defer clear(b[:])
	rand.Read(b[:]) // never fails: it ends the program instead
	if _, err = f.Write(b[:]); err != nil {
		return err
	}
	if err = f.Chmod(0o400); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(dir)
}

package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// An order is what the stub is told: one message on its control socket. It
// says what to run, never which protections to leave out.
type order struct {
	Name    string
	Tier    Tier
	Policy  Policy
	Files   []place // the program first
	Devices []device
	Args    []string
	Env     []string
	Dir     string

	ListDirs, Renames         bool
	Memory, RunSize, FileSize int64
	RunDirs                   []string

	RunFolder string // tiers without namespaces: the host's folder that stands for /run
	UID, GID  int    // of the account, outside
}

// A place is a File without its descriptor.
type place struct {
	Path, Inside  string
	Exec, ReadDir bool
	Want          *identity
}

// identity tells a file from every other one, and from itself after a change.
type identity struct {
	Dev, Ino  uint64
	Size      int64
	Sec, Nsec int64 // of the last change (ctime)
}

func identify(fd int) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return identity{}, err
	}
	return identity{uint64(st.Dev), st.Ino, st.Size, int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}, nil
}

// maxOrder is the size of the largest order, in bytes.
const maxOrder = 128 << 10

// newOrder turns a spec into an order for a tier. runFolder is empty where the
// tier has a root of its own.
func newOrder(s Spec, t Tier, runFolder string) (order, error) {
	o := order{
		Name: s.Name, Tier: t, Policy: s.Policy, Env: s.Env, Dir: s.Dir, ListDirs: s.ListDirs, Renames: s.Renames,
		Memory: s.Memory, RunSize: s.RunSize, FileSize: s.FileSize, RunDirs: s.RunDirs,
		Devices: s.devices, RunFolder: runFolder, UID: os.Geteuid(), GID: os.Getegid(),
	}
	if o.RunSize == 0 {
		o.RunSize = 1 << 20
	}
	if o.Dir == "" {
		o.Dir = "/"
	}
	for _, f := range s.all() {
		p := place{Path: f.Path, Inside: f.Inside, Exec: f.Exec, ReadDir: f.ReadDir}
		if f.Opened != nil {
			id, err := identify(int(f.Opened.Fd()))
			if err != nil {
				return order{}, fmt.Errorf("jail for %s: %s: %w", s.Name, f.Path, err)
			}
			p.Want = &id
		}
		o.Files = append(o.Files, p)
	}
	o.Args = []string{s.Name}
	if s.Args != nil {
		o.Args = append(o.Args, s.Args(o.at)...)
	}
	for _, a := range append(o.Args, o.Env...) {
		if strings.ContainsRune(a, 0) {
			return order{}, fmt.Errorf("jail for %s: an argument holds a NUL byte", s.Name)
		}
	}
	return o, nil
}

// at turns a path in the jail into the path that the program sees.
func (o order) at(inside string) string {
	if o.RunFolder == "" {
		return inside
	}
	if below(inside, "/run") {
		return o.RunFolder + strings.TrimPrefix(inside, "/run")
	}
	for _, f := range o.Files {
		if below(inside, f.Inside) {
			return f.Path + strings.TrimPrefix(inside, f.Inside)
		}
	}
	return inside
}

// encode gives the message; what does not fit into one is refused.
func (o order) encode() ([]byte, error) {
	b, err := json.Marshal(o)
	if err == nil && len(b) > maxOrder {
		err = fmt.Errorf("%d bytes of arguments and files are too many", len(b))
	}
	if err != nil {
		return nil, fmt.Errorf("jail for %s: %w", o.Name, err)
	}
	return b, nil
}

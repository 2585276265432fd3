package enginepack

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// While an install is at work, how far it is lies in the store for other processes,
// which show it: a server can fetch nothing itself.
const (
	reportName  = ".progress"
	reportEvery = 500 * time.Millisecond
)

// reported has an install's steps written down, too, until done is called. The lock is
// held. What cannot be written is not shown, which is no reason not to install.
func (s *Store) reported(o Options) (_ Options, done func()) {
	path := filepath.Join(s.dir, reportName)
	var last Step
	var wrote time.Time
	told := o.Progress
	o.Progress = func(x Step) {
		if told != nil {
			told(x)
		}
		if x.Stage == Note || x.Stage == Waiting || x.Stage == last.Stage && time.Since(wrote) < reportEvery {
			return
		}
		last, wrote = x, time.Now()
		b, err := json.Marshal(x)
		if err != nil {
			panic("enginepack: " + err.Error()) // texts and numbers
		}
		_ = os.WriteFile(path+".new", b, 0o600)
		_ = os.Rename(path+".new", path)
	}
	return o, func() {
		_ = os.Remove(path)
		_ = os.Remove(path + ".new") // of one that was killed
	}
}

// Installing tells how far the install is that a process is at; false where none is.
func (s *Store) Installing() (x Step, at bool) {
	f, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return x, false
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return x, false // nobody is: what lies there was left by one that was killed
	}
	b, err := os.ReadFile(filepath.Join(s.dir, reportName))
	return x, err == nil && json.Unmarshal(b, &x) == nil
}

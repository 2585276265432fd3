package sandbox

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// A stage is what the escape probe is given to reach for: a file of the same
// account, sockets that listen, this process. It lies in a folder of its own
// and is cleared away after the probe.
type stage struct {
	folder  *heldFolder
	sockets []int
	facts   mission // the same for every attempt
}

// newStage builds one below base, or in the folder for temporary files when
// base is empty.
func newStage(base string) (s *stage, err error) {
	if base == "" {
		base = os.TempDir()
	}
	folder, err := holdFolder(base, stagePrefix)
	if err != nil {
		return nil, err
	}
	dir := folder.dir
	s = &stage{folder: folder}
	secret := dir + "/secret"
	err = errors.Join(
		os.WriteFile(s.file(), make([]byte, 64<<10), 0o600),
		os.WriteFile(secret, []byte("secret"), 0o600),
	)
	stream := s.listen(unix.SOCK_STREAM, dir+"/stream")
	datagram := s.listen(unix.SOCK_DGRAM, dir+"/datagram")
	abstract := s.listen(unix.SOCK_STREAM, "@abaton-"+filepath.Base(dir)+strconv.Itoa(os.Getpid()))
	if err != nil {
		s.clear()
		return nil, err
	}
	host, _ := os.Hostname()
	s.facts = mission{
		"dir": dir, "secret": secret, "handle": handleOf(secret), "host": host,
		"stream": stream, "datagram": datagram, "abstract": abstract,
		"pid": strconv.Itoa(os.Getpid()), "address": "4194304", "scratch": "4194304", // where a static program is loaded
		"port4": "9", "port6": "9",
		"memory": fmt.Sprint(probeMemory), "space": fmt.Sprint(probeSpace), "file": fmt.Sprint(probeFile), "files": fmt.Sprint(maxFiles),
	}
	for _, kind := range []string{"cgroup", "user"} {
		s.facts[kind], _ = os.Readlink("/proc/self/ns/" + kind)
	}
	return s, nil
}

// probeMemory is enough for a Go program and its thread stacks, in bytes.
const probeMemory = 512 << 20

func (s *stage) file() string { return s.folder.dir + "/model" }

// spec is the jail of every attempt.
func (s *stage) spec(program File, libraries []File, policy Policy) Spec {
	return Spec{
		Program: program, Policy: policy, Memory: probeMemory, RunSize: probeSpace, FileSize: probeFile,
		Files: append([]File{{Path: s.file(), Inside: "/model"}}, libraries...), RunDirs: []string{"slots"},
	}
}

// mission is what one attempt is told.
func (s *stage) mission(at func(string) string) mission {
	m := maps.Clone(s.facts)
	m["model"], m["run"], m["slots"], m["program"] = at("/model"), at("/run"), at("/run/slots"), at("/probe")
	m["beside"], m["tag"] = m["slots"], "probe"
	return m
}

// listen makes a Unix socket and gives its name; an attempt on one that could
// not be made is refused for want of it, which other attempts make up for.
func (s *stage) listen(kind int, name string) string {
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return name
	}
	s.sockets = append(s.sockets, fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err == nil && kind == unix.SOCK_STREAM {
		_ = unix.Listen(fd, 16)
	}
	return name
}

func (s *stage) clear() {
	for _, fd := range s.sockets {
		_ = unix.Close(fd)
	}
	s.folder.remove()
}

// handleOf is a file's handle as open_by_handle_at(2) wants it, in hexadecimal:
// length, kind, bytes. Empty where the file system has none.
func handleOf(path string) string {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		return ""
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(h.Size()))
	b = binary.NativeEndian.AppendUint32(b, uint32(h.Type()))
	return hex.EncodeToString(append(b, h.Bytes()...))
}

package gateway

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// heard is a socket on which a process can be spoken to: a TCP or Unix
// listener, or any UDP socket.
type heard struct {
	pid     int
	network string // "tcp", "udp", "unix"
	address string // "127.0.0.1:8226", a path, "@abstract"
	apart   bool   // in a network namespace other than the tree's root's
}

func (h heard) String() string {
	where := ""
	if h.apart {
		where = " (in its own network namespace)"
	}
	return fmt.Sprintf("pid %d %s %s%s", h.pid, h.network, h.address, where)
}

// processTree lists pid and everything below it (proc(5)). A child that was
// orphaned has left the tree.
func processTree(proc string, pid int) ([]int, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	parent := map[int]int{}
	for _, e := range entries {
		p, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(proc, e.Name(), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		// "pid (name) state ppid …", and a name may hold anything.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) > 1 {
			parent[p], _ = strconv.Atoi(fields[1])
		}
	}
	if _, ok := parent[pid]; !ok {
		return nil, fmt.Errorf("process %d: %w", pid, fs.ErrNotExist)
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		for p, of := range parent {
			if of == tree[i] && !slices.Contains(tree, p) {
				tree = append(tree, p)
			}
		}
	}
	slices.Sort(tree[1:])
	return tree, nil
}

// errBlind says that a process may hold sockets we cannot attribute to it.
var errBlind = errors.New("its descriptors cannot be read")

// listening lists the sockets of one process on which it can be spoken to. The
// descriptors of a process that is not dumpable are closed to others; where its
// network namespace is another one, every socket in there is taken for its own.
func listening(proc string, pid, root int) ([]heard, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	apart, err := otherNamespace(proc, pid, root)
	if err != nil {
		return nil, err
	}
	table, err := socketTable(dir)
	if err != nil {
		return nil, err
	}
	inodes, err := socketInodes(filepath.Join(dir, "fd"))
	if err != nil && !apart {
		if len(table) == 0 {
			return nil, nil
		}
		return nil, fmt.Errorf("process %d: %w", pid, errBlind)
	}
	var out []heard
	for inode, h := range table {
		if apart || inodes[inode] {
			h.pid, h.apart = pid, apart
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b heard) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// otherNamespace tells network namespaces apart by the inodes of their tables:
// unlike /proc/PID/ns/net these may be looked at by anybody.
func otherNamespace(proc string, a, b int) (bool, error) {
	inode := func(pid int) (uint64, error) {
		info, err := os.Stat(filepath.Join(proc, strconv.Itoa(pid), "net", "unix"))
		if err != nil {
			return 0, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return 0, errors.ErrUnsupported
		}
		return stat.Ino, nil
	}
	x, err := inode(a)
	if err != nil {
		return false, err
	}
	y, err := inode(b)
	return x != y, err
}

func socketInodes(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if rest, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(rest, "]")] = true
		}
	}
	return inodes, nil
}

// socketTable reads the sockets of a process's network namespace by inode.
func socketTable(dir string) (map[string]heard, error) {
	table := map[string]heard{}
	for _, t := range []struct {
		file, network string
		optional      bool // no IPv6 here
	}{{"tcp", "tcp", false}, {"tcp6", "tcp", true}, {"udp", "udp", false}, {"udp6", "udp", true}, {"unix", "unix", false}} {
		f, err := os.Open(filepath.Join(dir, "net", t.file))
		if t.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // the heading
		for lines.Scan() {
			inode, address, ok := parseSocket(t.network, lines.Text())
			if ok {
				table[inode] = heard{network: t.network, address: address}
			}
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
	}
	return table, nil
}

// parseSocket reads a line of /proc/PID/net/{tcp,udp,unix} and their likes for
// IPv6; ok is false for sockets that wait for nobody.
func parseSocket(network, line string) (inode, address string, ok bool) {
	f := strings.Fields(line)
	if network == "unix" { // Num RefCount Protocol Flags Type St Inode [Path]
		const accepting = 1 << 16 // __SO_ACCEPTCON
		if len(f) < 7 {
			return "", "", false
		}
		flags, err := strconv.ParseUint(f[3], 16, 64)
		if err != nil || flags&accepting == 0 {
			return "", "", false
		}
		return f[6], strings.Join(f[7:], " "), true
	}
	const listen = "0A" // TCP_LISTEN
	if len(f) < 10 || (network == "tcp" && f[3] != listen) {
		return "", "", false
	}
	return f[9], procAddress(f[1]), true
}

// procAddress turns "0100007F:2022" into "127.0.0.1:8226". The kernel prints
// addresses as words in the machine's own byte order, which is little-endian on
// every system we build for.
func procAddress(s string) string {
	ip, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(ip)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return s
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(b)
	if !ok {
		return s
	}
	return netip.AddrPortFrom(addr, uint16(n)).String()
}

package gateway

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"abaton.local/posture"
)

func check(t *testing.T, checks []posture.Check, id string) posture.Finding {
	t.Helper()
	for _, c := range checks {
		if c.ID == id {
			return c.Run(t.Context())
		}
	}
	t.Fatalf("there is no check %s", id)
	return posture.Finding{}
}

func TestChecksPassOnALiveGateway(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("NET-01 is Linux only")
		return
	}
	h := open(t, Config{}, hello)
	for name, checks := range map[string][]posture.Check{
		"its own":          h.Checks(),
		"seen from beside": Checks(Live{Address: h.address, Socket: h.socket}),
	} {
		for _, id := range []string{"NET-01", "WEB-02"} {
			f := check(t, checks, id)
			if f.Status != posture.Pass || f.Control == "" || f.Evidence == "" || f.Recheck == "" {
				t.Errorf("%s, %s: %+v", name, id, f)
			}
		}
	}
	if log := h.log.String(); strings.Contains(log, "panic") {
		t.Error(log)
	}
}

func TestSocketOnlyNeedsNoBrowserGuard(t *testing.T) {
	g, err := Listen(Config{Socket: filepath.Join(privateDir(t), "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if f := check(t, g.Checks(), "WEB-02"); f.Status != posture.NA || f.Summary == "" {
		t.Errorf("%+v", f)
	}
}

// Each planted socket, of this process or of a child, must be seen.
func TestUndeclaredSocketsFailNET01(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	h := open(t, Config{}, hello)
	dir := privateDir(t)
	plants := map[string]func() (interface{ Close() error }, error){
		"tcp on loopback": func() (interface{ Close() error }, error) { return net.Listen("tcp4", "127.0.0.1:0") },
		"tcp everywhere":  func() (interface{ Close() error }, error) { return net.Listen("tcp4", "0.0.0.0:0") },
		"udp":             func() (interface{ Close() error }, error) { return net.ListenPacket("udp4", "127.0.0.1:0") },
		"unix":            func() (interface{ Close() error }, error) { return net.Listen("unix", filepath.Join(dir, "x")) },
		"abstract unix":   func() (interface{ Close() error }, error) { return net.Listen("unix", "@abaton-test-undeclared") },
	}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		l.Close()
		plants["tcp6"] = func() (interface{ Close() error }, error) { return net.Listen("tcp6", "[::1]:0") }
	}
	for name, plant := range plants {
		p, err := plant()
		if err != nil {
			t.Fatal(name, err)
		}
		if f := check(t, h.Checks(), "NET-01"); f.Status != posture.Fail {
			t.Errorf("%s: %+v", name, f)
		}
		p.Close()
	}
	child := listenInAChild(t)
	if f := check(t, h.Checks(), "NET-01"); f.Status != posture.Fail || !strings.Contains(f.Evidence, "2 processes") {
		t.Errorf("child: %+v", f)
	}
	child()
	if f := check(t, h.Checks(), "NET-01"); f.Status != posture.Pass {
		t.Errorf("afterwards: %+v", f)
	}
}

// listenInAChild leaves a child holding a listener that we gave it and closed.
func listenInAChild(t *testing.T) (end func()) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	l.Close()
	return func() {
		in.Close()
		cmd.Wait()
	}
}

func TestOpenSocketFolderFailsNET01(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	h := open(t, Config{}, hello)
	for path, mode := range map[string]os.FileMode{filepath.Dir(h.socket): 0o755, h.socket: 0o666} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if f := check(t, h.Checks(), "NET-01"); f.Status != posture.Fail {
			t.Errorf("%s as %v: %+v", path, mode, f)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// A look that sees nothing is no pass.
func TestBlindLooksAreUnknown(t *testing.T) {
	nowhere := Live{Address: "127.0.0.1:1", Socket: filepath.Join(t.TempDir(), "none")}
	here := Live{Address: "127.0.0.1:1", PID: os.Getpid()}
	gone := Live{Address: "127.0.0.1:1", PID: 1 << 30}
	for name, l := range map[string]Live{"nobody there": nowhere, "not ours": here, "no such process": gone, "nothing declared": {PID: os.Getpid()}} {
		if f := check(t, Checks(l), "NET-01"); f.Status != posture.Unknown {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := check(t, Checks(nowhere), "WEB-02"); f.Status != posture.Unknown {
		t.Errorf("%+v", f)
	}
}

// Where another account's process cannot be looked into, nothing is claimed.
func TestUnreadableDescriptorsAreUnknown(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	proc := t.TempDir()
	for _, pid := range []string{"10", "11"} {
		dir := filepath.Join(proc, pid, "net")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"tcp", "udp", "unix"} {
			if err := os.WriteFile(filepath.Join(dir, table), []byte("heading\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tcp := "heading\n   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 x\n"
		if err := os.WriteFile(filepath.Join(dir, "tcp"), []byte(tcp), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := listening(proc, 10, 10); err == nil || !strings.Contains(err.Error(), errBlind.Error()) {
		t.Errorf("same namespace: %v", err)
	}
	got, err := listening(proc, 11, 10) // another inode: another namespace
	if want := []heard{{11, "tcp", "0.0.0.0:8080", true}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("another namespace: %v, %v", got, err)
	}
}

func TestAddressesOfProc(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:2022":                         "127.0.0.1:8226",
		"00000000:1F90":                         "0.0.0.0:8080",
		"00000000000000000000000001000000:2022": "[::1]:8226",
		"00000000000000000000000000000000:0050": "[::]:80",
		"garbage":                               "garbage",
	} {
		if got := procAddress(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// A child in a network namespace of its own is looked at without its
// descriptors, and by its own tables.
func TestAnotherNamespaceIsSeen(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return
	}
	cmd := exec.Command("/bin/cat")
	cmd.SysProcAttr = namespaced()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	apart, err := otherNamespace("/proc", cmd.Process.Pid, os.Getpid())
	if err != nil || !apart {
		t.Errorf("apart %v, %v", apart, err)
	}
	if same, err := otherNamespace("/proc", os.Getpid(), os.Getppid()); err != nil || same {
		t.Errorf("our parent is apart: %v, %v", same, err)
	}
	tree, err := processTree("/proc", os.Getpid())
	if err != nil || !slices.Contains(tree, cmd.Process.Pid) {
		t.Errorf("tree %v, %v", tree, err)
	}
}

// WEB-02 must see a server that guards nothing, half, or with an open door for
// scripts of other origins; and one that answers nobody is no pass.
func TestUnguardedServersFailWEB02(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	hosts, err := newHosts(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		handler http.Handler
		want    posture.Status
		names   string
	}{
		"no guard":                       {next, posture.Fail, "rebound name, GET"},
		"origin guard of net/http alone": {http.NewCrossOriginProtection().Handler(next), posture.Fail, "empty host"},
		"host guard alone": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if no := hosts.misdirected(r); no != nil {
				no.write(w)
				return
			}
			next.ServeHTTP(w, r)
		}), posture.Fail, "null origin"},
		"guards, and every origin may read": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			if no := hosts.misdirected(r); no != nil {
				no.write(w)
			} else if no := foreign(r); no != nil {
				no.write(w)
			} else {
				next.ServeHTTP(w, r)
			}
		}), posture.Fail, "foreign origin, preflight"},
		"answers nobody": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }), posture.Unknown, ""},
	} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: c.handler}
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		f := check(t, Checks(Live{Address: l.Addr().String()}), "WEB-02")
		if f.Status != c.want || !strings.Contains(f.Summary, c.names) {
			t.Errorf("%s: %+v", name, f)
		}
		server.Close()
		<-done
	}
}

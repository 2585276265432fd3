package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/posture"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

const boxAddress, otherAddress = "192.0.2.9", "192.0.2.10"

// A locked-down server with people in it answers another machine, by TLS and by
// whom it knows, and that machine trusts it once it has its certificate. The two
// machines are network namespaces with a cable between them.
func TestServesOtherMachinesLockedDown(t *testing.T) {
	if os.Geteuid() != 0 {
		return // laying the cable, and a server of another account, need root
	}
	dir := privateDir(t)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "test")
	if err := errors.Join(os.WriteFile(program, b, 0o755), os.Chmod(filepath.Dir(program), 0o755), os.Chmod(filepath.Dir(filepath.Dir(program)), 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "world-of-others="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "all is well\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func worldOfOthers(dir string) int {
	if err := inWorldOfOthers(dir); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("all is well")
	return 0
}

func inWorldOfOthers(dir string) error {
	other := exec.Command("cat") // holds the other machine's namespace
	other.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	hold, err := other.StdinPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	defer other.Wait()
	defer hold.Close()
	run := func(command string) (string, error) {
		fields := strings.Fields(command)
		out, err := exec.Command(fields[0], fields[1:]...).CombinedOutput()
		return string(out), err
	}
	pid := other.Process.Pid
	for _, command := range []string{
		"ip link set lo up",
		fmt.Sprintf("ip link add home type veth peer name home netns %d", pid),
		"ip addr add " + boxAddress + "/24 dev home", "ip link set home up",
		fmt.Sprintf("nsenter -t %d -n ip addr add %s/24 dev home", pid, otherAddress),
		fmt.Sprintf("nsenter -t %d -n ip link set home up", pid),
	} {
		if out, err := run(command); err != nil {
			return fmt.Errorf("%s: %w %s", command, err, out)
		}
	}
	server := exec.Command("/proc/self/exe", "serve-others="+dir)
	server.Dir = "/"
	server.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	server.Stderr = &said
	in, err1 := server.StdinPipe()
	out, err2 := server.StdoutPipe()
	if err := errors.Join(err1, err2, server.Start()); err != nil {
		return err
	}
	var plain, at, session, net01, ca string
	if _, err := fmt.Fscan(out, &plain, &at, &session, &net01, &ca); err != nil {
		in.Close()
		return fmt.Errorf("the server: %w %w %s", err, server.Wait(), said.String())
	}
	_, port, _ := strings.Cut(at, ":")
	curl := func(args string) string {
		got, err := run(fmt.Sprintf("nsenter -t %d -n curl -q -sS -i --noproxy * --max-time 20 --resolve box.local:%s:%s %s", pid, port, boxAddress, args))
		return fmt.Sprint(got, " ", err)
	}
	var wrong []error
	expect := func(name, got string, want ...string) {
		for _, w := range want {
			if !strings.Contains(got, w) {
				wrong = append(wrong, fmt.Errorf("%s: no %q in %s", name, w, got))
			}
		}
	}
	base := " https://box.local:" + port
	expect("NET-01", net01, string(posture.Pass))
	expect("the page", curl("--cacert "+ca+base+pathCertificate), "200 OK", "Trust this server", "Strict-Transport-Security: max-age=31536000")
	expect("without the certificate", curl(base+"/health"), "exit status")
	expect("by address", curl("--cacert "+ca+" https://"+at+"/health"), "200 OK")
	expect("without a credential", curl("--cacert "+ca+base+"/"), "401 ")
	expect("by a forged session", curl("--cacert "+ca+" --oauth2-bearer abs_AAAA"+base+"/"), "401 ")
	expect("by the session", curl("--cacert "+ca+" --oauth2-bearer "+session+base+"/"), "200 OK", "Reached: ")
	expect("by another host", curl("--cacert "+ca+" -H Host:rebound.example --oauth2-bearer "+session+base+"/"), "421 ")
	expect("without TLS", curl("http://box.local:"+port+"/health"), "400 Bad Request")
	expect("the plain door", curl("http://"+boxAddress+":"+strings.TrimPrefix(plain, "127.0.0.1:")+"/health"), "exit status 7")
	in.Close()
	return errors.Join(append(wrong, server.Wait())...)
}

// serveOthers is the server. It ends with its input.
func serveOthers(dir string) int {
	err := func() error {
		// People are set up before the door opens.
		d, err := directoryIn(context.Background(), dir, time.Now, recorder{})
		if err != nil {
			return err
		}
		claim, err := d.Claim()
		if err != nil {
			return err
		}
		s, err := d.Join(context.Background(), vault.Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: []byte("twelve characters")})
		if err != nil {
			return err
		}
		secret, err := d.Issue(s)
		if err != nil {
			return err
		}
		g, err := Listen(Config{Address: "127.0.0.1:0", People: Directory(d), TLS: &TLS{Address: boxAddress + ":0", Names: []string{"box.local"}, Dir: filepath.Join(dir, "tls")}})
		if err != nil {
			return err
		}
		tokens, err := vault.OpenTokens(dir)
		if err != nil {
			return err
		}
		ctx, cancel := contextUntilEOF(os.Stdin)
		defer cancel()
		if err := sandbox.LockDown(); err == nil {
			return errors.New("locked down without a word about the door for others")
		}
		if err := sandbox.LockDown(g.Exposed()...); err != nil {
			return err
		}
		f := g.Checks()[0].Run(ctx)
		fmt.Println(g.Addr(), g.TLSAddr(), sessionPrefix+string(secret.Reveal()), f.Status, filepath.Join(dir, "tls", authorityFile))
		if f.Status != posture.Pass {
			fmt.Fprintf(os.Stderr, "%+v\n", f)
		}
		return g.Serve(ctx, tokens, hello)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

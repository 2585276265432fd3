//go:build soak && linux

package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestNginx looks through a proxy that many have, with its buffers and without.
func TestNginx(t *testing.T) {
	root := storyRoot(t)
	home := preparedHome(t, root)
	p := storyParams(t, filepath.Join("testdata", "soak"), root, home)
	p.Cmds["nginx"] = nginx
	testscript.Run(t, p)
}

// nginx on|off: nginx stands before the server with proxy_buffering so, at PROXIED
// by TLS of its own, whose authority is in its.crt.
func nginx(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nginx on|off")
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		ts.Fatalf("nginx cannot be run (Debian's package of that name has it): %v", err)
	}
	dir := ts.MkAbs("nginx-" + args[0])
	ts.Check(os.Mkdir(dir, 0o755))
	cert, err := ownCertificate()
	ts.Check(err)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	ts.Check(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := free.Addr().String()
	ts.Check(free.Close())
	config := fmt.Sprintf(`daemon off; master_process off; pid pid; error_log stderr;
events {}
http {
	access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	server {
		listen %s ssl; ssl_certificate crt; ssl_certificate_key key; ssl_protocols TLSv1.3;
		location / { proxy_pass %s; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering %s; }
	}
}
`, address, ts.Getenv("URL"), args[0])
	ts.Check(errors.Join(
		os.WriteFile(filepath.Join(dir, "conf"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(dir, "crt"), public, 0o644),
		os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
		os.WriteFile(ts.MkAbs("its.crt"), public, 0o644)))
	cmd := exec.Command(program, "-p", dir, "-c", "conf")
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if c, err := net.Dial("tcp", address); err == nil {
			ts.Check(c.Close())
			ts.Setenv("PROXIED", "https://"+address)
			return
		}
		time.Sleep(100 * time.Millisecond) // nginx says nothing when it listens
	}
	ts.Fatalf("nginx does not listen")
}

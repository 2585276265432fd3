package enginepack

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"abaton.local/models"
)

// TestNamedTogether checks one engine that the person named, and that its owner may
// not read, by two at once, as somebody who is not root: each takes away the mode by
// which the other one reads, and neither says that it cannot, or leaves it readable.
func TestNamedTogether(t *testing.T) {
	cmd := another(t, func(dir string) []string { return []string{"named", dir, filepath.Join(dir, serverName), "0"} })
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "read by two, mode 111") {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkTogether is the other process of TestNamedTogether.
func checkTogether(program string) int {
	const rounds = 500
	content := []byte("a program")
	if err := errors.Join(os.WriteFile(program, content, 0o700), os.Chmod(program, modeServer)); err != nil {
		fmt.Println(err)
		return 2
	}
	if _, err := os.ReadFile(program); err == nil {
		fmt.Println("this account reads everything")
		return 2
	}
	failed := make([]error, 2)
	packs := make([]*Pack, len(failed))
	for i := range packs {
		packs[i] = &Pack{Dir: filepath.Dir(program), Server: program, Layout: Static, Trust: TrustNamed, Files: map[string]models.Digest{serverName: models.Digest(sha256.Sum256(content))}}
	}
	for range rounds {
		var checks sync.WaitGroup
		for i, p := range packs {
			p.seen = nil // it is read anew
			checks.Go(func() { failed[i] = errors.Join(failed[i], p.Unchanged()) })
		}
		checks.Wait()
	}
	info, err := os.Stat(program)
	if err = errors.Join(err, errors.Join(failed...)); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("read by two, mode %o\n", info.Mode().Perm())
	return 0
}

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newHome makes an installation of its own with the prepared engine and model,
// for what must not be left behind in the prepared one: people, other models.
func newHome(b testing.TB) string {
	b.Helper()
	root, err := os.MkdirTemp("", "ab") // b.TempDir is closed to the account that the program becomes
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(root) })
	must(b, os.Chmod(root, 0o755))
	for _, dir := range []string{"config/device", "data", "state", "cache", "run"} {
		must(b, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range []string{"config/device", "data", "state", "cache", "run"} {
		must(b, os.Chmod(filepath.Join(root, dir), 0o700))
	}
	own := filepath.Join(home(b), "own")
	if out, err := exec.Command("cp", "-a", filepath.Join(own, "engines"), filepath.Join(own, "models"), filepath.Join(root, "data")).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	if os.Getuid() != 0 {
		return root
	}
	account, err := user.Lookup("abaton")
	must(b, err)
	uid, err := strconv.Atoi(account.Uid)
	must(b, err)
	gid, err := strconv.Atoi(account.Gid)
	must(b, err)
	for _, dir := range []string{"config/device", "data", "state", "cache", "run"} {
		must(b, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, gid)
		}))
	}
	return root
}

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// pull puts a model file on the shelf of an installation, as a person would.
func pull(b testing.TB, home, file string) {
	b.Helper()
	cmd := programIn(home, "pull", "file:"+file)
	if out, err := cmd.Output(); err != nil {
		b.Fatalf("abaton pull: %v: %s", err, out)
	}
}

// people sets up n persons at a server that has none, and gives a side for each.
func people(b testing.TB, home string, s *side, n int) (all []*side) {
	b.Helper()
	claim, err := os.ReadFile(filepath.Join(home, "config", "device", "claim"))
	must(b, err)
	join := func(invitation string, i int) *side {
		p := *s
		p.name, p.token = fmt.Sprint("person ", i), ""
		var in struct{ Session string }
		p.call(b, "/abaton/join", map[string]string{"invitation": invitation, "name": fmt.Sprint("person", i), "passphrase": fmt.Sprint("a long passphrase of ", i)}, &in)
		p.token = in.Session
		p.client = &http.Client{Transport: &http.Transport{}} // connections of their own
		return &p
	}
	all = append(all, join(strings.TrimSpace(string(claim)), 0))
	for i := 1; i < n; i++ {
		var invited struct{ Invitation string }
		all[0].call(b, "/abaton/do/people/invite", `"member"`, &invited)
		all = append(all, join(invited.Invitation, i))
	}
	return all
}

// call does one thing at the server and reads what it answers.
func (s *side) call(b testing.TB, path string, body, into any) {
	b.Helper()
	r, err := s.post(b.Context(), path, body)
	must(b, err)
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
		b.Fatalf("%s: %s: %s", path, r.Status, text)
	}
	must(b, json.NewDecoder(r.Body).Decode(into))
}

// goneWithin waits until the server has no more than n engines.
func goneWithin(b testing.TB, server, n int) {
	b.Helper()
	for start := time.Now(); len(enginesOf(server)) > n; time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			b.Fatal("an engine does not end")
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/vault"
)

// keeping is a house with two people whose programs have responses kept.
type keeping struct {
	*house
	d     *door
	model string
	anna  string // tokens that open the vault
	bert  string
	asks  string // one of anna's that only asks
}

func newKeeping(t *testing.T) *keeping {
	h := newHouse(t)
	x := &keeping{house: h}
	o := h.enter(time.Now)
	token := func(s vault.Session, scope vault.Scope) string {
		made, _, err := o.people.MakeToken(t.Context(), s, string(scope), scope, time.Now().Add(time.Hour))
		h.must(err)
		return made.Reveal()
	}
	anna, _ := o.join(vault.Session{}, vault.RoleOwner, "anna", annasPassphrase)
	bert, _ := o.join(anna, vault.RoleMember, "bert", "the other passphrase of this test")
	x.anna, x.asks, x.bert = token(anna, vault.ScopeAll), token(anna, vault.ScopeAsk), token(bert, vault.ScopeAll)
	o.leave()
	return x
}

const annasPassphrase = "a long enough passphrase for a test"

func (x *keeping) start() {
	x.t.Helper()
	x.d = x.serve()
	var list struct{ Data []struct{ ID string } }
	if _, b := x.d.ask("GET", "/v1/models", x.anna, ""); json.Unmarshal(b, &list) != nil || len(list.Data) == 0 {
		x.t.Fatalf("no models: %s", b)
	}
	x.model = list.Data[0].ID
}

// respond has an answer kept and gives its id.
func (x *keeping) respond(token, input, previous string) string {
	x.t.Helper()
	body := map[string]any{"model": x.model, "input": input, "store": true, "max_output_tokens": 16}
	if previous != "" {
		body["previous_response_id"] = previous
	}
	code, b := x.d.ask("POST", "/v1/responses", token, asJSON(body))
	var r struct{ ID string }
	if json.Unmarshal(b, &r) != nil || code != 200 || r.ID == "" {
		x.t.Fatalf("status %d: %s", code, b)
	}
	return r.ID
}

// want makes a request that must have this status and, where it is given, hold
// these words.
func (x *keeping) want(status int, method, path, credential, body string, words ...string) []byte {
	x.t.Helper()
	code, b := x.d.ask(method, path, credential, body)
	if code != status {
		x.t.Errorf("%s %s: status %d, want %d: %s", method, path, code, status, b)
	}
	for _, w := range words {
		if !bytes.Contains(b, []byte(w)) {
			x.t.Errorf("%s %s: %q is not in %s", method, path, w, b)
		}
	}
	return b
}

// records are how many of what models had read somebody's vault holds, beside the
// secret that tells conversations apart.
func (x *keeping) records(name, passphrase string) int {
	x.t.Helper()
	o := x.enter(time.Now)
	defer o.leave()
	v, err := o.unlock(name, passphrase).Vault()
	x.must(err)
	return max(0, len(v.List(vault.KindResume, vault.ID{}))-1)
}

// TestKeptResponses is a program's day: it has answers kept, goes on from them
// over a restart, and deletes them. Nobody else reaches them, nothing of them
// lies anywhere in the clear, and what the engine had read goes with them.
func TestKeptResponses(t *testing.T) {
	x := newKeeping(t)
	canary, second := newCanary(), newCanary()
	input := canary + " is the word of today. " + strings.Repeat("The lamp of the lighthouse is lit at seven. ", 16) + "Say hello."
	x.start()

	first := x.respond(x.anna, input, "")
	x.want(200, "GET", "/v1/responses/"+first, x.anna, "", first, `"status":`)
	x.want(200, "GET", "/v1/responses/"+first+"/input_items", x.anna, "", canary)
	next := x.respond(x.anna, second+" And again.", first)
	x.want(200, "GET", "/v1/responses/"+next, x.anna, "", fmt.Sprintf("%q", first))
	items := x.want(200, "GET", "/v1/responses/"+next+"/input_items", x.anna, "", second)
	if bytes.Contains(items, []byte(canary)) {
		t.Error("the items of a response are those of another, too")
	}

	// Another person's is as if it never was.
	never := "resp_" + strings.Repeat("A", len(first)-5)
	theirs := x.want(404, "GET", "/v1/responses/"+first, x.bert, "")
	nobodys := x.want(404, "GET", "/v1/responses/"+never, x.bert, "")
	if got := bytes.ReplaceAll(theirs, []byte(first), []byte(never)); !bytes.Equal(got, nobodys) {
		t.Errorf("another person's: %s\nnobody's: %s", theirs, nobodys)
	}
	x.want(404, "DELETE", "/v1/responses/"+first, x.bert, "")
	x.want(404, "POST", "/v1/responses", x.bert, asJSON(map[string]any{"model": x.model, "input": "x", "previous_response_id": first}))

	// A key that only asks, and whoever keeps nothing.
	keep := asJSON(map[string]any{"model": x.model, "input": "x", "store": true})
	for _, credential := range []string{x.asks, bySocket} {
		if code, b := x.d.ask("POST", "/v1/responses", credential, keep); code != 400 && code != 401 {
			t.Errorf("store without a vault: status %d: %s", code, b)
		}
		if code, b := x.d.ask("GET", "/v1/responses/"+first, credential, ""); code != 401 && code != 404 {
			t.Errorf("without a vault: status %d: %s", code, b)
		}
	}

	// Locked is 401 until somebody unlocks.
	session := x.d.login("anna", annasPassphrase)
	x.want(200, "GET", "/v1/responses/"+first, session, "")
	x.want(200, "POST", "/abaton/lock", session, `{"all":true}`)
	x.want(401, "GET", "/v1/responses/"+first, session, "")

	// What the engine had read was sealed by the lock, or is by the end.
	x.d.end(syscall.SIGTERM)
	if out, errs, code := x.run(annasPassphrase, "vault", "status", "--person", "anna"); code != 0 || !bytes.Contains(out, []byte("responses kept for programs")) {
		t.Errorf("vault status: exit %d: %s%s", code, out, errs)
	}
	export := filepath.Join(x.root, "its", "data", "export.json")
	if out, errs, code := x.run(annasPassphrase, "vault", "export", export, "--person", "anna"); code != 0 {
		t.Errorf("vault export: exit %d: %s%s", code, out, errs)
	} else if b, err := os.ReadFile(export); err != nil || !json.Valid(b) || !bytes.Contains(b, []byte(canary)) || !bytes.Contains(b, []byte(second)) {
		t.Errorf("the export: %v, %s", err, b)
	}
	x.must(os.Remove(export))
	if n := x.records("anna", annasPassphrase); n < 2 {
		t.Errorf("%d records of what models had read, want a label and a part", n)
	}
	if n := x.records("bert", "the other passphrase of this test"); n != 0 {
		t.Errorf("bert has %d records of what models had read", n)
	}
	x.sweptClean(canary, second)

	x.start()
	last := x.respond(x.anna, "Once more.", next)
	x.want(200, "DELETE", "/v1/responses/"+first, x.anna, "", `"deleted":true`)
	x.want(404, "GET", "/v1/responses/"+first, x.anna, "")
	x.want(404, "DELETE", "/v1/responses/"+first, x.anna, "")
	x.want(200, "GET", "/v1/responses/"+last, x.anna, "")
	// Deleting a conversation drops what engines had read, too.
	x.respond(x.anna, input, "")
	id := x.want(200, "POST", doPath+"history/append", x.anna, `{"turns":[{"role":"user","text":"hello"}]}`)
	x.want(200, "POST", doPath+"history/delete", x.anna, string(id))
	if said := x.d.output(); strings.Contains(said, "snapshot") {
		t.Errorf("the server complains:\n%s", said)
	}
	x.d.end(syscall.SIGTERM)
	if n := x.records("anna", annasPassphrase); n != 0 {
		t.Errorf("%d records of what models had read are left after a deletion", n)
	}
	x.sweptClean(canary, second)
}

// sweptClean finds no canary and no slot of an engine in any file of the house.
func (x *keeping) sweptClean(canaries ...string) {
	x.t.Helper()
	all := map[string]string{}
	for _, c := range canaries {
		all[c] = "words"
	}
	s := &sweeper{sieve: newSieve(all)}
	slot := regexp.MustCompile(`qsgg[\x01-\x10]\x00\x00\x00`)
	files := 0
	x.must(filepath.WalkDir(filepath.Join(x.root, "its"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		if b, err := os.ReadFile(path); err != nil || slot.Match(b) {
			x.t.Errorf("%s holds a slot: %v", path, err)
		}
		return s.file(path)
	}))
	for _, f := range s.found {
		x.t.Error(f)
	}
	if files < 5 {
		x.t.Errorf("%d files were searched", files)
	}
}

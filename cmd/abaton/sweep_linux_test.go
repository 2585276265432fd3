package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// swept is a house in which everything secret is a canary.
type swept struct {
	*house
	began    time.Time
	canaries map[string]string // what each was
	people   []sweptPerson
	outputs  map[string][]byte // what programs said, by which
}

// sweptPerson is somebody and what they keep.
type sweptPerson struct {
	name, passphrase, recovery string
	tokens                     []string // their names
	conversations              []sweptConversation
	library                    string
	documents                  []sweptDocument
	removed                    map[string]string // canaries of one that was removed
	torn                       bool              // their library was being removed in a crash
}

type sweptDocument struct {
	path  string
	words []string // all that is secret of it
	text  []string // of these, what it says
}

type sweptConversation struct {
	title, instruction string
	turns              []string
}

// put gives a new canary and notes what it is.
func (s *swept) put(what string) string {
	c := newCanary()
	s.canaries[c] = what
	return c
}

// note takes a secret that the program drew as a canary: its first characters
// after skip, for all canaries have one length.
func (s *swept) note(what, secret string, skip int) {
	s.t.Helper()
	if len(secret) < skip+canarySize {
		s.t.Fatalf("%s is too short to be looked for", what)
	}
	s.canaries[secret[skip:skip+canarySize]] = what
}

const (
	sweptPeople        = 12
	sweptConversations = 10 // of each
)

// TestCanarySweep places more than 1,000 strings as everything that is secret
// here, in the rooms and through the built program, which is killed and made to
// crash in the middle of an answer. When it has ended, none of them lies in any
// file that it could have written, however spelled; and with the keys all that
// was kept is there.
//
// What is not searched: the screen, on which a person is shown their own words,
// and swap, of which a program learns nothing.
func TestCanarySweep(t *testing.T) {
	s := &swept{house: newHouse(t), began: time.Now().Add(-time.Second), canaries: map[string]string{}, outputs: map[string][]byte{}}
	clock := func(what string, f func()) {
		from := time.Now()
		f()
		t.Logf("%s: %v", what, time.Since(from).Round(time.Millisecond))
	}
	clock("filling the rooms", s.fill)
	clock("serving, with two crashes", s.serveAndCrash)
	clock("backing up", s.backUp)
	if len(s.canaries) < 1000 {
		t.Fatalf("%d canaries, want 1000", len(s.canaries))
	}
	clock("controls", s.controls)
	from := time.Now()
	x := s.sweep(newSieve(s.canaries))
	t.Logf("%d canaries in %d kinds; %d files and %d outputs, %d MB with %d compressed streams, in %v: %d hits",
		len(s.canaries), len(s.kinds()), x.files, len(s.outputs), x.bytes>>20, x.opened, time.Since(from).Round(time.Millisecond), len(x.found))
	for _, f := range x.found {
		t.Error(f)
	}
	clock("recovering", s.recover)
}

func (s *swept) kinds() map[string]int {
	n := map[string]int{}
	for _, what := range s.canaries {
		n[what]++
	}
	return n
}

// fill makes people and what they keep, in the rooms themselves.
func (s *swept) fill() {
	s.t.Helper()
	ctx, o := s.t.Context(), s.enter(time.Now)
	defer o.leave()
	var owner vault.Session
	for range sweptPeople {
		p := sweptPerson{name: s.put("name"), passphrase: s.put("passphrase")}
		who, ticket := o.join(owner, vault.RoleMember, p.name, p.passphrase)
		if owner.Person == "" {
			owner = who
		}
		s.note("invitation", ticket, len("abi_"))
		code, err := o.people.NewRecovery(who)
		s.must(err)
		p.recovery = string(code.Reveal())
		s.must(o.people.ConfirmRecovery(ctx, who, code.Reveal()))
		s.note("recovery code", p.recovery, 0)
		s.note("recovery code", strings.ReplaceAll(p.recovery, "-", ""), 0)
		for _, scope := range []vault.Scope{vault.ScopeAsk, vault.ScopeAll} {
			name := s.put("name of a token")
			token, _, err := o.people.MakeToken(ctx, who, name, scope, time.Now().Add(time.Hour))
			s.must(err)
			s.note("token", token.Reveal(), len("abt_"))
			p.tokens = append(p.tokens, name)
		}
		session, err := o.people.Issue(who)
		s.must(err)
		s.note("session", string(session.Reveal()), 0)
		x := o.history(who)
		for n := range sweptConversations {
			c := sweptConversation{instruction: s.put("instruction")}
			var turns []history.Turn
			for i := range 4 {
				c.turns = append(c.turns, s.put("turn"))
				role := []history.Role{history.User, history.Assistant}[i%2]
				turns = append(turns, history.Turn{Role: role, Text: fmt.Sprintf("So %s it is, and %d more.", c.turns[i], i)})
			}
			kept, err := x.New(ctx, history.Start{Model: "smollm2", Instruction: "Speak of " + c.instruction + "."}, turns...)
			s.must(err)
			if n%2 == 0 { // the others are called after their first turn
				c.title = s.put("title")
				_, err = x.Rename(ctx, kept.ID, "On "+c.title)
				s.must(err)
			}
			p.conversations = append(p.conversations, c)
		}
		s.must(x.Close(ctx))
		s.fillLibrary(o, who, &p)
		s.people = append(s.people, p)
	}
}

// serveAndCrash drives the built program: what is right, what is wrong, and two
// ends that nobody could prepare for.
func (s *swept) serveAndCrash() {
	s.t.Helper()
	d := s.serve()
	s.askAndErr(d)
	s.verbs(d)
	s.killInAnswer(d, syscall.SIGKILL)
	s.outputs["first serve"] = []byte(d.output())

	d = s.serve()
	s.killInAnswer(d, syscall.SIGABRT) // a crash, which shows stacks and could leave a core image
	s.outputs["second serve"] = []byte(d.output())

	d = s.serve()
	s.killWhileReading(d)
	s.outputs["serve that read documents"] = []byte(d.output())

	d = s.serve()
	s.killWhileRemoving(d)
	s.outputs["serve that removed documents"] = []byte(d.output())

	d = s.serve()
	s.lockAndLook(d)
	d.end(syscall.SIGTERM)
	s.outputs["third serve"] = []byte(d.output())
}

// askAndErr sends what is secret over HTTP, in right requests and in wrong ones.
func (s *swept) askAndErr(d *door) {
	s.t.Helper()
	p := s.people[1]
	session := d.login(p.name, p.passphrase)
	s.note("session", session, len("abs_"))
	for range 3 {
		words := make([]string, 12)
		for i := range words {
			words[i] = s.put("question over HTTP")
		}
		body := asJSON(map[string]any{"max_tokens": 8, "messages": []map[string]string{
			{"role": "system", "content": "You repeat words. " + s.put("instruction over HTTP")},
			{"role": "user", "content": "Repeat these words: " + strings.Join(words, " ")}}})
		if code, b := d.ask("POST", "/v1/chat/completions", session, body); code != 200 {
			s.t.Fatalf("a question: status %d: %s", code, b)
		}
	}
	wrong := func(what, path, credential, body string, header ...string) []byte {
		s.t.Helper()
		code, b := d.ask("POST", path, credential, body, header...)
		if code < 400 || code >= 500 {
			s.t.Errorf("%s: status %d", what, code)
		}
		s.outputs[fmt.Sprintf("answer to %s, %d", what, len(s.outputs))] = b
		return b
	}
	const chat = "/v1/chat/completions"
	for range 2 {
		wrong("an over-long question", chat, session, asJSON(map[string]any{"messages": []map[string]string{
			{"role": "user", "content": s.put("over-long question") + strings.Repeat(" word", 20000)}}}))
	}
	for range 16 {
		wrong("wrong passphrases", "/abaton/login", "", asJSON(map[string]string{"name": p.name, "passphrase": s.put("wrong passphrase")}))
		wrong("unknown names", "/abaton/login", "", asJSON(map[string]string{"name": s.put("unknown name"), "passphrase": s.put("wrong passphrase")}))
		wrong("bad JSON", chat, session, `{"messages":[{"role":"user","content":"`+s.put("bad JSON")+`"`)
		wrong("bad JSON at the door", "/abaton/login", "", `{"name":"x","passphrase":"`+s.put("bad JSON")+`",`)
		field := s.put("field") // its name, and that alone, is told to whoever sent it
		b := wrong("an unknown field", chat, session, asJSON(map[string]string{field: s.put("bad JSON")}))
		copy(b, bytes.ReplaceAll(b, []byte(field), bytes.Repeat([]byte("*"), canarySize)))
		wrong("an unknown role", chat, session, asJSON(map[string]any{"messages": []map[string]string{{"role": s.put("role"), "content": "x"}}}))
		wrong("a wrong token", chat, "abt_"+s.put("wrong token"), "{}")
		wrong("a wrong session", chat, "abs_"+s.put("wrong session"), "{}")
		wrong("a foreign origin", chat, session, "{}", "Origin", "http://"+s.put("header")+".example", "User-Agent", s.put("header"))
		wrong("a path", "/v1/"+s.put("path")+"?q="+s.put("query"), session, "{}")
		wrong("a call", doPath+s.put("path"), session, "{}")
	}
}

// verbs types what is secret at the terminal's side.
func (s *swept) verbs(d *door) {
	s.t.Helper()
	for range 2 { // a third would have to wait
		name := s.people[2].name
		out, errs, code := s.run(s.put("wrong passphrase"), "login", "--person", name)
		if code == 0 {
			s.t.Error("a wrong passphrase logged in")
		}
		// Their own name may be shown to whoever typed it.
		s.outputs[fmt.Sprintf("login %d", len(s.outputs))] = bytes.ReplaceAll(append(out, errs...), []byte(name), nil)
	}
	p := s.people[2]
	out, errs, code := s.run(p.passphrase, "login", "--person", p.name)
	if code != 0 {
		s.t.Fatalf("login: %d: %s", code, errs)
	}
	s.outputs["login"] = bytes.ReplaceAll(append(out, errs...), []byte(p.name), nil)
	kept, err := os.ReadFile(filepath.Join(s.dirs.Runtime, sessionFile))
	s.must(err)
	s.note("session", string(kept), len("abs_"))
	for range 3 { // too long, for nobody knows how long an answer would be
		out, errs, code := s.run(s.put("question at a verb")+strings.Repeat(" word", 20000), "ask", "What is "+s.put("question at a verb")+"?")
		if code != failed {
			s.t.Errorf("ask: %d: %s", code, errs)
		}
		s.outputs[fmt.Sprintf("ask %d", len(s.outputs))] = append(out, errs...)
	}
	s.addDocuments()
	if _, errs, code := s.run("", "lock"); code != 0 { // takes the session's file away
		s.t.Errorf("lock: %d: %s", code, errs)
	}
}

// killInAnswer ends the server while it answers.
func (s *swept) killInAnswer(d *door, sig syscall.Signal) {
	s.t.Helper()
	p := s.people[3]
	session := d.login(p.name, p.passphrase)
	s.note("session", session, len("abs_"))
	var words []string
	for range 10 {
		words = append(words, s.put("question in a crash"))
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	body := asJSON(map[string]any{"stream": true, "messages": []map[string]string{
		{"role": "user", "content": "Tell a very long story with these words: " + strings.Join(words, " ")}}})
	req, err := http.NewRequestWithContext(ctx, "POST", d.url+"/v1/chat/completions", strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+session)
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("a question: status %d, %v", resp.StatusCode, err)
	}
	d.end(sig)
}

// backUp copies the store as an administrator does.
func (s *swept) backUp() {
	s.t.Helper()
	s.handOver(os.Getuid(), os.Getgid())
	defer s.handOver(s.uid, s.gid)
	s.must(os.Mkdir(filepath.Join(s.root, "backups"), 0o700))
	store, err := sqlite.Open(s.t.Context(), s.dirs.Store())
	s.must(err)
	defer store.Close()
	s.must(store.Backup(s.t.Context(), filepath.Join(s.root, "backups", "store.db")))
}

// sweep looks at every file that the program could have written.
func (s *swept) sweep(needles *sieve) *sweeper {
	s.t.Helper()
	x := &sweeper{sieve: needles}
	s.must(x.tree(s.root))
	for _, dir := range elsewhere() {
		s.must(s.sweepElsewhere(x, dir))
	}
	for name, b := range s.outputs {
		x.bytesAt("output: "+name, b)
	}
	return x
}

// elsewhere are folders that everybody writes into.
func elsewhere() []string {
	all := []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm"}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(dir string) bool {
		_, err := os.Stat(dir)
		return err != nil
	})
}

// sweepElsewhere searches what the program's account wrote since the test
// began. What others keep closed is theirs.
func (s *swept) sweepElsewhere(x *sweeper, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if path == s.root {
			return fs.SkipDir
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // others come and go
		}
		if errors.Is(err, fs.ErrPermission) {
			return fs.SkipDir
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || ownerOf(info) != s.uid || info.ModTime().Before(s.began) {
			return nil
		}
		if err := x.file(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	})
}

// controls plants a canary in every place that is searched, in every spelling
// and packing, and in a store as a row of it; the same search finds all.
func (s *swept) controls() {
	s.t.Helper()
	canary := newCanary()
	var text []byte
	combinations := 0
	for _, b := range spellings(canary) {
		for _, pack := range packings() {
			text = append(append(text, "\n so: "...), pack(slices.Concat([]byte(" "), b, []byte(" ")))...)
			combinations++
		}
	}
	var planted []string
	plant := func(dir string) {
		file := filepath.Join(dir, "planted")
		s.must(os.WriteFile(file, text, 0o600))
		s.must(os.Lchown(file, s.uid, s.gid))
		planted = append(planted, file)
	}
	s.must(filepath.WalkDir(s.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			plant(path)
		}
		return err
	}))
	for _, dir := range elsewhere() {
		own, err := os.MkdirTemp(dir, "ab")
		s.must(err)
		defer os.RemoveAll(own)
		plant(own)
	}
	s.outputs["planted"] = text
	inStore := filepath.Join(s.root, "backups", "planted.db")
	s.plantRow(inStore, text)

	x := s.sweep(newSieve(map[string]string{canary: "planted"}))
	seen := map[string]map[string]bool{}
	for _, f := range x.found {
		if seen[f.where] == nil {
			seen[f.where] = map[string]bool{}
		}
		seen[f.where][f.spelling+f.packed] = true
	}
	for _, where := range append(slices.Clone(planted), "output: planted", inStore) {
		// The packings differ in name and number: what a gzip in a zlib stream is seen as.
		if len(seen[where]) < combinations {
			s.t.Errorf("control: %d of %d planted in %s are seen: %v", len(seen[where]), combinations, where, slices.Sorted(maps.Keys(seen[where])))
		}
		delete(seen, where)
	}
	delete(seen, inStore+"-wal")
	for where := range seen {
		s.t.Errorf("control: something was seen in %s, where nothing was planted", where)
	}
	s.t.Logf("controls: %d of %d found in each of %d places", combinations, combinations, len(planted)+2)
	delete(s.outputs, "planted")
	for _, file := range append(planted, inStore, inStore+"-wal", inStore+"-shm") {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Error(err)
		}
	}
}

// plantRow makes a store with a row that is not sealed.
func (s *swept) plantRow(path string, row []byte) {
	s.t.Helper()
	store, err := sqlite.Open(s.t.Context(), path)
	s.must(err)
	defer store.Close()
	id := vault.NewID()
	change := vault.Change{Vault: id, Shell: vault.Shell{Seq: 1, Header: []byte("x"), Slots: []byte("x")},
		Append: []vault.Entry{{Seq: 1, Envelope: []byte("x")}}, Put: []vault.Row{{ID: vault.NewID(), Envelope: row}}}
	s.must(store.Commit(s.t.Context(), change))
}

// recover opens every vault with its passphrase and finds all that was kept.
func (s *swept) recover() {
	s.t.Helper()
	ctx, o := s.t.Context(), s.enter(time.Now)
	defer o.leave()
	var kept, found int
	check := func(ok bool, what string) {
		kept++
		if ok {
			found++
		} else {
			s.t.Errorf("%s is not there any more", what)
		}
	}
	var owner vault.Session
	for _, p := range s.people {
		who := o.unlock(p.name, p.passphrase)
		if owner.Person == "" {
			owner = who
		}
		me, err := o.people.Me(ctx, who)
		s.must(err)
		check(me.Name == p.name, "a name")
		tokens, err := o.people.TokensOf(ctx, who)
		s.must(err)
		for _, name := range p.tokens {
			check(slices.ContainsFunc(tokens, func(x vault.TokenInfo) bool { return x.Name == name }), "the name of a token")
		}
		x := o.history(who)
		var all bytes.Buffer
		s.must(x.ExportJSON(ctx, &all))
		for _, c := range p.conversations {
			check(bytes.Contains(all.Bytes(), []byte(c.instruction)), "an instruction")
			for _, word := range append(slices.Clone(c.turns), c.title) {
				if word == "" {
					continue
				}
				hits, err := x.Search(ctx, word, 3)
				s.must(err)
				check(len(hits) > 0 && strings.Contains(hits[0].Snippet, word) && bytes.Contains(all.Bytes(), []byte(word)), "a turn or a title")
			}
		}
		s.must(x.Close(ctx))
		s.recoverLibrary(o, who, p, check)
	}
	p := s.people[len(s.people)-1]
	_, err := o.people.Unlock(ctx, vault.Attempt{Name: p.name, Way: vault.SlotRecovery, Secret: []byte(p.recovery)})
	check(err == nil, "the way of the recovery code")
	s.t.Logf("with the keys %d of %d came back", found, kept)
}

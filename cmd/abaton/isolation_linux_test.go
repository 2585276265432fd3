package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/gateway"
	"abaton.local/library"
	"abaton.local/vault"
)

// attack is how a route is tried with something of somebody else's.
type attack struct {
	bodies func(x string) []string
	// secret: what is tried are passphrases and recovery codes, not names and
	// identifiers: each costs a stretching.
	secret bool
	// manages: an owner may do this to others, who keep their words all the same.
	manages bool
}

// attacks has an entry for every route of newCounter: one that is missing fails
// the test, and whoever adds a route says here how it could be misused.
func attacks() map[string]attack {
	nothing := func(string) []string { return []string{`{}`} }
	text := func(x string) []string { return []string{asJSON(x), asJSON(x[:min(8, len(x))])} }
	field := func(format string) func(string) []string {
		return func(x string) []string { return []string{fmt.Sprintf(format, x)} }
	}
	secret := func(name string) func(string) []string {
		return func(x string) []string { return []string{asJSON(map[string][]byte{name: []byte(x)})} }
	}
	turn := `[{"role":"user","text":"a word of a stranger"}]`
	return map[string]attack{
		doPath + "vault/status":           {bodies: nothing},
		doPath + "vault/ways":             {bodies: nothing},
		doPath + "vault/ways/remove":      {bodies: text},
		doPath + "vault/escrow/add":       {bodies: text},
		doPath + "vault/passphrase":       {bodies: secret("old"), secret: true},
		doPath + "vault/recovery/new":     {bodies: nothing},
		doPath + "vault/recovery/confirm": {bodies: func(x string) []string { return []string{asJSON([]byte(x))} }, secret: true},
		doPath + "vault/rotate":           {bodies: secret("passphrase"), secret: true},
		doPath + "vault/verify":           {bodies: nothing},
		doPath + "vault/acts":             {bodies: nothing},
		doPath + "vault/backup":           {bodies: nothing},
		doPath + "keys/list":              {bodies: nothing},
		doPath + "keys/create":            {bodies: field(`{"name":%q,"scope":"ask","expires":"2000-01-01T00:00:00Z"}`)},
		doPath + "keys/revoke":            {bodies: text},
		doPath + "history/list":           {bodies: func(string) []string { return []string{`{"most":0}`, `{"most":-1}`} }},
		doPath + "history/find":           {bodies: func(x string) []string { return []string{asJSON(x), asJSON(x[:min(4, len(x))]), `""`} }},
		doPath + "history/show":           {bodies: text},
		doPath + "history/search":         {bodies: field(`{"query":%q,"most":100}`)},
		doPath + "history/rename":         {bodies: field(`{"id":%q,"title":"of a stranger"}`)},
		doPath + "history/delete":         {bodies: text},
		doPath + "history/append":         {bodies: func(x string) []string { return []string{fmt.Sprintf(`{"id":%q,"turns":%s}`, x, turn)} }},
		doPath + "history/export": {bodies: func(x string) []string {
			return []string{fmt.Sprintf(`{"format":"json","ids":[%q]}`, x), fmt.Sprintf(`{"format":"markdown","ids":[%q]}`, x), `{"format":"json","ids":[]}`}
		}},
		doPath + "docs/known": {bodies: func(x string) []string {
			return []string{asJSON(knownIn{Library: x, Paths: []string{x}, Sums: [][]byte{make([]byte, 32)}})}
		}},
		doPath + "docs/add": {bodies: func(x string) []string {
			return []string{
				asJSON(addIn{Library: "of a stranger", Path: x, Name: "x.txt", Size: 8, Upload: x, At: 4, Data: []byte("word")}),
				asJSON(addIn{Library: "of a stranger", Path: x, Name: "x.txt", Size: 1 << 50, Data: []byte("word")}),
			}
		}},
		doPath + "docs/added": {bodies: nothing},
		doPath + "docs/list":  {bodies: func(x string) []string { return []string{asJSON(x), `""`} }},
		doPath + "docs/find":  {bodies: func(x string) []string { return []string{asJSON(x), asJSON(x[:min(4, len(x))]), `""`} }},
		doPath + "docs/show":  {bodies: text},
		doPath + "docs/remove": {bodies: func(x string) []string {
			return []string{fmt.Sprintf(`{"ids":[%q]}`, x), asJSON(removeIn{Library: x})}
		}},
		doPath + "docs/search": {bodies: func(x string) []string { return inLibrary(x) }},
		doPath + "docs/ask": {bodies: func(x string) []string {
			return []string{asJSON(docsAskIn{Query: x}), asJSON(docsAskIn{Query: "word", Library: x})}
		}},
		doPath + "people/list":        {bodies: nothing},
		doPath + "people/find":        {bodies: text},
		doPath + "people/invite":      {bodies: func(string) []string { return []string{`"owner"`} }, manages: true},
		doPath + "people/invitations": {bodies: nothing},
		doPath + "people/withdraw":    {bodies: text, manages: true},
		doPath + "people/role":        {bodies: field(`{"name":%q,"role":"member"}`), manages: true},
		doPath + "people/access":      {bodies: field(`{"name":%q,"off":true}`), manages: true},
		doPath + "people/rename":      {bodies: field(`{"name":%q,"new":"of a stranger"}`), manages: true},
		doPath + "people/remove":      {bodies: text, manages: true},
		metricsPath:                   {bodies: func(x string) []string { return []string{""} }},
		auditPath:                     {bodies: func(x string) []string { return []string{""} }},
		auditPath + cosignatureName:   {bodies: func(x string) []string { return []string{"", x} }},
	}
}

// inLibrary looks for something of somebody's, and in a library of theirs.
func inLibrary(x string) []string {
	return []string{asJSON(docsSearchIn{Query: x, Most: 100}), asJSON(docsSearchIn{Query: "word", Library: x, Most: 100})}
}

// deskRoutes reads from the table itself what it leads to.
func deskRoutes(t *testing.T) (routes []gateway.Route) {
	t.Helper()
	table, err := newCounter(nil, &program{log: slog.New(slog.DiscardHandler)}, nil, &gateway.Gateway{})
	if err != nil {
		t.Fatal(err)
	}
	lines := reflect.ValueOf(table).Elem().FieldByName("routes")
	for i := range lines.Len() {
		line := lines.Index(i)
		routes = append(routes, gateway.Route{Method: line.FieldByName("Method").String(), Path: line.FieldByName("Path").String(),
			Policy: gateway.Policy(line.FieldByName("Policy").Int())})
	}
	return routes
}

// TestEveryRouteIsAttacked is where a new route is noticed.
func TestEveryRouteIsAttacked(t *testing.T) {
	known, have := attacks(), map[string]bool{}
	for _, r := range deskRoutes(t) {
		have[r.Path] = true
		if _, ok := known[r.Path]; !ok {
			t.Errorf("%s is attacked by nobody: say in attacks() how it could be misused", r.Path)
		}
	}
	for path := range known {
		if !have[path] {
			t.Errorf("%s is attacked and is no route any more", path)
		}
	}
	if len(have) < 40 {
		t.Errorf("%d routes were read from the table", len(have))
	}
}

// resident is somebody in the house of the isolation test.
type resident struct {
	name, passphrase string
	role             vault.Role
	id               vault.PersonID
	ids              []string // of what is theirs, all kinds
	secrets          []string // that open something of theirs
	ask, all, old    string   // tokens; old has expired
	session          string   // at the running server
	before           string   // all that is theirs
}

// settle lets somebody keep something of each kind, every word a canary.
func (o *openHouse) settle(r *resident, s vault.Session, put func(what string) string) {
	o.h.t.Helper()
	ctx := o.h.t.Context()
	r.id = s.Person
	x := o.history(s)
	for range 2 {
		c, err := x.New(ctx, history.Start{Instruction: put("instruction")},
			history.Turn{Role: history.User, Text: put("turn")}, history.Turn{Role: history.Assistant, Text: put("turn")})
		o.h.must(err)
		_, err = x.Rename(ctx, c.ID, put("title"))
		o.h.must(err)
		_, turns, err := x.Show(ctx, c.ID)
		o.h.must(err)
		r.ids = append(r.ids, c.ID.String(), turns[0].ID.String())
	}
	o.h.must(x.Close(ctx))
	d, name, path := o.openLibraries(s), put("name of a library"), put("name of a document")
	got, err := d.Add(ctx, library.File{Library: name, Path: path, Name: path + ".md", Data: []byte("A word of " + put("word of a document"))})
	o.h.must(err)
	r.ids = append(r.ids, name, path, got.Document.ID.String(), got.Document.Library.String())
	o.h.must(d.Close(ctx))
	for scope, where := range map[vault.Scope]*string{vault.ScopeAsk: &r.ask, vault.ScopeAll: &r.all} {
		name := put("name of a token")
		token, info, err := o.people.MakeToken(ctx, s, name, scope, time.Now().Add(time.Hour))
		o.h.must(err)
		*where = token.Reveal()
		r.ids = append(r.ids, name, info.ID)
	}
	code, err := o.people.NewRecovery(s)
	o.h.must(err)
	r.secrets = append(r.secrets, r.passphrase, string(code.Reveal()))
	o.h.must(o.people.ConfirmRecovery(ctx, s, code.Reveal()))
	ways, err := o.people.Ways(ctx, s)
	o.h.must(err)
	for _, w := range ways {
		r.ids = append(r.ids, w.ID.String())
	}
	r.ids = append(r.ids, r.name, string(r.id))
}

// all is everything of somebody's, to be compared.
func (o *openHouse) all(r *resident) string {
	o.h.t.Helper()
	ctx, s := o.h.t.Context(), o.unlock(r.name, r.passphrase)
	var b bytes.Buffer
	say := func(v any, err error) {
		o.h.t.Helper()
		o.h.must(err)
		b.WriteString(asJSON(v) + "\n")
	}
	me, err := o.people.Me(ctx, s)
	say(me, err)
	ways, err := o.people.Ways(ctx, s)
	say(ways, err)
	tokens, err := o.people.TokensOf(ctx, s)
	slices.SortFunc(tokens, func(a, b vault.TokenInfo) int { return strings.Compare(a.ID, b.ID) })
	say(tokens, err)
	x := o.history(s)
	list, err := x.List()
	o.h.must(err)
	for _, c := range list {
		c, turns, err := x.Show(ctx, c.ID)
		say([]any{c, turns}, err)
	}
	o.h.must(x.Close(ctx))
	d := o.openLibraries(s)
	documents, err := d.Documents(vault.ID{})
	o.h.must(err)
	for _, one := range documents {
		one, words, err := d.Text(ctx, one.ID)
		say([]any{one, words}, err)
	}
	o.h.must(d.Close(ctx))
	return b.String()
}

// TestNobodyReachesAnothers is two people's things against three others, every
// route and every identifier, over one running server: an owner, a member and
// an auditor, with a session and with a token, and those whom the door does not
// know. Nothing of the two comes back and nothing of theirs changes.
func TestNobodyReachesAnothers(t *testing.T) {
	h := newHouse(t)
	canaries := map[string]string{}
	put := func(what string) string {
		c := newCanary()
		canaries[c] = what
		return c
	}
	person := func(role vault.Role) *resident {
		return &resident{name: put("name"), passphrase: put("passphrase"), role: role}
	}
	victims := []*resident{person(vault.RoleOwner), person(vault.RoleMember)}
	canariesOfVictims := maps.Clone(canaries)
	others := []*resident{person(vault.RoleOwner), person(vault.RoleMember), person(vault.RoleAuditor)}

	// The first owner comes in by the claim, once.
	d := h.serve()
	join := asJSON(map[string]string{"invitation": d.claim, "name": victims[0].name, "passphrase": victims[0].passphrase})
	if code, b := d.ask("POST", "/abaton/join", "", join); code != http.StatusOK {
		t.Fatalf("the claim: status %d: %s", code, b)
	}
	again := asJSON(map[string]string{"invitation": d.claim, "name": "somebody else", "passphrase": victims[1].passphrase})
	if code, _ := d.ask("POST", "/abaton/join", "", again); code == http.StatusOK {
		t.Error("a claim was used twice")
	}
	d.end(syscall.SIGTERM)

	past := time.Now().Add(-48 * time.Hour)
	clock := time.Now
	o := h.enter(func() time.Time { return clock() })
	owner := o.unlock(victims[0].name, victims[0].passphrase)
	canaries = canariesOfVictims
	o.settle(victims[0], owner, put)
	for _, r := range append(victims[1:], others...) {
		if slices.Contains(others, r) {
			canaries = map[string]string{} // what attackers keep is no secret to them
		}
		s, _ := o.join(owner, r.role, r.name, r.passphrase)
		o.settle(r, s, put)
	}
	canaries = canariesOfVictims
	_, invitation, err := o.people.Invite(t.Context(), owner, vault.RoleMember)
	h.must(err)
	victims[0].ids = append(victims[0].ids, invitation.ID.String())
	o.leave()
	clock = func() time.Time { return past } // of a token that has expired
	o = h.enter(func() time.Time { return clock() })
	for _, r := range victims {
		token, _, err := o.people.MakeToken(t.Context(), o.unlock(r.name, r.passphrase), "old", vault.ScopeAll, past.Add(time.Hour))
		h.must(err)
		r.old = token.Reveal()
	}
	o.leave()
	clock = time.Now
	o = h.enter(time.Now)
	for _, r := range victims {
		r.before = o.all(r)
	}
	o.leave()

	d = h.serve()
	for _, r := range slices.Concat(victims, others) {
		r.session = d.login(r.name, r.passphrase)
	}
	for _, r := range victims {
		canaries[r.session[4:][:canarySize]] = "session"
		canaries[r.ask[4:][:canarySize]] = "token"
		canaries[r.all[4:][:canarySize]] = "token"
	}
	x := &intruders{t: t, d: d, victims: victims, canaries: canaries, sieve: newSieve(canaries)}
	// The control: the victims' own sessions get what the others must not.
	for _, v := range victims {
		_, b := d.ask("POST", doPath+"history/export", v.session, `{"format":"json","ids":[]}`)
		if n := len(x.seen(b, "")); n < 8 {
			t.Errorf("control: a person's own export shows %d of their own words", n)
		}
	}
	x.unknown(others)
	x.known(others)
	for _, r := range victims {
		for _, credential := range []string{r.session, r.ask, r.all} {
			if code, _ := d.ask("GET", "/v1/models", credential, ""); code != http.StatusOK {
				t.Errorf("afterwards a credential of a victim gives status %d", code)
			}
		}
	}
	d.end(syscall.SIGTERM)
	t.Logf("%d requests to %d routes, answers by status: %v", x.requests, len(attacks()), x.statuses)

	o = h.enter(time.Now)
	defer o.leave()
	for _, r := range victims {
		if after := o.all(r); after != r.before {
			t.Errorf("what is a %v's was changed:\n%s\n%s", r.role, r.before, after)
		}
	}
	// The control of the comparison: the person's own change is seen.
	v := victims[0]
	mine := o.history(o.unlock(v.name, v.passphrase))
	latest, err := mine.Latest()
	h.must(err)
	_, err = mine.Rename(t.Context(), latest.ID, "another title")
	h.must(err)
	if o.all(v) == v.before {
		t.Error("control: a change is not seen")
	}
	list, err := o.people.Invitations(o.unlock(v.name, v.passphrase))
	h.must(err)
	if !slices.ContainsFunc(list, func(n vault.Invitation) bool { return n.ID == invitation.ID }) {
		t.Error("an owner's invitation is gone")
	}
}

// intruders try every route.
type intruders struct {
	t        *testing.T
	d        *door
	victims  []*resident
	canaries map[string]string
	sieve    *sieve
	requests int
	statuses map[int]int
}

// seen are the canaries in an answer, but for the one that was sent.
func (x *intruders) seen(answer []byte, sent string) map[string]bool {
	found := map[string]bool{}
	s := sweeper{sieve: x.sieve}
	s.search(answer, func(n needle) {
		if !bytes.Equal(n.bytes, []byte(sent)) {
			found[n.what+string(n.bytes)] = true
		}
	})
	return found
}

// try makes one request, and looks at the answer for what is the victims'.
func (x *intruders) try(who, method, path, credential, body, sent string, isOwner bool) int {
	x.t.Helper()
	code, answer := x.d.ask(method, path, credential, body)
	x.requests++
	if code == 0 {
		x.t.Errorf("%s: %s %s is not answered", who, method, path)
	}
	if x.statuses == nil {
		x.statuses = map[int]int{}
	}
	x.statuses[code]++
	for what := range x.seen(answer, sent) {
		if kind := what[:len(what)-canarySize]; kind == "name" && isOwner {
			continue // owners manage people
		}
		x.t.Errorf("%s: %s %s answers a %s of somebody else's (status %d)", who, method, path, what[:min(len(what), 12)], code)
	}
	return code
}

// known are the attacks of people who live here too.
func (x *intruders) known(others []*resident) {
	x.t.Helper()
	for _, r := range others {
		isOwner := r.role == vault.RoleOwner
		for form, credential := range map[string]string{"session": r.session, "token": r.all} {
			who := fmt.Sprintf("%v by %s", r.role, form)
			for _, route := range deskRoutes(x.t) {
				a := attacks()[route.Path]
				if isOwner && a.manages {
					continue
				}
				var all []string
				for _, v := range x.victims {
					if a.secret && form == "session" {
						all = append(all, v.secrets[0])
					} else if !a.secret {
						all = append(all, v.ids...)
					}
				}
				if strings.Contains(a.bodies("x")[0], "{}") {
					all = all[:1] // it takes nothing of anybody's
				}
				for _, sent := range all {
					for _, body := range a.bodies(sent) {
						path := route.Path
						if path == auditPath {
							path += sent
						}
						code := x.try(who, route.Method, path, credential, body, sent, isOwner)
						if code == http.StatusUnauthorized {
							x.t.Fatalf("%s: %s: the attacker is not known any more", who, path)
						}
					}
				}
			}
			for _, v := range x.victims { // the other rooms, and identifiers in paths
				for _, sent := range v.ids {
					for _, path := range []string{"/v1/models/" + sent, "/v1/" + sent, doPath + "history/show/" + sent, doPath + sent, "/abaton/session?person=" + sent} {
						x.try(who, "GET", path, credential, "", sent, isOwner)
					}
				}
			}
		}
	}
}

// unknown are the attacks of those who have no standing: forged, foreign, ended
// and expired credentials, tokens that only ask, guests, and nobody.
func (x *intruders) unknown(others []*resident) {
	x.t.Helper()
	v, r := x.victims[0], others[1]
	ended := x.d.login(r.name, r.passphrase)
	if code, _ := x.d.ask("POST", "/abaton/lock", ended, `{}`); code != http.StatusOK {
		x.t.Errorf("lock: status %d", code)
	}
	flipped := func(s string) string {
		last := byte('A')
		if s[len(s)-2] == last {
			last = 'B'
		}
		return s[:len(s)-2] + string(last) + s[len(s)-1:]
	}
	credentials := map[string]string{
		"nobody": "", "ended session": ended, "expired token": v.old, "changed session": flipped(v.session), "changed token": flipped(v.all),
		"half a session": v.session[:24], "session as a token": "abt_" + v.session[4:], "token as a session": "abs_" + v.all[4:],
		"person's ID": string(v.id), "person's ID as a session": "abs_" + string(v.id), "guest": bySocket, "token that asks": r.ask,
	}
	for i, route := range append(deskRoutes(x.t), gateway.Route{Method: "POST", Path: "/abaton/lock"}, gateway.Route{Method: "POST", Path: "/v1/chat/completions"}) {
		for who, credential := range credentials {
			path, sent, body := route.Path, v.ids[0], "{}"
			if a, ok := attacks()[route.Path]; ok {
				body = a.bodies(sent)[0]
			} else if who == "guest" || who == "token that asks" {
				continue // the door's own: they may
			}
			if path == auditPath {
				path += "checkpoint"
			}
			code := x.try(who, route.Method, path, credential, body, sent, false)
			switch {
			case who == "guest" || who == "token that asks":
				if code != http.StatusForbidden {
					x.t.Errorf("%s: %s: status %d, want 403", who, path, code)
				}
			// Of many wrong ones the later are told to wait.
			case code != http.StatusUnauthorized && (code != http.StatusTooManyRequests || i == 0):
				x.t.Errorf("%s: %s: status %d, want 401", who, path, code)
			}
		}
	}
	if code, _ := x.d.ask("GET", "/v1/models", bySocket, ""); code != http.StatusOK {
		x.t.Errorf("a guest is not let in to ask: status %d", code)
	}
	if code := x.try("auditor", "GET", auditPath+"checkpoint", others[2].session, "", "", false); code != http.StatusOK {
		x.t.Errorf("an auditor cannot read the audit log: status %d", code)
	}
	if code := x.try("member", "GET", auditPath+"checkpoint", r.session, "", "", false); code != http.StatusForbidden {
		x.t.Errorf("a member reads the audit log: status %d", code)
	}
}

package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

func (p *place) try(d *Directory, a Attempt) error {
	p.t.Helper()
	p.clock = p.clock.Add(2 * time.Minute) // past every pause
	s, err := d.Unlock(p.t.Context(), a)
	if err == nil {
		s.End()
	}
	return err
}

func pass(name, secret string) Attempt {
	return Attempt{Name: name, Way: SlotPassphrase, Secret: []byte(secret)}
}

func TestWrongSecretsAndUnknownPeopleReadAlike(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	p.member(d, olga, "Mira").End()
	code := string(newRecoveryCode().Reveal())
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]Attempt{
		"wrong passphrase":                  pass("Mira", ownerPass),
		"another's passphrase":              pass("Olga", memberPass),
		"unknown person":                    pass("Nobody", memberPass),
		"name that cannot be":               pass("No\u202ebody", memberPass),
		"no name":                           pass("", memberPass),
		"recovery code of nobody":           {Name: "Nobody", Way: SlotRecovery, Secret: []byte(code)},
		"recovery code where there is none": {Name: "Mira", Way: SlotRecovery, Secret: []byte(code)},
		"passkey of nobody":                 {Name: "Nobody", Way: SlotPasskey, Secret: make([]byte, 32)},
		"passkey where there is none":       {Name: "Mira", Way: SlotPasskey, Secret: make([]byte, 32)},
		"escrow of nobody":                  {Name: "Nobody", Way: SlotEscrow, Secret: []byte(identity.String())},
		"escrow where there is none":        {Name: "Mira", Way: SlotEscrow, Secret: []byte(identity.String())},
		"a token's way":                     {Name: "Mira", Way: SlotToken, Secret: make([]byte, 32)},
		"a way that is not":                 {Name: "Mira", Way: 77, Secret: make([]byte, 32)},
	} {
		if err := p.try(d, a); err != ErrWrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []Attempt{{Name: "Mira", Way: SlotRecovery, Secret: []byte("typo")}, {Name: "Nobody", Way: SlotRecovery, Secret: []byte("typo")}} {
		if err := p.try(d, a); !errors.Is(err, ErrRecoveryCode) {
			t.Errorf("a mistyped code: %v", err)
		}
	}
	if err := p.try(d, pass("  mira ", memberPass)); err != nil {
		t.Errorf("the right ones: %v", err)
	}
}

// The work is equal, too: BenchmarkWrong compares the times; this counts what is
// stretched.
func TestUnknownPeopleAreStretchedForAlike(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	p.owner(d).End()
	known, ok := p.find(d, "Olga")
	if !ok {
		t.Fatal("no owner")
	}
	set, err := d.slotsOf(t.Context(), known.id)
	if err != nil {
		t.Fatal(err)
	}
	real, _ := set.of(SlotPassphrase)
	decoy, _ := d.decoy.of(SlotPassphrase)
	a, err := parsePassphraseParams(real.params)
	b, err2 := parsePassphraseParams(decoy.params)
	if err != nil || err2 != nil || a.cost != b.cost || a.salt == b.salt {
		t.Errorf("%+v and %+v", a.cost, b.cost)
	}
}

func (p *place) find(d *Directory, name string) (person, bool) { return d.find(name) }

func TestPausesDoubleAndEnd(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	p.owner(d).End()
	p.record.take()
	soon := new(TooSoon)
	for _, name := range []string{"Olga", "Nobody"} { // alike
		for range 4 {
			if _, err := d.Unlock(t.Context(), pass(name, "something wrong")); err != ErrWrong {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := d.Unlock(t.Context(), pass(name, ownerPass)); !errors.As(err, &soon) || soon.Wait != time.Second {
			t.Fatalf("%s, after four: %v", name, err)
		}
	}
	// Their recovery code is not kept out by somebody who hammers at the passphrase.
	if _, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotRecovery, Secret: newRecoveryCode().Reveal()}); err != ErrWrong {
		t.Fatalf("another way in: %v", err)
	}
	// Waiting is not counted against anybody, and the right secret is taken after.
	p.clock = p.clock.Add(time.Second)
	if s, err := d.Unlock(t.Context(), pass("Olga", ownerPass)); err != nil {
		t.Fatal(err)
	} else {
		s.End()
	}
	for n, want := range map[int]time.Duration{0: 0, 3: 0, 4: time.Second, 5: 2 * time.Second, 9: 32 * time.Second, 10: time.Minute, 1000: time.Minute, 1 << 40: time.Minute} {
		if got := Pause(n); got != want {
			t.Errorf("after %d failures %v, want %v", n, got, want)
		}
	}
	if p.record.saw(UnlockFailed) {
		t.Error("a few slips are on the shared record")
	}
	for range 8 {
		p.try(d, pass("Olga", "something wrong"))
	}
	events := p.record.take()
	failed := 0
	for _, e := range events {
		if e.What == UnlockFailed && e.Failed && e.Detail == uint32(SlotPassphrase) && e.Object != (ID{}) {
			failed++
		}
	}
	if failed != 1 || len(events) != 1 {
		t.Errorf("eight failures in a row: %+v", events)
	}
	p.clock = p.clock.Add(2 * time.Minute)
	s := p.unlock(d, "Olga", ownerPass)
	deeds, err := d.Deeds(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, x := range deeds {
		told = told || x.What == DeedFailed && x.N >= 8
	}
	if !told {
		t.Errorf("the person is not told: %+v", deeds)
	}
}

func TestFailuresAreForgottenAndBounded(t *testing.T) {
	f := newFailures()
	now := time.Unix(1e9, 0)
	for range 10 {
		f.failed("a", now)
	}
	if f.failed("a", now.Add(failuresForget+time.Second)) != 1 {
		t.Error("an hour later they still count")
	}
	for i := range 3 * maxFailing {
		now = now.Add(time.Millisecond)
		f.failed(time.Duration(i).String(), now)
	}
	if len(f.by) > maxFailing {
		t.Errorf("%d names are counted", len(f.by))
	}
	if err := f.admit("somebody else", now); err == nil {
		t.Error("very many failures hold nobody back")
	}
	if err := f.admit("somebody else", now.Add(2*time.Second)); err != nil {
		t.Errorf("two seconds later: %v", err)
	}
}

func TestTheWrongDeviceSecret(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	kept := p.keep(olga, "words of before")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// Another machine, with a copy of the store and no device secret.
	q := newPlace(t)
	q.store = p.store
	q.config.Store = p.store
	if _, err := OpenDirectory(t.Context(), q.config); !errors.Is(err, ErrOtherDevice) || !strings.Contains(err.Error(), "recovery code") {
		t.Fatalf("with another device secret: %v", err)
	}
	q.config.NewMachine = true
	d = q.open()
	claim, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	join := Newcomer{Ticket: claim.Reveal(), Name: "Olga", Passphrase: []byte("a new one for the new machine"), Recovery: newRecoveryCode().Reveal()}
	if _, err := d.Join(t.Context(), join); err != ErrWrong {
		t.Fatalf("another recovery code: %v", err)
	}
	join.Recovery = code.Reveal()
	olga, err = d.Join(t.Context(), join)
	if err != nil {
		t.Fatal(err)
	}
	q.has(olga, kept, "words of before")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	q.config.NewMachine = false
	d = q.open()
	defer d.Close()
	q.has(q.unlock(d, "Olga", string(join.Passphrase)), kept, "words of before")
	if err := q.try(d, pass("Olga", ownerPass)); err != ErrWrong {
		t.Errorf("the old passphrase: %v", err)
	}
	q.clock = q.clock.Add(time.Hour)
	s, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()})
	if err != nil {
		t.Fatalf("the recovery code stays good: %v", err)
	}
	// And sets a passphrase without the old one.
	if err := d.ChangePassphrase(t.Context(), s, nil, []byte("the third passphrase")); err != nil {
		t.Fatal(err)
	}
	q.has(q.unlock(d, "Olga", "the third passphrase"), kept, "words of before")
}

func TestRecoveryCodeIsConfirmedBeforeItCounts(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	first, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	recover := func(code Once) error {
		return p.try(d, Attempt{Name: "Olga", Way: SlotRecovery, Secret: code.Reveal()})
	}
	if err := recover(first); err != ErrWrong {
		t.Errorf("not confirmed, and it opens: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, newRecoveryCode().Reveal()); err != ErrOtherCode {
		t.Errorf("another code: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, []byte("no code")); !errors.Is(err, ErrRecoveryCode) {
		t.Errorf("no code: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, []byte(strings.ToLower(string(first.Reveal())))); err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != nil {
		t.Errorf("confirmed: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, first.Reveal()); err == nil {
		t.Error("confirmed twice")
	}
	second, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != nil {
		t.Errorf("the old one, while the new one waits: %v", err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, second.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := recover(first); err != ErrWrong {
		t.Errorf("the old one: %v", err)
	}
	if err := recover(second); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

func TestEscrowIsAgreedListedAndOnRecord(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "age1pq1", classic.Recipient().String(), strings.ToUpper(identity.Recipient().String()), identity.Recipient().String() + "\n", identity.String()} {
		if err := d.AddEscrow(t.Context(), olga, bad); err != ErrRecipient {
			t.Errorf("recipient of %d characters: %v", len(bad), err)
		}
	}
	kept := p.keep(olga, "for the firm, too")
	recipient := identity.Recipient().String()
	if err := d.AddEscrow(t.Context(), olga, recipient); err != nil {
		t.Fatal(err)
	}
	ways, err := d.Ways(t.Context(), olga)
	if err != nil || len(ways) != 2 || ways[1].Kind != SlotEscrow || ways[1].Who != Fingerprint(recipient) {
		t.Fatalf("%+v, %v", ways, err)
	}
	olga.End()
	p.record.take()
	other, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(other.String())}); err != ErrWrong {
		t.Errorf("another organisation: %v", err)
	}
	p.record.err = errors.New("disk full")
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("used without a record: %v", err)
	}
	p.record.err = nil
	s, err := d.Unlock(t.Context(), Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())})
	if err != nil {
		t.Fatal(err)
	}
	p.has(s, kept, "for the firm, too")
	if !p.record.saw(EscrowUsed) {
		t.Error("its use is not on the shared record")
	}
	s.End()
	olga = p.unlock(d, "Olga", ownerPass)
	deeds, err := d.Deeds(t.Context(), olga)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, x := range deeds {
		told = told || x.What == DeedEscrowUsed
	}
	if !told {
		t.Error("the person does not learn of it")
	}
	if err := d.RemoveWay(t.Context(), olga, ways[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := p.try(d, Attempt{Name: "Olga", Way: SlotEscrow, Secret: []byte(identity.String())}); err != ErrWrong {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestPasskeyOnlyBesideSomethingThatIsNotLost(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	credential, prf := [32]byte{1}, []byte("thirty-two bytes of PRF output!!")
	secret := passkeySecretOf(t, prf)
	if d.PasskeySalt("olga") != d.PasskeySalt("OLGA ") && d.PasskeySalt("olga") == d.PasskeySalt("nobody") {
		t.Error("the salt does not follow from the name")
	}
	if err := d.AddPasskey(t.Context(), olga, credential, secret[:31]); err == nil {
		t.Error("31 bytes were taken")
	}
	if err := d.AddPasskey(t.Context(), olga, credential, secret); err != nil {
		t.Fatal(err)
	}
	good := Attempt{Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: secret}
	if err := p.try(d, good); err != nil {
		t.Errorf("the passkey: %v", err)
	}
	for name, a := range map[string]Attempt{
		"the PRF output itself": {Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: prf},
		"another credential":    {Name: "Olga", Way: SlotPasskey, Passkey: [32]byte{2}, Secret: secret},
		"half a secret":         {Name: "Olga", Way: SlotPasskey, Passkey: credential, Secret: secret[:16]},
	} {
		if err := p.try(d, a); err != ErrWrong {
			t.Errorf("%s: %v", name, err)
		}
	}
	ways, err := d.Ways(t.Context(), olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveWay(t.Context(), olga, ways[0].ID); err != ErrLastWay {
		t.Errorf("the passphrase goes and leaves the passkey alone: %v", err)
	}
	code, err := d.NewRecovery(olga)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ConfirmRecovery(t.Context(), olga, code.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveWay(t.Context(), olga, ways[0].ID); err != nil {
		t.Errorf("beside a recovery code: %v", err)
	}
	if err := p.try(d, good); err != nil {
		t.Errorf("the passkey, still: %v", err)
	}
	if err := p.try(d, pass("Olga", ownerPass)); err != ErrWrong {
		t.Errorf("the passphrase that was removed: %v", err)
	}
}

// The attacks on slots of somebody who can write the store.
func TestAttacksOnSlots(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	eve := p.member(d, olga, "Eve") // knows her own secret
	id := identity(mira.Person)
	token, info, err := d.MakeToken(t.Context(), mira, "editor", ScopeAll, p.clock.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	withToken := p.store.copyOf(id)
	entry := p.store.copyOf(d.id)
	if err := d.RevokeToken(t.Context(), mira, info.ID); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Session{olga, mira, eve} {
		s.Lock()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	honest := p.store.copyOf(id)
	others := p.store.copyOf(identity(eve.Person))
	decoded := func(b []byte) *slotSet {
		s, err := decodeSlots(b)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// body puts other slots under the honest MACs.
	body := func(s *slotSet) []byte {
		return append(s.body(), honest.shell.Slots[len(honest.shell.Slots)-2*macSize:]...)
	}
	for name, attack := range map[string]func() []byte{
		"a slot is added": func() []byte {
			s := decoded(honest.shell.Slots)
			x := slot{kind: SlotToken, id: NewID(), since: 1, sealed: make([]byte, 341)}
			s.put(x, false)
			return body(s)
		},
		"another person's set": func() []byte { return others.shell.Slots },
		"another person's slot": func() []byte {
			s := decoded(honest.shell.Slots)
			x, _ := decoded(others.shell.Slots).of(SlotPassphrase)
			s.put(x, true)
			return body(s)
		},
		"a slot that was taken away": func() []byte { return withToken.shell.Slots },
		"weaker parameters above the floor": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[5+3]++
			return body(s)
		},
		"weaker parameters below the floor": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[5+3] = 1
			return body(s)
		},
		"parameters that eat the memory": func() []byte {
			s := decoded(honest.shell.Slots)
			s.slots[0].params[1] = 0x7f
			return body(s)
		},
		"no slots": func() []byte { return nil },
		"garbage":  func() []byte { return []byte("not a set of slots") },
	} {
		t.Run(name, func(t *testing.T) {
			changed := *honest
			changed.shell.Slots = attack()
			p.store.putBack(id, &changed)
			defer p.store.putBack(id, honest)
			p.record.take()
			d := p.open()
			defer d.Close()
			_, err := d.Unlock(t.Context(), pass("Mira", memberPass))
			damage := new(Damage)
			if !errors.Is(err, ErrSlots) && !errors.As(err, &damage) {
				t.Errorf("unlocked, or unseen: %v", err)
			}
			if !p.record.saw(VerificationFailed) {
				t.Error("it is not on the shared record")
			}
		})
	}
	// The token and its entry in the directory together, revived.
	p.store.putBack(id, withToken)
	p.store.putBack(identity(PersonID(d.id.String())), entry)
	if _, err := OpenDirectory(t.Context(), p.config); !errors.Is(err, ErrRolledBack) {
		t.Errorf("the directory of before: %v", err)
	}
	p.store.putBack(id, honest)
	_ = token
	// The control: as it was, all is well. (The directory of now is gone, so the
	// owner accepts the old one, where the token still stands: its slot does not.)
	_, err = OpenDirectory(t.Context(), p.config)
	rolled := new(RolledBack)
	if !errors.As(err, &rolled) {
		t.Fatal(err)
	}
	p.config.Accept = rolled
	d = p.open()
	defer d.Close()
	if s, err := d.Unlock(t.Context(), pass("Mira", memberPass)); err != nil {
		t.Errorf("as it was: %v", err)
	} else {
		s.End()
	}
	if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != ErrToken {
		t.Errorf("a revoked token, in a directory put back: %v", err)
	}
	if !p.record.saw(RollbackAccepted) {
		t.Error("accepting a rollback is not on the shared record")
	}
}

func TestRollbackIsSeenShownAndAccepted(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	id := identity(olga.Person)
	first := p.keep(olga, "first")
	olga.Lock()
	old := p.store.copyOf(id)
	olga = p.unlock(d, "Olga", ownerPass)
	second := p.keep(olga, "second")
	olga.Lock()
	newest := p.store.copyOf(id)

	p.store.putBack(id, old) // while the program runs
	_, err := d.Unlock(t.Context(), pass("Olga", ownerPass))
	rolled := new(RolledBack)
	if !errors.As(err, &rolled) || !errors.Is(err, ErrRolledBack) || rolled.Have != old.shell.Seq || rolled.Remembered != newest.shell.Seq || rolled.Lost {
		t.Fatalf("%v, %+v", err, rolled)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open() // and after a restart
	accept := pass("Olga", ownerPass)
	if _, err := d.Unlock(t.Context(), accept); !errors.Is(err, ErrRolledBack) {
		t.Fatalf("after a restart: %v", err)
	}
	other := *rolled
	other.Have--
	accept.Accept = &other
	if _, err := d.Unlock(t.Context(), accept); !errors.Is(err, ErrRolledBack) {
		t.Fatalf("accepting another rollback: %v", err)
	}
	accept.Accept = rolled
	p.record.take()
	olga, err = d.Unlock(t.Context(), accept)
	if err != nil {
		t.Fatal(err)
	}
	p.has(olga, first, "first")
	if v, err := olga.Vault(); err != nil {
		t.Fatal(err)
	} else if _, err := v.Read(t.Context(), second); !errors.Is(err, ErrNoRecord) {
		t.Errorf("what came later: %v", err)
	}
	if !p.record.saw(RollbackAccepted) {
		t.Error("not on the shared record")
	}
	deeds, err := d.Deeds(t.Context(), olga)
	if err != nil || len(deeds) < 2 || deeds[len(deeds)-2].What != DeedRollback {
		t.Errorf("%+v, %v", deeds, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = p.open() // accepted for good
	p.unlock(d, "Olga", ownerPass).End()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// What the machine remembered is lost: asked once, for the directory and then
	// for the vault.
	heads := filepath.Join(p.config.StateDir, rememberedFile)
	good, err := os.ReadFile(heads)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(heads); err != nil {
		t.Fatal(err)
	}
	_, err = OpenDirectory(t.Context(), p.config)
	if !errors.As(err, &rolled) || !rolled.Lost || rolled.Have == 0 {
		t.Fatalf("nothing is remembered: %v", err)
	}
	bad := append([]byte(nil), good...)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(heads, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = OpenDirectory(t.Context(), p.config); err == nil || !strings.Contains(err.Error(), "device secret") {
		t.Fatalf("a damaged memory: %v", err)
	}
	if err := os.WriteFile(heads, good, 0o600); err != nil {
		t.Fatal(err)
	}
	d = p.open()
	defer d.Close()
	p.unlock(d, "Olga", ownerPass).End()
}

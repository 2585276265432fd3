package vault

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// running opens a directory on the bubble's clock and runs it until the test
// ends.
func (p *place) running() *Directory {
	p.t.Helper()
	p.config.Now = nil
	d := p.open()
	ctx, stop := context.WithCancel(p.t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	p.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
		if err := d.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return d
}

func TestIdleSessionsLockAndOldOnesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		d := p.running()
		olga := p.owner(d)
		kept := p.keep(olga, "words")
		secret, err := d.Issue(olga)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(idleLock - time.Second)
		synctest.Wait()
		if !olga.Unlocked() || len(p.left()) != 0 {
			t.Fatal("locked too early")
		}
		p.has(olga, kept, "words") // is use
		time.Sleep(idleLock - time.Second)
		if !olga.Unlocked() {
			t.Fatal("use does not count")
		}
		v, err := olga.Vault()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(idleLock + time.Second)
		synctest.Wait()
		if olga.Unlocked() || !slices.Equal(p.left(), []PersonID{olga.Person}) {
			t.Fatalf("not locked by itself: %v", p.left())
		}
		if _, err := olga.Vault(); err != ErrLocked {
			t.Errorf("Vault: %v", err)
		}
		if _, err := v.Read(t.Context(), kept); !errors.Is(err, ErrLocked) {
			t.Errorf("a vault that somebody held on to: %v", err)
		}
		// It is still known who it is, until the session is too old.
		if s, err := d.Resume(secret.Reveal()); err != nil || s.Person != olga.Person || s.Unlocked() {
			t.Errorf("known: %v", err)
		}
		time.Sleep(absoluteLock)
		synctest.Wait()
		if _, err := d.Resume(secret.Reveal()); err != ErrEnded {
			t.Errorf("after twelve hours: %v", err)
		}
		// Use does not put off the absolute end.
		olga = p.unlock(d, "Olga", ownerPass)
		for range int(absoluteLock/(10*time.Minute)) - 1 {
			time.Sleep(10 * time.Minute)
			if _, err := olga.Vault(); err != nil {
				t.Fatal(err)
			}
		}
		if time.Until(olga.Until()) > 10*time.Minute {
			t.Error("Until is wrong")
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if olga.Unlocked() || len(p.left()) != 2 {
			t.Error("open after twelve hours of use")
		}
	})
}

func TestSessionsOfOnePersonShareAVault(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	a := p.owner(d)
	b := p.unlock(d, "Olga", ownerPass)
	va, _ := a.Vault()
	vb, _ := b.Vault()
	if va == nil || va != vb {
		t.Fatal("two vaults of one person are open")
	}
	a.Lock()
	if a.Unlocked() || !b.Unlocked() || len(p.left()) != 0 {
		t.Fatal("one locks, the other goes on")
	}
	if _, err := vb.Read(t.Context(), NewID()); !errors.Is(err, ErrNoRecord) {
		t.Fatalf("the shared vault: %v", err)
	}
	b.Lock()
	if !slices.Equal(p.left(), []PersonID{a.Person}) {
		t.Fatalf("the last one locks: %v", p.left())
	}
	if len(d.lobby.open) != 0 {
		t.Error("something of the vault is kept")
	}
	b.End()
	a.End()
	if len(d.lobby.seats) != 0 {
		t.Error("something of the sessions is kept")
	}
}

func TestKnownIsNotUnlocked(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	known := Session{Person: olga.Person}
	guest, other := Guest(), Guest()
	if guest.Person == other.Person || !guest.Guest() || known.Guest() {
		t.Error("guests")
	}
	for name, s := range map[string]Session{"known": known, "guest": guest, "zero": {}, "owner of today": {Person: Owner}} {
		if _, err := s.Vault(); err != ErrLocked || s.Unlocked() {
			t.Errorf("%s: %v", name, err)
		}
		s.Lock()
		s.End()
		if _, err := d.Issue(s); err == nil {
			t.Errorf("%s: a secret was issued", name)
		}
		if _, err := d.People(t.Context(), s); err == nil {
			t.Errorf("%s: lists people", name)
		}
	}
	if !olga.Unlocked() {
		t.Error("a known session locked another")
	}
}

func TestClientSecrets(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	one, err := d.Issue(olga)
	if err != nil || len(one.Reveal()) != 43 {
		t.Fatalf("%d characters, %v", len(one.Reveal()), err)
	}
	if s, err := d.Resume(one.Reveal()); err != nil || s != olga {
		t.Fatalf("%v", err)
	}
	for i := range one.Reveal() {
		b := slices.Clone(one.Reveal())
		b[i] ^= 1
		if _, err := d.Resume(b); err != ErrEnded {
			t.Fatal("another secret")
		}
	}
	for hash := range d.lobby.secret {
		if slices.Equal(hash[:], one.Reveal()[:32]) {
			t.Error("the secret itself is kept")
		}
	}
	two, err := d.Issue(olga)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resume(one.Reveal()); err != ErrEnded {
		t.Errorf("the secret that was replaced: %v", err)
	}
	olga.End()
	if _, err := d.Resume(two.Reveal()); err != ErrEnded {
		t.Errorf("after the end: %v", err)
	}
	if _, err := d.Issue(olga); err != ErrEnded {
		t.Errorf("issuing after the end: %v", err)
	}
}

func TestChangedSecretsEndOtherSessions(t *testing.T) {
	for name, change := range map[string]func(p *place, d *Directory, s Session) error{
		"passphrase": func(p *place, d *Directory, s Session) error {
			return d.ChangePassphrase(p.t.Context(), s, []byte(ownerPass), []byte("a new passphrase"))
		},
		"recovery code": func(p *place, d *Directory, s Session) error {
			code, err := d.NewRecovery(s)
			if err != nil {
				return err
			}
			return d.ConfirmRecovery(p.t.Context(), s, code.Reveal())
		},
		"root key": func(p *place, d *Directory, s Session) error {
			_, err := d.Rotate(p.t.Context(), s, []byte(ownerPass), nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.open()
			defer d.Close()
			here := p.owner(d)
			there := p.unlock(d, "Olga", ownerPass)
			if err := change(p, d, here); err != nil {
				t.Fatal(err)
			}
			if !here.Unlocked() || there.Unlocked() || !there.ended() {
				t.Errorf("here %v, there %v", here.Unlocked(), there.Unlocked())
			}
		})
	}
}

func TestOldPassphraseIsAskedFor(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	s := p.owner(d)
	if err := d.ChangePassphrase(t.Context(), s, []byte("not the old one"), []byte("a new passphrase")); err != ErrWrong {
		t.Errorf("%v", err)
	}
	if err := d.ChangePassphrase(t.Context(), s, []byte(ownerPass), []byte("short")); err != ErrShortPassphrase {
		t.Errorf("%v", err)
	}
	if err := d.ChangePassphrase(t.Context(), s, []byte(ownerPass), []byte("a new passphrase")); err != nil {
		t.Errorf("%v", err)
	}
	if err := p.try(d, pass("Olga", ownerPass)); err != ErrWrong {
		t.Errorf("the old passphrase: %v", err)
	}
	if err := p.try(d, pass("Olga", "a new passphrase")); err != nil {
		t.Errorf("the new passphrase: %v", err)
	}
}

func TestManySessionsAndLocksAtOnce(t *testing.T) {
	p := newPlace(t)
	p.config.Locked = nil
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	root := p.rootOf(d, olga)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 30 {
				s := p.again(d, olga, root)
				if _, err := s.Vault(); err != nil {
					t.Error(err)
				}
				if !s.Unlocked() {
					t.Error("not unlocked")
				}
				s.End()
			}
		})
	}
	wg.Wait()
	olga.End()
	if len(d.lobby.open) != 0 || len(d.lobby.seats) != 0 {
		t.Errorf("%d vaults and %d sessions are left", len(d.lobby.open), len(d.lobby.seats))
	}
	for range maxSeats + 5 {
		p.again(d, olga, root)
	}
	if len(d.lobby.seats) != maxSeats {
		t.Errorf("%d sessions of one person", len(d.lobby.seats))
	}
}

// The promise of `lock --all`: every session of that person is over, wherever it
// is, and nobody else's.
func TestLockAllEndsAPersonsSessionsAndNobodyElses(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	a := p.owner(d)
	b := p.unlock(d, "Olga", ownerPass)
	other := p.member(d, a, "Mia")
	d.LockAll(Session{Person: other.Person, seat: a.seat}) // another's name on one's own seat
	if !a.Unlocked() || !other.Unlocked() {
		t.Fatal("somebody was locked by a forged session")
	}
	d.LockAll(b)
	if a.Unlocked() || b.Unlocked() || !other.Unlocked() {
		t.Fatalf("unlocked: %v %v %v, want only the other person", a.Unlocked(), b.Unlocked(), other.Unlocked())
	}
}

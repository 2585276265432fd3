package vault

import (
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokensByScope(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	kept := p.keep(olga, "words")
	ask, askInfo, err := d.MakeToken(t.Context(), olga, "a script", ScopeAsk, p.clock.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	all, allInfo, err := d.MakeToken(t.Context(), olga, "my editor", ScopeAll, p.clock.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		name    string
		scope   Scope
		expires time.Time
		want    error
	}{
		{"", ScopeAsk, p.clock.Add(time.Hour), ErrTokenName}, {"x", "admin", p.clock.Add(time.Hour), ErrScope},
		{"x", ScopeAll, p.clock, ErrTokenExpiry}, {"x", ScopeAll, p.clock.AddDate(11, 0, 0), ErrTokenExpiry},
	} {
		if _, _, err := d.MakeToken(t.Context(), olga, bad.name, bad.scope, bad.expires); err != bad.want {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for range 2 { // the second time after a restart
		s, err := d.UnlockToken(t.Context(), ask.Reveal())
		if err != nil || s.Person != olga.Person || s.Unlocked() {
			t.Fatalf("ask: %v", err)
		}
		if _, err := s.Vault(); err != ErrLocked {
			t.Fatalf("ask opens something: %v", err)
		}
		if s, err = d.UnlockToken(t.Context(), all.Reveal()); err != nil {
			t.Fatal(err)
		}
		p.has(s, kept, "words")
		again, err := d.UnlockToken(t.Context(), all.Reveal())
		if err != nil || again != s {
			t.Errorf("the next request opens anew: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = p.open()
	}
	// What is stored neither is the token nor opens anything.
	b, _ := readToken(all.Reveal())
	_, wrap := tokenKeys(b)
	for _, x := range d.tokens {
		for _, secret := range []string{hex.EncodeToString(b[8:]), hex.EncodeToString(wrap.Bytes()), all.Reveal()} {
			if strings.Contains(x.Auth+x.Key, secret) {
				t.Error("a secret is stored")
			}
		}
	}
	olga = p.unlock(d, "Olga", ownerPass)
	list, err := d.TokensOf(t.Context(), olga)
	if err != nil || len(list) != 2 || list[0] != askInfo || list[1] != allInfo {
		t.Fatalf("%+v, %v", list, err)
	}
	// A program's token does not manage: not people, not tokens, not slots.
	s, err := d.UnlockToken(t.Context(), all.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	_, made, _ := d.MakeToken(t.Context(), s, "x", ScopeAll, p.clock.Add(time.Hour))
	_, invited := d.People(t.Context(), s)
	_, drafted := d.NewRecovery(s)
	_, rotated := d.Rotate(t.Context(), s, []byte(ownerPass), nil)
	for name, err := range map[string]error{
		"People": invited, "NewRecovery": drafted, "Rotate": rotated,
		"RevokeToken":      d.RevokeToken(t.Context(), s, askInfo.ID),
		"ChangePassphrase": d.ChangePassphrase(t.Context(), s, []byte(ownerPass), []byte(memberPass)),
		"AddPasskey":       d.AddPasskey(t.Context(), s, testPasskey(), make([]byte, 32)),
		"Remove":           d.Remove(t.Context(), s, s.Person),
	} {
		if err == nil {
			t.Errorf("%s by a token", name)
		}
	}
	if made != (TokenInfo{}) {
		t.Error("a token made a token")
	}
	if err := d.RevokeToken(t.Context(), olga, allInfo.ID); err != nil {
		t.Fatal(err)
	}
	if s.Unlocked() {
		t.Error("what a revoked token opened is still open")
	}
	if _, err := d.UnlockToken(t.Context(), all.Reveal()); err != ErrToken {
		t.Errorf("revoked: %v", err)
	}
	if ways, err := d.Ways(t.Context(), olga); err != nil || len(ways) != 1 {
		t.Errorf("its slot is left: %+v, %v", ways, err)
	}
	if err := d.RevokeToken(t.Context(), olga, allInfo.ID); !errors.Is(err, ErrNoRecord) {
		t.Errorf("revoked twice: %v", err)
	}
	p.clock = p.clock.AddDate(0, 1, 1)
	if _, err := d.UnlockToken(t.Context(), ask.Reveal()); err != ErrToken {
		t.Errorf("expired: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyTheTokenItselfUnlocks(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	token, _, err := d.MakeToken(t.Context(), olga, "x", ScopeAll, p.clock.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	good := token.Reveal()
	bad := []string{"", tokenPrefix, good[:len(good)-1], good + "0", " " + good, good + "\x00", strings.ToUpper(good), strings.TrimPrefix(good, tokenPrefix), tokenPrefix + strings.Repeat("Z", 43), strings.Repeat("A", 1<<20)}
	for i := range good {
		b := []byte(good)
		b[i] ^= 1
		bad = append(bad, string(b))
	}
	for _, s := range bad {
		if _, err := d.UnlockToken(t.Context(), s); err != ErrToken {
			t.Errorf("%d bytes: %v", len(s), err)
		}
	}
	if _, err := d.UnlockToken(t.Context(), good); err != nil {
		t.Error(err)
	}
}

func TestWhatATokenOpenedLocksAMinuteLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		d := p.running()
		olga := p.owner(d)
		token, _, err := d.MakeToken(t.Context(), olga, "x", ScopeAll, time.Now().Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		olga.End()
		for range 200 { // two hours and more of use
			if _, err := d.UnlockToken(t.Context(), token.Reveal()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tokenLock - 15*time.Second)
		}
		synctest.Wait()
		if p.openVaults(d) != 1 {
			t.Error("locked while in use")
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if p.openVaults(d) != 0 {
			t.Error("still open a minute after the last request")
		}
		olga = p.unlock(d, "Olga", ownerPass)
		deeds, err := d.Deeds(t.Context(), olga)
		if err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, x := range deeds {
			if x.What == DeedTokenUsed {
				used++
			}
		}
		if used != 3 {
			t.Errorf("in two and a half hours %d uses are in the journal", used)
		}
	})
}

// A request that takes longer than a minute is not cut off by the lock; a minute
// after its end the lock comes.
func TestATokensRequestAtWorkIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		d := p.running()
		olga := p.owner(d)
		token, _, err := d.MakeToken(t.Context(), olga, "x", ScopeAll, time.Now().Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		olga.End()
		s, err := d.UnlockToken(t.Context(), token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		done := s.Busy()
		p.locked = nil
		time.Sleep(10 * tokenLock)
		synctest.Wait()
		if !s.Unlocked() || len(p.locked) > 0 {
			t.Error("locked, and its engines ended, in the middle of a request")
		}
		done()
		done() // counts once
		time.Sleep(tokenLock + time.Second)
		synctest.Wait()
		if s.Unlocked() || len(d.lobby.open) != 0 {
			t.Error("still open a minute after the request's end")
		}
		s.Busy()()
		if s.Unlocked() {
			t.Error("opened again by being busy")
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(newToken().Reveal())
	f.Add("abt_0000000000000000000000000000000000000000000")
	f.Add("abt_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := readToken(s)
		if !ok {
			return
		}
		if again := tokenOf(b).Reveal(); again != s {
			t.Errorf("%q is read as %q", s, again)
		}
	})
}

// Programs ask for several things at once. Each of the requests that open a vault
// by one token keeps it open, whichever came first.
func TestRequestsByOneTokenDoNotLockEachOther(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	olga := p.owner(d)
	token, _, err := d.MakeToken(t.Context(), olga, "editor", ScopeAll, p.clock.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	sessions := make([]Session, 16)
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			s, err := d.UnlockToken(t.Context(), token.Reveal())
			if err != nil {
				t.Error(err)
			}
			sessions[i] = s
		})
	}
	all.Wait()
	for i, s := range sessions {
		if !s.Unlocked() {
			t.Errorf("request %d was locked out by another", i)
		}
	}
	if n := d.Holding(sessions[0]); n != 2 {
		t.Errorf("%d sessions hold the vault: one by the passphrase, one by the token", n)
	}
}

// Whoever was let in by a token, or is in without their keys, sees that it was taken
// back: at once, and for good.
func TestWhatWasTakenBackDoesNotStand(t *testing.T) {
	p := newPlace(t)
	d := p.open()
	defer d.Close()
	olga := p.owner(d)
	mira := p.member(d, olga, "Mira")
	token := func(of Session, scope Scope) (Token, TokenInfo) {
		t.Helper()
		secret, info, err := d.MakeToken(t.Context(), of, "a program", scope, p.clock.AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		return secret, info
	}
	in := func(secret Token) Session {
		t.Helper()
		s, err := d.UnlockToken(t.Context(), secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ask, askInfo := token(mira, ScopeAsk)
	all, allInfo := token(mira, ScopeAll)
	kept, _ := token(mira, ScopeAsk)
	byID, err := d.TokenSession(askInfo.ID)
	if err != nil {
		t.Fatal(err)
	}
	hers := map[string]Session{"ask": in(ask), "by its ID": byID, "all": in(all), "all, without keys": in(all).Known()}
	keeps, others := in(kept), map[string]Session{"olga": olga, "a guest": Guest(), "nobody's": {Person: mira.Person}}
	stand := func(when string, want bool, sessions map[string]Session) {
		t.Helper()
		for name, s := range sessions {
			if s.Stands() != want || s.Known().Stands() != want {
				t.Errorf("%s, %s: %v", when, name, s.Stands())
			}
		}
	}
	stand("at first", true, hers)
	for _, id := range []string{askInfo.ID, allInfo.ID} {
		if err := d.RevokeToken(t.Context(), mira, id); err != nil {
			t.Fatal(err)
		}
	}
	stand("revoked", false, hers)
	stand("not revoked", true, map[string]Session{"another token": keeps, "mira": mira})
	for _, off := range []bool{true, false} {
		if err := d.SetDisabled(t.Context(), olga, mira.Person, off); err != nil {
			t.Fatal(err)
		}
		stand("shut out, also when in again", false, map[string]Session{"a token": keeps})
	}
	if mira.Stands() {
		t.Error("a session of somebody who was shut out stands")
	}
	again := in(kept)
	stand("in again", true, map[string]Session{"the same token": again})
	if err := d.Remove(t.Context(), olga, mira.Person); err != nil {
		t.Fatal(err)
	}
	stand("removed", false, map[string]Session{"a token": again})
	stand("somebody else", true, others)
}

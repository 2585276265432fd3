package vault

import (
	"errors"
	"testing"

	"filippo.io/age"
)

// What changes who can open a vault, and what accepts an older one, is stopped
// at every writing, of the store and of the shared record, as when the power
// goes. At the next start it did not happen or it did, and never a third: the
// passphrase opens, of two recovery codes one does, escrow is there or not, an
// older state is asked about again or was accepted.
func TestStoppedChangesHappenedOrDidNot(t *testing.T) {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		prepare  func(st *stoppedCase)
		do       func(st *stoppedCase) error
		happened func(st *stoppedCase) bool
	}{
		"recovery code": {
			prepare: func(st *stoppedCase) { st.first, st.second = st.confirmed(), st.drawn() },
			do:      func(st *stoppedCase) error { return st.d.ConfirmRecovery(t.Context(), st.s, st.second.Reveal()) },
			happened: func(st *stoppedCase) bool {
				first, second := st.opens(SlotRecovery, st.first.Reveal()), st.opens(SlotRecovery, st.second.Reveal())
				if first == second {
					t.Errorf("the old code opens: %t, the new one: %t", first, second)
				}
				return second
			},
		},
		"escrow added": {
			do:       func(st *stoppedCase) error { return st.d.AddEscrow(t.Context(), st.s, identity.Recipient().String()) },
			happened: func(st *stoppedCase) bool { return st.opens(SlotEscrow, []byte(identity.String())) },
		},
		"escrow removed": {
			prepare: func(st *stoppedCase) {
				if err := st.d.AddEscrow(t.Context(), st.s, identity.Recipient().String()); err != nil {
					t.Fatal(err)
				}
			},
			do: func(st *stoppedCase) error {
				ways, err := st.d.Ways(t.Context(), st.s)
				for _, w := range ways {
					if w.Kind == SlotEscrow {
						err = errors.Join(err, st.d.RemoveWay(t.Context(), st.s, w.ID))
					}
				}
				return err
			},
			happened: func(st *stoppedCase) bool { return !st.opens(SlotEscrow, []byte(identity.String())) },
		},
		"older state accepted": {
			prepare: func(st *stoppedCase) {
				id := identityOf(st)
				st.s.Lock()
				old := st.copyOf(id)
				st.keep(st.unlock(st.d, "Olga", ownerPass), "what is lost")
				st.d.lobby.lockAll("", nil)
				if err := st.d.Remember(); err != nil { // the schedule
					t.Fatal(err)
				}
				st.putBack(id, old)
				_, err := st.d.Unlock(t.Context(), pass("Olga", ownerPass))
				if st.told, _ = errors.AsType[*RolledBack](err); st.told == nil {
					t.Fatal(err)
				}
			},
			do: func(st *stoppedCase) error {
				a := pass("Olga", ownerPass)
				a.Accept = st.told
				_, err := st.d.Unlock(t.Context(), a)
				return err
			},
			happened: func(st *stoppedCase) bool {
				_, err := st.d.Unlock(t.Context(), pass("Olga", ownerPass))
				again, older := errors.AsType[*RolledBack](err)
				if err != nil && !older {
					t.Errorf("neither asked nor accepted: %v", err)
				}
				if older {
					a := pass("Olga", ownerPass)
					a.Accept = again
					if _, err := st.d.Unlock(t.Context(), a); err != nil {
						t.Errorf("accepted after the stop: %v", err)
					}
				}
				if !st.record.saw(RollbackAccepted) {
					t.Error("accepted, and not on record")
				}
				return !older
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			happened, not := 0, 0
			for n, done := 0, false; !done; n++ {
				p := newPlace(t)
				st := &stoppedCase{place: p, d: p.open()}
				st.s = p.owner(st.d)
				kept := p.keep(st.s, "words")
				if c.prepare != nil {
					c.prepare(st)
				}
				p.record.take()
				left, off := n, errors.New("no power")
				power := func() error {
					if left == 0 {
						return off
					}
					left--
					return nil
				}
				p.store.fail = func(int) error { return power() }
				p.record.step = power
				err := c.do(st)
				if done = left > 0; done && err != nil {
					t.Fatal(err)
				}
				p.store.fail, p.record.step = nil, nil
				st.d = p.open() // nobody closed
				if c.happened(st) {
					happened++
				} else if not++; err == nil {
					t.Errorf("stopped after %d writings: it was told to be done, and is not", n)
				}
				p.has(p.unlock(st.d, "Olga", ownerPass), kept, "words")
				if err := st.d.Close(); err != nil {
					t.Fatal(err)
				}
				p.config.Device.Close()
			}
			if happened < 2 || not < 1 {
				t.Errorf("it happened in %d runs and not in %d: too few stops", happened, not)
			}
		})
	}
}

// stoppedCase is one change that is to be stopped.
type stoppedCase struct {
	*place
	d             *Directory
	s             Session
	first, second Once
	told          *RolledBack
}

func identityOf(st *stoppedCase) ID { return identity(st.s.Person) }

func (st *stoppedCase) copyOf(id ID) *memVault     { return st.store.copyOf(id) }
func (st *stoppedCase) putBack(id ID, v *memVault) { st.store.putBack(id, v) }

func (st *stoppedCase) drawn() Once {
	st.t.Helper()
	code, err := st.d.NewRecovery(st.s)
	if err != nil {
		st.t.Fatal(err)
	}
	return code
}

func (st *stoppedCase) confirmed() Once {
	st.t.Helper()
	code := st.drawn()
	if err := st.d.ConfirmRecovery(st.t.Context(), st.s, code.Reveal()); err != nil {
		st.t.Fatal(err)
	}
	return code
}

// opens tells whether a secret opens Olga's vault.
func (st *stoppedCase) opens(way SlotKind, secret []byte) bool {
	st.t.Helper()
	s, err := st.d.Unlock(st.t.Context(), Attempt{Name: "Olga", Way: way, Secret: secret})
	if err != nil && err != ErrWrong {
		st.t.Fatal(err)
	}
	s.End()
	return err == nil
}

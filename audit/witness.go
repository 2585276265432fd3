package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Refusal says why a witness does not vouch for a log.
type Refusal struct {
	Why string
	Err error // set where the log could not be asked, so that nothing is known
}

func (r *Refusal) Error() string {
	if r.Err != nil {
		return "not cosigned: " + r.Why + ": " + r.Err.Error()
	}
	return "not cosigned: " + r.Why
}

func (r *Refusal) Unwrap() error { return r.Err }

// ErrFirstSight says that a witness remembers nothing of a log.
var ErrFirstSight = errors.New("this witness remembers nothing of that log")

// Witness vouches that logs only grow. It remembers, for each log, the last
// checkpoint that it cosigned; that note is all its state, and its caller's to
// keep: its own signature protects it. It dials nobody.
type Witness struct {
	name string
	key  ed25519.PrivateKey
	own  note.Verifier
}

// NewWitness makes a witness of a name, which must be a word like
// witness.example.org/1, and a secret seed of 32 bytes, used for nothing else.
func NewWitness(name string, seed []byte) (*Witness, error) {
	if !isWitnessName(name) {
		return nil, errors.New("a witness is called by one word such as witness.example.org/1, without + signs")
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("the seed of a witness has 32 bytes")
	}
	key := ed25519.NewKeyFromSeed(seed)
	own, err := ParseWitnessKey(vkey(name, witnessKey, key.Public().(ed25519.PublicKey)))
	if err != nil {
		return nil, err
	}
	return &Witness{name, key, own}, nil
}

// Format shows a witness by its public key alone.
func (w Witness) Format(f fmt.State, _ rune) { io.WriteString(f, w.Key()) }

// Key is the witness's public key.
func (w Witness) Key() string {
	return vkey(w.name, witnessKey, w.key.Public().(ed25519.PublicKey))
}

// Verifier verifies what the witness cosigned.
func (w *Witness) Verifier() note.Verifier { return w.own }

// Check looks at a log's newest checkpoint. Where the log only grew since the
// one that the witness remembers, it gives the checkpoint back with its own
// signature: that is what to remember from now on, and to show. Where it did
// not, the error is a *Refusal, and the old state must be kept. fetch gets a
// tile by its C2SP name, from the log, which may lie. Without a state the error
// is ErrFirstSight unless first is set: a witness whose state was lost would
// otherwise take a rewritten log for a new one.
func (w *Witness) Check(state, checkpoint []byte, log note.Verifier, first bool, fetch func(name string) ([]byte, error), at time.Time) ([]byte, error) {
	newer, n, err := openNote(checkpoint, log)
	if err != nil {
		return nil, &Refusal{"its checkpoint cannot be trusted: " + err.Error(), nil}
	}
	older := Checkpoint{Root: new(tree).root()}
	switch {
	case len(state) > 0:
		var mine *note.Note
		if older, mine, err = openNote(state, log, w.own); err != nil || !signedBy(mine, w.own) {
			return nil, &Refusal{"what this witness remembers was not signed by itself for this log: its state is damaged, or another log's", nil}
		}
		if before, ok := cosignedAt(mine, w.own); ok && at.Before(before) {
			return nil, &Refusal{"the clock of this machine is behind the last time it cosigned: set it right", nil}
		}
	case !first:
		return nil, ErrFirstSight
	}
	if err := grew(older, newer, fetch); err != nil {
		return nil, err
	}
	n.UnverifiedSigs = nil // others' signatures are no affair of this witness
	return note.Sign(n, witnessSigner(w.name, w.key, at))
}

// Compare checks that two checkpoints of one log, shown by two witnesses or
// kept at two times, are of one history: that nobody is shown another log. The
// order does not matter. A difference is a *Refusal.
func Compare(a, b []byte, log note.Verifier, fetch func(name string) ([]byte, error)) error {
	first, _, err := openNote(a, log)
	if err != nil {
		return err
	}
	second, _, err := openNote(b, log)
	if err != nil {
		return err
	}
	if first.Size > second.Size {
		first, second = second, first
	}
	return grew(first, second, fetch)
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"abaton.local/audit"
	"abaton.local/egress"
	"abaton.local/vault"
)

func witnessVerb() verb {
	return verb{
		name: "witness", args: "[key | URL]", short: "on a second machine: vouch that another machine's audit log only grows",
		about: "Asks another machine's `abaton serve`, at URL, for the newest checkpoint of its audit log, and cosigns it if the log only " +
			"grew since the last time; a log that shrank, was rewritten or forked is refused. It remembers one checkpoint for each " +
			"log, in the state folder of this machine: keep that, for it is what makes a rewriting visible. The other machine never " +
			"reaches out to this one. `witness key` prints the public key that `abaton log verify --witness` needs, and that " +
			"`witnesses` in the other machine's abaton.toml must name before it keeps what --give-back hands in.",
		examples: []string{
			"abaton witness key",
			"abaton witness https://box.example:8226 --key \"$(cat box.key)\" --token-file auditor.token --begin",
			"abaton witness https://box.example:8226 --key \"$(cat box.key)\" --token-file auditor.token --every 10m --give-back",
			"abaton witness https://box.example:8226 --key \"$(cat box.key)\" --compare cosigned.from-a-friend",
		},
		codes: []int{failed, unprotected, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o witnessOptions
			fs.StringVar(&o.key, "key", "", "the log's public `KEY`, as `abaton log key` printed it there")
			fs.StringVar(&o.token, "token-file", "", "`FILE` with an access token of that machine, an auditor's")
			fs.StringVar(&o.ca, "ca", "", "PEM `FILE` with the authority that signed that machine's certificate")
			fs.BoolVar(&o.begin, "begin", false, "this witness never saw that log before: take it as it is now")
			fs.DurationVar(&o.every, "every", 0, "ask again and again, so often (`TIME`); otherwise once")
			fs.StringVar(&o.compare, "compare", "", "`FILE` with a checkpoint that another witness cosigned: is it of the same log?")
			fs.BoolVar(&o.give, "give-back", false, "hand the cosigned checkpoint to that machine, to be kept beside its log")
			fs.StringVar(&o.out, "out", "", "`FILE` for the cosigned checkpoint, beside printing it")
			return func(ctx context.Context, p *program, args []string) error { return witnessAction(ctx, p, args, o) }
		},
	}
}

type witnessOptions struct {
	key, token, ca, compare, out string
	begin, give                  bool
	every                        time.Duration
}

func witnessAction(ctx context.Context, p *program, args []string, o witnessOptions) error {
	if len(args) != 1 {
		return usageError{"witness", "witness needs one address, such as https://box.example:8226, or the word key."}
	}
	folder := filepath.Join(p.cfg.Folders.State, "witness")
	if err := makePrivate(folder); err != nil {
		return tell(err)
	}
	w, err := openWitness(folder)
	if err != nil {
		return tell(err)
	}
	if args[0] == "key" {
		_, err := fmt.Fprintln(p.screen.out, w.Key())
		return err
	}
	if o.every != 0 && o.every < time.Second {
		return usageError{"witness", "--every needs a time of a second or more, such as 10m."}
	}
	log, err := audit.ParseKey(strings.TrimSpace(o.key))
	if err != nil {
		return usageError{"witness", "--key: " + err.Error()}
	}
	a, err := newAsker(p, strings.TrimRight(args[0], "/")+"/audit/", o)
	if err != nil {
		return err
	}
	v := vouching{p: p, o: o, witness: w, log: log, ask: a, state: filepath.Join(folder, stateName(log.Name()))}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	if o.compare != "" {
		return v.compare(ctx)
	}
	return v.run(ctx)
}

// witnessFile is the secret of this machine's witness.
type witnessFile struct {
	Name string `json:"name"`
	Seed string `json:"seed"` // hexadecimal
}

// openWitness reads this machine's witness, or makes one. Its name says nothing
// about the machine.
func openWitness(folder string) (*audit.Witness, error) {
	path := filepath.Join(folder, "witness.json")
	b, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		var seed [32]byte
		rand.Read(seed[:]) // never fails: it ends the program instead
		var name [8]byte
		rand.Read(name[:])
		if b, err = json.Marshal(witnessFile{"abaton.local/witness/" + hex.EncodeToString(name[:]), hex.EncodeToString(seed[:])}); err == nil {
			err = vault.ReplaceFile(path, append(b, '\n'))
		}
	}
	if err != nil {
		return nil, err
	}
	var f witnessFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s is damaged: put it back from a copy; without it this machine is another witness, and says so", path)
	}
	seed, err := hex.DecodeString(f.Seed)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: put it back from a copy", path)
	}
	return audit.NewWitness(f.Name, seed)
}

// stateName is the file that remembers the log of a name.
func stateName(origin string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, origin) + ".checkpoint"
}

// asker asks another machine for parts of its log.
type asker struct {
	door   *egress.Door
	base   string // ends in /audit/
	header http.Header
}

func newAsker(p *program, base string, o witnessOptions) (asker, error) {
	a := asker{base: base, header: http.Header{}}
	a.door = egress.NewDoor(egress.DoorConfig{
		Log: p.log, UserAgent: "abaton/" + ownVersion(), CACerts: orPath(o.ca, p.cfg.around.caCerts), Proxy: p.cfg.around.proxy,
	})
	if o.token != "" {
		b, err := readSmall(o.token)
		if err != nil {
			return a, tell(err)
		}
		a.header.Set("Authorization", "Bearer "+strings.TrimSpace(string(b)))
	}
	return a, nil
}

// largestPart bounds what is taken as one file of a log.
const largestPart = 64 << 10

func (a asker) get(ctx context.Context, name string) ([]byte, error) {
	b, _, err := a.door.Get(ctx, a.base+name, a.header, largestPart)
	return b, err
}

// vouching is what one call of the verb does.
type vouching struct {
	p       *program
	o       witnessOptions
	witness *audit.Witness
	log     note.Verifier
	ask     asker
	state   string // file
}

func (v vouching) fetch(ctx context.Context) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) { return v.ask.get(ctx, name) }
}

// run asks once, or again and again. A refusal ends it: a person must look.
func (v vouching) run(ctx context.Context) error {
	for {
		err := v.once(ctx)
		if ctx.Err() != nil {
			return errStopped
		}
		r, refused := errors.AsType[*audit.Refusal](err)
		if v.o.every == 0 || refused && r.Err == nil || errors.Is(err, audit.ErrFirstSight) {
			return witnessTrouble(err)
		}
		if err != nil { // not reached: later, perhaps
			v.p.screen.complain(err.Error())
		}
		v.o.begin = false
		select {
		case <-ctx.Done():
			return errStopped
		case <-time.After(v.o.every):
		}
	}
}

// once asks for the newest checkpoint and cosigns it.
func (v vouching) once(ctx context.Context) error {
	state, err := readSmall(v.state)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if v.o.begin && len(state) > 0 {
		return usageError{"witness", "this witness remembers that log already: leave --begin out."}
	}
	msg, err := v.ask.get(ctx, "checkpoint")
	if err != nil {
		return fmt.Errorf("the log cannot be asked for: %w", err)
	}
	cosigned, err := v.witness.Check(state, msg, v.log, v.o.begin, v.fetch(ctx), time.Now())
	if errors.Is(err, audit.ErrFirstSight) {
		return v.firstSight(ctx)
	}
	if err != nil {
		return err
	}
	// Remembered before it is shown: what was shown must never be forgotten.
	if err := vault.ReplaceFile(v.state, cosigned); err != nil {
		return fmt.Errorf("what was seen cannot be remembered, so nothing is cosigned: %w", err)
	}
	if v.o.out != "" {
		if err := vault.ReplaceFile(v.o.out, cosigned); err != nil {
			return err
		}
	}
	if _, err := v.p.screen.out.Write(cosigned); err != nil || !v.o.give {
		return err
	}
	header := v.ask.header.Clone()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	if err := v.ask.door.Post(ctx, v.ask.base+cosignatureName, header, cosigned); err != nil {
		return fmt.Errorf("it is cosigned and remembered here, but that machine does not keep it: %w", reasoned(err))
	}
	return nil
}

// reasoned is what the other machine said, where it did.
func reasoned(err error) error {
	e, ok := errors.AsType[*egress.HTTPError](err)
	if !ok {
		return err
	}
	var no refusedCall
	if json.Unmarshal(e.Answer, &no) != nil || no.Error.Message == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, cleanLine(no.Error.Message))
}

// firstSight says what it may mean that nothing is remembered. The log keeps what
// its witnesses cosigned: if ours is there, this machine forgot.
func (v vouching) firstSight(ctx context.Context) error {
	if kept, err := v.ask.get(ctx, audit.CosignedName(v.witness.Verifier())); err == nil && len(kept) > 0 {
		return fmt.Errorf("%w, but that machine keeps a checkpoint that it cosigned: the state of this witness, %s, was lost. "+
			"Put it back from a copy. What the other machine keeps may be an older one, so a rewriting since then could go unseen",
			audit.ErrFirstSight, v.state)
	}
	return fmt.Errorf("%w (there is no %s). If it never saw it: --begin takes the log as it is now; what came before is vouched for "+
		"by nobody. If it did, its state was lost: put it back from a copy", audit.ErrFirstSight, v.state)
}

// compare holds what this witness remembers against what another one cosigned.
func (v vouching) compare(ctx context.Context) error {
	mine, err := readSmall(v.state)
	if err != nil {
		return tell(err)
	}
	theirs, err := readSmall(v.o.compare)
	if err != nil {
		return tell(err)
	}
	if err := audit.Compare(mine, theirs, v.log, v.fetch(ctx)); err != nil {
		return witnessTrouble(err)
	}
	_, err = fmt.Fprintln(v.p.screen.out, "Both checkpoints are of the same log.")
	return err
}

// witnessTrouble gives each kind of refusal its exit code.
func witnessTrouble(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return err
	}
	if r, ok := errors.AsType[*audit.Refusal](err); ok && r.Err == nil {
		return told{err, found}
	}
	if errors.Is(err, audit.ErrFirstSight) {
		return told{err, found}
	}
	return tell(err)
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

func vaultVerb() verb {
	return verb{
		name:  "vault",
		args:  "[status | acts | verify | passphrase | recovery | rotate | remove-way ID | escrow add RECIPIENT | escrow remove | backup FILE | check FILE | restore FILE | export FILE]",
		short: "who can open your vault, what is kept and where; passphrase, recovery, backup",
		about: "Without a word: who can open your vault, what is kept and where, on one page. `acts` is your own journal, sealed in your vault. " +
			"`verify` reads all of it and compares. `passphrase` and `recovery` give you new ones, `rotate` a new root key after a suspicion. " +
			"`backup` writes everybody's vaults, sealed as they are, into a new file (- is standard output); where no server runs it asks nobody's passphrase. " +
			"`check` looks at a backup without keys. `restore` puts one back where no store is. " +
			"`export` writes what you keep, in the clear, into a new file that only your account can read. " +
			"Without a terminal each secret is a line of standard input, in the order in which they would be asked.",
		examples: []string{
			"abaton vault", "abaton vault passphrase", "abaton vault passphrase --recovery", "abaton vault rotate",
			"abaton vault backup /media/usb/abaton.backup", "abaton vault check /media/usb/abaton.backup",
			"abaton vault restore /media/usb/abaton.backup",
		},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o vaultOptions
			fs.BoolVar(&o.json, "json", false, "status, acts: print JSON")
			fs.BoolVar(&o.recovery, "recovery", false, "passphrase: with the recovery code, for a forgotten passphrase")
			fs.BoolVar(&o.newRecovery, "new-recovery", false, "rotate: do not ask for the recovery code, make a new one")
			fs.BoolVar(&o.newMachine, "new-machine", false, "restore: the device secret is lost; everybody comes back with their recovery code")
			fs.BoolVar(&o.yes, "yes", false, "escrow, remove-way: without asking")
			fs.BoolVar(&o.older, "accept-older", false, olderHelp)
			return func(ctx context.Context, p *program, args []string) error { return vaultAction(ctx, p, args, o) }
		},
	}
}

type vaultOptions struct {
	json, yes, older                  bool
	recovery, newRecovery, newMachine bool
}

func vaultAction(ctx context.Context, p *program, args []string, o vaultOptions) error {
	word := "status"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	if word == "escrow" {
		if len(args) == 0 || args[0] != "add" && args[0] != "remove" {
			return usageError{"vault", "vault escrow needs `add RECIPIENT` or `remove`."}
		}
		word, args = "escrow "+args[0], args[1:]
	}
	takes := map[string][]string{
		"status": nil, "acts": nil, "verify": nil, "passphrase": nil, "recovery": nil, "rotate": nil,
		"escrow add": {"a recipient, made by `age-keygen -pq`"}, "escrow remove": nil, "remove-way": {"the ID of a way, from `abaton vault`"},
		"backup": {"a file that is not there yet"}, "export": {"a file that is not there yet"}, "check": {"a backup"}, "restore": {"a backup"},
	}
	needs, ok := takes[word]
	if !ok {
		return unknownWord("vault", word, "status", "acts", "verify", "passphrase", "recovery", "rotate", "remove-way", "escrow", "backup", "check", "restore", "export")
	}
	if err := wantWords("vault", word, args, needs...); err != nil {
		return err
	}
	switch word {
	case "backup":
		return backUp(ctx, p, args[0])
	case "check":
		return checkBackup(ctx, p, args[0])
	case "restore":
		return restoreBackup(ctx, p, args[0], o.newMachine)
	case "export":
		return exportVault(ctx, p, args[0], o)
	case "passphrase":
		return changePassphrase(ctx, p, o)
	case "rotate":
		return rotateVault(ctx, p, o)
	}
	d, err := openDeskFor(ctx, p, deskOptions{older: o.older})
	if err != nil {
		return err
	}
	defer d.close()
	switch word {
	case "status":
		return showVault(ctx, p, d, o.json)
	case "acts":
		return showActs(ctx, p, d, o.json)
	case "verify":
		return verifyVault(ctx, p, d)
	case "recovery":
		return renewRecovery(ctx, p, d)
	case "escrow add":
		return addEscrow(ctx, p, d, args[0], o.yes)
	case "escrow remove":
		return removeEscrow(ctx, p, d)
	}
	return removeWay(ctx, p, d, args[0], o.yes)
}

func showActs(ctx context.Context, p *program, d *desk, asJSON bool) error {
	list, err := listActs().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.screen.out, append([]vault.Deed{}, list...))
	}
	rows := [][]string{{"WHEN", "WHAT", "WITH"}}
	for _, x := range list {
		what := x.What
		if x.N > 0 {
			what = fmt.Sprintf("%d %s", x.N, what)
		}
		rows = append(rows, []string{x.At.Local().Format(dayAndTime), what, x.Way})
	}
	return table(p.screen.out, rows, p.screen.width(), []int{2})
}

// listActs is a person's own journal, oldest first.
func listActs() call[struct{}, []vault.Deed] {
	return call[struct{}, []vault.Deed]{"vault/acts", func(ctx context.Context, h *home, s vault.Session, _ struct{}) ([]vault.Deed, error) {
		return h.people.Deeds(ctx, s)
	}}
}

func verifyVault(ctx context.Context, p *program, d *desk) error {
	x, err := verifyOwn().at(ctx, p, d, "reading", struct{}{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.screen.out, "%s\n", wrapped(fmt.Sprintf("Everything is as it was left: the file of the vaults is in order, and of yours all %d records, "+
		"after %d changes, opened and were compared with its sealed list and journal; none is missing, none was added.", x.Records, x.Seq), p.screen.width(), ""))
	return tell(err)
}

// verified is what a whole reading found.
type verified struct {
	Records int    `json:"records"`
	Seq     uint64 `json:"changes"`
}

// verifyOwn has the store's file read by SQLite and the session's own vault read
// and opened whole. What a rotation has left to be sealed anew is done first.
// Whoever may come in may ask for it, and it reads what all people have: so it
// has its turns.
func verifyOwn() long[struct{}, verified] {
	return long[struct{}, verified]{"vault/verify", func(ctx context.Context, h *home, s vault.Session, _ struct{}, p progress) (verified, error) {
		v, err := s.Vault()
		if err != nil {
			return verified{}, err
		}
		end, err := h.verifying.take(s.Person)
		if err != nil {
			return verified{}, err
		}
		defer end()
		err = errors.Join(sealAnew(ctx, s, p), h.check(ctx))
		if err = errors.Join(err, v.VerifyWith(ctx, p)); err != nil {
			if isDamage(err) {
				err = errors.Join(err, recorder{h.audit}.Record(vault.Event{What: vault.VerificationFailed, Actor: v.ID(), Object: v.ID(), Failed: true}))
			}
			return verified{}, err
		}
		return verified{Records: len(v.List(0, vault.ID{})), Seq: v.Head().Seq}, nil
	}}
}

// check has the store's file read whole, for one person after the other.
func (h *home) check(ctx context.Context) error {
	select {
	case h.checking <- struct{}{}:
	case <-ctx.Done(): // nobody waits for it any more
		return ctx.Err()
	}
	defer func() { <-h.checking }()
	return h.store.Check(ctx)
}

// isDamage tells a vault that is not whole from one that could not be looked
// at: who hangs up must not leave a word of damage on the audit log.
func isDamage(err error) bool {
	if _, is := errors.AsType[*vault.Damage](err); is {
		return true
	}
	t, is := errors.AsType[*sqlite.Trouble](err)
	return is && (t.Kind == sqlite.Damaged || t.Kind == sqlite.Foreign)
}

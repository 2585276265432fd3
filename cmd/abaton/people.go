package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"abaton.local/vault"
)

func peopleVerb() verb {
	return verb{
		name: "people", args: "[list | invite | invitations | withdraw ID | role NAME ROLE | rename NAME NEW-NAME | disable NAME | enable NAME | remove NAME]",
		short: "who may use this machine: invite, list, disable, remove",
		about: "Shows and changes who is here; only an owner may, but for a name of one's own. An owner decides who comes in and what they may do, and opens nobody's " +
			"vault but their own. An invitation is shown once, lets one person in, and ends after seven days. `disable` shuts somebody out and " +
			"keeps their vault, sealed as it is. `remove` destroys their keys at once: what they kept is gone, for everybody and for good.",
		examples: []string{
			"abaton people", "abaton people invite --role member", "abaton people role bob auditor", "abaton people rename bob robert",
			"abaton people disable bob", "abaton people remove bob",
		},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o peopleOptions
			fs.BoolVar(&o.json, "json", false, "print JSON")
			fs.BoolVar(&o.yes, "yes", false, "remove: without asking")
			fs.StringVar(&o.role, "role", "member", "invite: as what, `ROLE` being member, auditor or owner")
			fs.BoolVar(&o.older, "accept-older", false, olderHelp)
			return func(ctx context.Context, p *program, args []string) error { return peopleAction(ctx, p, args, o) }
		},
	}
}

type peopleOptions struct {
	json, yes, older bool
	role             string
}

func peopleAction(ctx context.Context, p *program, args []string, o peopleOptions) error {
	word := "list"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	takes := map[string][]string{
		"list": nil, "ls": nil, "invite": nil, "invitations": nil, "withdraw": {"the ID of an invitation"},
		"role": {"the name of a person", "a role"}, "rename": {"the name of a person", "a new name"}, "disable": {"the name of a person"}, "enable": {"the name of a person"},
		"remove": {"the name of a person"}, "rm": {"the name of a person"},
	}
	needs, ok := takes[word]
	if !ok {
		return unknownWord("people", word, "list", "invite", "invitations", "withdraw", "role", "rename", "disable", "enable", "remove")
	}
	if err := wantWords("people", word, args, needs...); err != nil {
		return err
	}
	role, err := vault.ParseRole(o.role)
	if err == nil && word == "role" {
		role, err = vault.ParseRole(args[1])
	}
	if err != nil {
		return usageError{"people", err.Error() + "."}
	}
	if (word == "remove" || word == "rm") && !o.yes && !p.screen.inTTY {
		return usageError{"people", "nobody is there to ask: say --yes to remove somebody and all that they kept."}
	}
	d, err := openDeskFor(ctx, p, deskOptions{older: o.older})
	if err != nil {
		return err
	}
	defer d.close()
	switch word {
	case "list", "ls":
		list, err := listPeople().at(ctx, d, struct{}{})
		if err != nil {
			return err
		}
		if o.json {
			return printJSON(p.screen.out, list)
		}
		return showPeople(p, list)
	case "invite":
		return invite(ctx, p, d, role)
	case "invitations":
		return showInvitations(ctx, p, d, o.json)
	case "withdraw":
		if _, err := withdraw().at(ctx, d, args[0]); err != nil {
			return err
		}
		p.screen.say("That invitation lets nobody in any more.")
		return nil
	case "role":
		x, err := setRole().at(ctx, d, roleOf{args[0], role})
		if err != nil {
			return err
		}
		p.screen.say(fmt.Sprintf("%s: %s from now on.", cleanLine(x.Name), x.Role))
		return nil
	case "rename":
		x, err := rename().at(ctx, d, newName{args[0], args[1]})
		if err != nil {
			return err
		}
		p.screen.say(fmt.Sprintf("%s from now on: this is the name to come in by, at a terminal with --person.", cleanLine(x.Name)))
		return nil
	case "disable", "enable":
		x, err := setDisabled().at(ctx, d, accessOf{args[0], word == "disable"})
		if err != nil {
			return err
		}
		if x.Disabled {
			p.screen.say(fmt.Sprintf("%s is shut out: sessions and tokens have ended, the vault stays sealed as it is. `abaton people enable` lets them in again.", cleanLine(x.Name)))
		} else {
			p.screen.say(fmt.Sprintf("%s may come in again.", cleanLine(x.Name)))
		}
		return nil
	}
	return removePerson(ctx, p, d, args[0], o.yes)
}

// showPeople prints who is here: nothing about when they work.
func showPeople(p *program, list []vault.Person) error {
	rows := [][]string{{"NAME", "ROLE", "SINCE", "ACCESS", "OPENS THEIR VAULT WITH"}}
	for _, x := range list {
		access := "yes"
		if x.Disabled {
			access = "shut out"
		}
		rows = append(rows, []string{cleanLine(x.Name), x.Role.String(), x.Since, access, strings.Join(wordsOf(x.Ways), ", ")})
	}
	return table(p.screen.out, rows, p.screen.width(), []int{4, 2})
}

func wordsOf(kinds []vault.SlotKind) (list []string) {
	for _, k := range kinds {
		list = append(list, k.String())
	}
	return list
}

func invite(ctx context.Context, p *program, d *desk, role vault.Role) error {
	x, err := makeInvitation().at(ctx, d, role)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.screen.out, x.Text); err != nil {
		return tell(err)
	}
	p.screen.say(fmt.Sprintf("This lets one person in as %s until %s, and is shown this once. Give it to them; they type: abaton setup --invitation TEXT. "+
		"To take it back: abaton people withdraw %s", x.Role, x.Expires.Local().Format(dayAndTime), shortID(x.ID)))
	return nil
}

func showInvitations(ctx context.Context, p *program, d *desk, asJSON bool) error {
	list, err := listInvitations().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.screen.out, append([]vault.Invitation{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.screen.out, "No invitation is open: abaton people invite")
		return tell(err)
	}
	rows := [][]string{{"ID", "ROLE", "ENDS"}}
	for _, x := range list {
		rows = append(rows, []string{shortID(x.ID), x.Role.String(), x.Expires.Local().Format(dayAndTime)})
	}
	return table(p.screen.out, rows, p.screen.width(), nil)
}

func removePerson(ctx context.Context, p *program, d *desk, name string, yes bool) error {
	if !yes {
		x, err := findPerson().at(ctx, d, name)
		if err != nil {
			return err
		}
		p.screen.say(fmt.Sprintf("This destroys the keys of %s at once, and with them every conversation and document that they kept. Nothing can bring "+
			"these words back: not they, not you, not we, and no recovery code. A backup made before today still holds them, sealed, "+
			"and opens for them alone.", cleanLine(x.Name)))
		typed, err := p.answer(ctx, "Type the name to go on (Enter: stop): ", "")
		if err != nil {
			return err
		}
		if typed == "" {
			p.screen.say("Nobody was removed.")
			return errStopped
		}
		if typed != x.Name {
			return told{errors.New("this is not that name: nobody was removed"), failed}
		}
	}
	x, err := dismiss().at(ctx, d, name)
	if err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("%s is removed; the keys are destroyed.", cleanLine(x.Name)))
	return nil
}

// dayAndTime is how a moment is shown, in the zone of who looks.
const dayAndTime = "2006-01-02 15:04"

// shortID is as much of an identifier as people type.
func shortID(id vault.ID) string { return id.String()[:8] }

package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"abaton.local/models"
	"abaton.local/vault"
)

func connectVerb() verb {
	var names []string
	for _, c := range clients {
		names = append(names, c.name)
	}
	return verb{
		name: "connect", args: "[CLIENT]", short: "the lines to paste so that a program you have uses this server",
		about: "Prints what to paste into a shell, a settings file or a form so that a program you already have asks this server: its address, " +
			"a model, and a key. With --create a key is made for it, which asks models and opens nothing that you keep; without, the lines " +
			"have abt_… in its place. Clients: " + strings.Join(names, " ") + ".",
		examples: []string{"abaton connect", "abaton connect aider", "abaton connect continue --create", "abaton connect ollama --no-header"},
		settings: []string{"address", "model", "person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o connectOptions
			fs.BoolVar(&o.create, "create", false, "make a key for it, named after the client, for 90 days")
			fs.BoolVar(&o.inAddress, "no-header", false, "put the key into the address, for a program that cannot send one")
			return func(ctx context.Context, p *program, args []string) error { return connectAction(ctx, p, args, o) }
		},
	}
}

type connectOptions struct{ create, inAddress bool }

func connectAction(ctx context.Context, p *program, args []string, o connectOptions) error {
	if len(args) == 0 {
		return listClients(p)
	}
	if err := wantWords("abaton", "connect", args, "the name of a client"); err != nil {
		return err
	}
	i := slices.IndexFunc(clients, func(c clientProgram) bool { return c.name == args[0] })
	if i < 0 {
		return usageError{"connect", fmt.Sprintf("%q is no client that we know: `abaton connect` lists them; for another one that speaks OpenAI's interface take `abaton connect openai`.", cleanLine(args[0]))}
	}
	c := clients[i]
	at := endpoint{address: "http://" + p.cfg.Address, key: "abt_…", model: p.modelName(), embed: p.embedderName()}
	if running, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
		return err
	} else if running != nil {
		if s, err := running.status(ctx); err == nil {
			at.address = "http://" + s.Address
		}
	} else {
		p.screen.say("No server is running now: `abaton serve` starts it.")
	}
	if o.create {
		d, err := openDeskFor(ctx, p, deskOptions{})
		if err != nil {
			return err
		}
		defer d.close()
		made, err := makeToken().at(ctx, d, tokenWish{c.name, vault.ScopeAsk, time.Now().AddDate(0, 0, 90)})
		if err != nil {
			return err
		}
		at.key = made.Token
		p.screen.say(fmt.Sprintf("The key is shown this once. It asks models and opens nothing that you keep; `abaton keys revoke %s` ends it.", made.ID))
	} else {
		p.screen.say("abt_… stands for a key: `abaton connect " + c.name + " --create` makes one, `abaton keys` lists yours.")
	}
	if o.inAddress {
		at.address, at.key = at.address+"/c/"+at.key, "none"
		p.screen.say("The key stands in the address: whoever sees the address can ask. It works on this machine alone.")
	}
	if c.note != "" {
		p.screen.say(c.note)
	}
	_, err := fmt.Fprint(p.screen.out, c.lines(at))
	return tell(err)
}

func listClients(p *program) error {
	rows := [][]string{{"CLIENT", "WHAT IT IS"}}
	for _, c := range clients {
		rows = append(rows, []string{c.name, c.what})
	}
	if err := table(p.screen.out, rows, p.screen.width(), nil); err != nil {
		return err
	}
	p.screen.say("`abaton connect CLIENT` prints the lines to paste.")
	return nil
}

// modelName is the model that a program is told to ask for.
func (p *program) modelName() string {
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return "MODEL"
	}
	defer shelf.Close()
	if m, err := findModel(shelf, p.cfg.meant(p.cfg.Model)); err == nil {
		return m.Name
	}
	return "MODEL"
}

// embedderName is the first model on the shelf that turns texts into vectors.
func (p *program) embedderName() string {
	const none = "EMBEDDING_MODEL"
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return none
	}
	defer shelf.Close()
	list, err := shelf.List()
	if err != nil {
		return none
	}
	i := slices.IndexFunc(list, func(m models.Passport) bool { return m.Role == "embed" })
	if i < 0 {
		return none
	}
	return list[i].Name
}

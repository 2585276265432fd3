package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"abaton.local/vault"
)

func keysVerb() verb {
	return verb{
		name: "keys", args: "[list | create NAME | revoke ID]", short: "access tokens for your programs: create, list, revoke",
		about: "Makes and revokes access tokens, with which programs ask over the API in your name. A token is shown once, on standard output " +
			"alone. With the scope `ask` it asks models and opens nothing that you keep; with `all` it does whatever you may do with " +
			"what you keep, so guard it like your passphrase. Its name is read by you alone.",
		examples: []string{
			"abaton keys", "abaton keys create editor", "abaton keys create archive --scope all --expires 30d",
			"abaton keys create talk --expires 2027-01-31", "abaton keys revoke editor",
		},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			var o keysOptions
			fs.BoolVar(&o.json, "json", false, "print JSON")
			fs.StringVar(&o.scope, "scope", string(vault.ScopeAsk), "create: `ask` models only, all that you may do, or audit: read the audit log, for a witness")
			fs.StringVar(&o.expires, "expires", "90d", "create: until when, as `90d`, 12w, 1y or a day: 2027-01-31")
			fs.BoolVar(&o.older, "accept-older", false, olderHelp)
			return func(ctx context.Context, p *program, args []string) error { return keysAction(ctx, p, args, o) }
		},
	}
}

type keysOptions struct {
	json, older    bool
	scope, expires string
}

func keysAction(ctx context.Context, p *program, args []string, o keysOptions) error {
	word := "list"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	takes := map[string][]string{"list": nil, "ls": nil, "create": {"a name for the token"}, "revoke": {"the ID or name of a token"}}
	needs, ok := takes[word]
	if !ok {
		return unknownWord("keys", word, "list", "create", "revoke")
	}
	if err := wantWords("keys", word, args, needs...); err != nil {
		return err
	}
	var wish tokenWish
	if word == "create" {
		expires, err := parseExpiry(o.expires, time.Now())
		if err == nil && o.scope != string(vault.ScopeAsk) && o.scope != string(vault.ScopeAll) && o.scope != string(vault.ScopeAudit) {
			err = vault.ErrScope
		}
		if err != nil {
			return usageError{"keys", err.Error() + "."}
		}
		wish = tokenWish{args[0], vault.Scope(o.scope), expires}
	}
	d, err := openDeskFor(ctx, p, deskOptions{older: o.older})
	if err != nil {
		return err
	}
	defer d.close()
	switch word {
	case "list", "ls":
		return showTokens(ctx, p, d, o.json)
	case "create":
		return createToken(ctx, p, d, wish)
	}
	x, err := revokeToken().at(ctx, d, args[0])
	if err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("The token %s opens nothing any more.", x.ID))
	return nil
}

func showTokens(ctx context.Context, p *program, d *desk, asJSON bool) error {
	list, err := listTokens().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.screen.out, append([]vault.TokenInfo{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.screen.out, "No access tokens yet: abaton keys create NAME")
		return tell(err)
	}
	rows := [][]string{{"NAME", "SCOPE", "EXPIRES", "SINCE", "ID"}}
	for _, x := range list {
		expires := x.Expires.Local().Format(dayAndTime)
		if !time.Now().Before(x.Expires) {
			expires = "expired"
		}
		rows = append(rows, []string{cleanLine(x.Name), string(x.Scope), expires, x.Since, x.ID})
	}
	return table(p.screen.out, rows, p.screen.width(), []int{3, 4})
}

func createToken(ctx context.Context, p *program, d *desk, wish tokenWish) error {
	x, err := makeToken().at(ctx, d, wish)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.screen.out, x.Token); err != nil {
		return tell(err)
	}
	can := "It may ask models and opens nothing that you keep."
	switch x.Scope {
	case vault.ScopeAll:
		can = "It opens your vault: whoever has it can read all that you keep."
	case vault.ScopeAudit:
		can = "It reads the audit log, for a witness, and does nothing else: abaton witness --token-file FILE."
	}
	p.screen.say(fmt.Sprintf("This token is shown this once. %s It ends at %s; `abaton keys revoke %s` ends it at once.", can, x.Expires.Local().Format(dayAndTime), x.ID))
	return nil
}

// parseExpiry reads until when a token is good: a number of days, weeks or
// years, or the last day.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	bad := errors.New("--expires is a time as 90d, 12w or 1y, or a day as 2027-01-31")
	if s == "" {
		return time.Time{}, bad
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n < 1 || n > 10000 {
		return time.Time{}, bad
	}
	switch s[len(s)-1] {
	case 'd':
		return now.AddDate(0, 0, n), nil
	case 'w':
		return now.AddDate(0, 0, 7*n), nil
	case 'y':
		return now.AddDate(n, 0, 0), nil
	}
	return time.Time{}, bad
}

// listTokens is a person's own tokens, without what is secret of them.
func listTokens() call[struct{}, []vault.TokenInfo] {
	return call[struct{}, []vault.TokenInfo]{"keys/list", func(ctx context.Context, h *home, s vault.Session, _ struct{}) ([]vault.TokenInfo, error) {
		return h.people.TokensOf(ctx, s)
	}}
}

type tokenWish struct {
	Name    string      `json:"name"`
	Scope   vault.Scope `json:"scope"`
	Expires time.Time   `json:"expires"`
}

// freshToken is a token that was just made, with its text.
type freshToken struct {
	vault.TokenInfo
	Token string `json:"token"`
}

// makeToken makes a token for a program of the session's person.
func makeToken() call[tokenWish, freshToken] {
	return call[tokenWish, freshToken]{"keys/create", func(ctx context.Context, h *home, s vault.Session, in tokenWish) (freshToken, error) {
		token, x, err := h.people.MakeToken(ctx, s, in.Name, in.Scope, in.Expires)
		if err != nil {
			return freshToken{}, err
		}
		return freshToken{x, token.Reveal()}, nil
	}}
}

// revokeToken makes a token void, by the beginning of its ID or by its name.
func revokeToken() call[string, vault.TokenInfo] {
	return call[string, vault.TokenInfo]{"keys/revoke", func(ctx context.Context, h *home, s vault.Session, which string) (vault.TokenInfo, error) {
		list, err := h.people.TokensOf(ctx, s)
		if err != nil {
			return vault.TokenInfo{}, err
		}
		i, err := theOne(list, "you have no token of that ID or name: `abaton keys` lists them", "several tokens fit: type the ID of one, `abaton keys` lists them",
			func(x vault.TokenInfo) bool { return x.Name == which || x.ID == which },
			func(x vault.TokenInfo) bool { return len(which) >= 4 && strings.HasPrefix(x.ID, which) })
		if err != nil {
			return vault.TokenInfo{}, err
		}
		return list[i], h.people.RevokeToken(ctx, s, list[i].ID)
	}}
}

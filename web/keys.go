package web

import (
	"net/http"
	"strconv"
	"time"

	"abaton.local/vault"
)

// keyring is what the page of keys shows.
type keyring struct {
	List    []vault.TokenInfo
	Fresh   string // the token that was just made, shown this once
	Made    vault.TokenInfo
	Message string
	Base    string // the address that programs are given
	Now     time.Time
}

// longestKey is how many days a key may be good.
const longestKey = 3650

func (p *Pages) keys(v visit) { p.showKeys(v, http.StatusOK, keyring{}) }

func (p *Pages) showKeys(v visit, status int, k keyring) {
	x, err := p.framed(v, "keys")
	if err == nil {
		k.List, err = p.People.TokensOf(v.r.Context(), v.s)
	}
	if err != nil {
		p.fail(v, err)
		return
	}
	k.Now, k.Base = p.Now(), "http://"+p.Machine.Address
	if v.r.TLS != nil {
		k.Base = "https://" + v.r.Host // which the door has checked
	}
	x.Content = k
	p.render(v.w, v.r, status, "keys", x)
}

// makeKey makes a token for a program and shows it once.
func (p *Pages) makeKey(v visit) {
	days, err := strconv.Atoi(field(v.r, "days"))
	if err != nil || days < 1 || days > longestKey {
		p.showKeys(v, http.StatusUnprocessableEntity, keyring{Message: "A key is good for 1 to 3650 days."})
		return
	}
	scope := vault.Scope(field(v.r, "scope"))
	if scope != vault.ScopeAsk && scope != vault.ScopeAll {
		p.showKeys(v, http.StatusUnprocessableEntity, keyring{Message: "Choose what the key may do."})
		return
	}
	token, info, err := p.People.MakeToken(v.r.Context(), v.s, field(v.r, "name"), scope, p.Now().AddDate(0, 0, days))
	if err != nil {
		p.showKeys(v, http.StatusUnprocessableEntity, keyring{Message: p.Words(err)})
		return
	}
	p.lead(v, "/page/keys/"+p.parcels.put(v.s, keyring{Fresh: token.Reveal(), Made: info}, p.Now()))
}

// madeKey shows a key that was just made. Loading the page anew does not.
func (p *Pages) madeKey(v visit) {
	k, ok := p.parcels.take(v.s, v.rest, v.r.Method == http.MethodGet, p.Now()).(keyring)
	if !ok {
		p.lead(v, "/page/keys")
		return
	}
	p.showKeys(v, http.StatusOK, k)
}

// revokeKey makes a token of this person void.
func (p *Pages) revokeKey(v visit) {
	list, err := p.People.TokensOf(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	id := field(v.r, "id")
	for _, t := range list {
		if t.ID != id {
			continue
		}
		if err := p.People.RevokeToken(v.r.Context(), v.s, id); err != nil {
			p.fail(v, err)
			return
		}
		p.lead(v, "/page/keys")
		return
	}
	p.problem(v, http.StatusNotFound, "You have no such key. It may have been revoked before.")
}

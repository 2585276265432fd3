package web

import (
	"net/http"
	"slices"
	"time"

	"abaton.local/vault"
)

// guarded is what the page about security says.
type guarded struct {
	Machine
	Me       vault.Person
	Ways     []vault.Way
	Unlocks  []vault.Deed
	Passkeys []vault.PasskeyUse
	None     string // why no passkey can be made here
	Until    time.Time
	Sessions int // that keep the vault open
	Kept     int // conversations
	TLS      bool
	Shape    string
}

// mostUnlocks on the page about security; all of them are among the acts.
const mostUnlocks = 5

// security tells in plain words what is kept, where, who can open it and what
// leaves.
func (p *Pages) security(v visit) {
	x, err := p.framed(v, "security")
	if err != nil {
		p.fail(v, err)
		return
	}
	ctx := v.r.Context()
	g := guarded{Machine: p.Machine, Until: v.s.Until(), Sessions: p.People.Holding(v.s), TLS: v.r.TLS != nil, Shape: p.hides(v).String()}
	if g.Me, err = p.People.Me(ctx, v.s); err != nil {
		p.fail(v, err)
		return
	}
	if g.Ways, err = p.People.Ways(ctx, v.s); err != nil {
		p.fail(v, err)
		return
	}
	if g.Passkeys, err = p.People.PasskeyUses(ctx, v.s); err != nil {
		p.fail(v, err)
		return
	}
	g.None = p.NoPasskeys(v.r)
	deeds, err := p.People.Deeds(ctx, v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	for _, d := range slices.Backward(deeds) {
		if d.What == vault.DeedUnlocked || d.What == vault.DeedFailed || d.What == vault.DeedEscrowUsed {
			if g.Unlocks = append(g.Unlocks, d); len(g.Unlocks) == mostUnlocks {
				break
			}
		}
	}
	if h, err := p.History(ctx, v.s); err == nil {
		if list, err := h.List(); err == nil {
			g.Kept = len(list)
		}
	}
	x.Content = g
	p.render(v.w, v.r, http.StatusOK, "security", x)
}

// removePasskey takes a passkey's way into the vault away, at once.
func (p *Pages) removePasskey(v visit) {
	list, err := p.People.PasskeyUses(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	id := field(v.r, "id")
	for _, k := range list {
		if k.Way.String() != id {
			continue
		}
		if err := p.People.RemoveWay(v.r.Context(), v.s, k.Way); err != nil {
			p.fail(v, err)
			return
		}
		p.lead(v, "/page/security")
		return
	}
	p.problem(v, http.StatusNotFound, "You have no such passkey. It may have been removed before.")
}

// mostActs on their page, the newest.
const mostActs = 500

// acts lists what the person did, from the journal that lies sealed in their own
// vault.
func (p *Pages) acts(v visit) {
	x, err := p.framed(v, "acts")
	if err != nil {
		p.fail(v, err)
		return
	}
	deeds, err := p.People.Deeds(v.r.Context(), v.s)
	if err != nil {
		p.fail(v, err)
		return
	}
	slices.Reverse(deeds)
	x.Content = deeds[:min(len(deeds), mostActs)]
	p.render(v.w, v.r, http.StatusOK, "acts", x)
}

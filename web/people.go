package web

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"abaton.local/vault"
)

// Health is what an owner may see of the machine at work. Nothing in it moves when
// somebody works: who knows their people could read from it who was there.
type Health struct {
	Version string
	Walls   string
	Models  int
	Damaged bool // a model's passport cannot be read
	Budget  int64
}

// crowd is what the page of people shows to an owner.
type crowd struct {
	Me      vault.PersonID
	List    []vault.Person
	Open    []vault.Invitation
	Fresh   string  // the link of an invitation that was just made, shown this once
	Code    *square // the same, to be read by a phone
	Joining Joining
	Nearby  Nearby
	Text    string // the invitation itself
	Made    vault.Invitation
	Asked   vault.Person // who is about to be removed
	Health  Health
	Here    bool      // the link leads to this machine alone
	Ends    time.Time // what devices trust to be this server; zero: there is no TLS
	Soon    bool
}

// How long before its end somebody has to do something about what devices trust: the
// server starts no more in the last 90 days of its own authority.
const (
	soonOperators = 30 * 24 * time.Hour
	soonOwn       = 180 * 24 * time.Hour
)

func (p *Pages) people(v visit) { p.showPeople(v, crowd{}) }

func (p *Pages) showPeople(v visit, c crowd) {
	x, err := p.framed(v, "people")
	if err == nil {
		c.List, err = p.People.People(v.r.Context(), v.s)
	}
	if err == nil {
		c.Open, err = p.People.Invitations(v.s)
	}
	if err != nil {
		p.refused(v, err)
		return
	}
	list, damaged := p.Shelf.List()
	c.Me, c.Joining, c.Nearby = v.s.Person, p.Machine.Joining, p.Machine.Nearby
	c.Health = Health{Version: p.Machine.Version, Walls: p.Machine.Walls, Models: len(list), Damaged: damaged != nil, Budget: p.Budget}
	if p.CertificateEnds != nil {
		c.Ends = p.CertificateEnds()
		soon := soonOperators
		if c.Joining.Words != "" {
			soon = soonOwn
		}
		c.Soon = !c.Ends.IsZero() && c.Ends.Sub(p.Now()) < soon
	}
	x.Content = c
	p.render(v.w, v.r, http.StatusOK, "people", x)
}

// refused tells who is no owner so, and else what went wrong.
func (p *Pages) refused(v visit, err error) {
	if errors.Is(err, vault.ErrNotOwner) {
		p.problem(v, http.StatusForbidden, "Only an owner may see and change who is here.")
		return
	}
	p.fail(v, err)
}

// invite makes an invitation and leads to the page that shows it once.
func (p *Pages) invite(v visit) {
	role, err := vault.ParseRole(field(v.r, "role"))
	if err != nil {
		p.problem(v, http.StatusUnprocessableEntity, "Choose in which role they come in.")
		return
	}
	text, made, err := p.People.Invite(v.r.Context(), v.s, role)
	if err != nil {
		p.refused(v, err)
		return
	}
	defer text.Clear()
	c := crowd{Text: string(text.Reveal()), Made: made}
	base := p.Machine.Joining.Base
	switch {
	case v.r.TLS != nil:
		base = "https://" + v.r.Host // which the door has checked, and at which this browser came in
	case base == "":
		base, c.Here = "http://"+v.r.Host, true
	}
	c.Fresh = base + "/page/join?ticket=" + c.Text
	if !c.Here {
		c.Code = squareOf(c.Fresh)
	}
	p.lead(v, "/page/people/"+p.parcels.put(v.s, c, p.Now()))
}

// invited shows an invitation that was just made. Loading the page anew does not.
func (p *Pages) invited(v visit) {
	c, ok := p.parcels.take(v.s, v.rest, v.r.Method == http.MethodGet, p.Now()).(crowd)
	if !ok {
		p.lead(v, "/page/people")
		return
	}
	p.showPeople(v, c)
}

// withdraw makes an invitation void.
func (p *Pages) withdraw(v visit) {
	id, err := vault.ParseID(field(v.r, "id"))
	if err == nil {
		err = p.People.Withdraw(v.r.Context(), v.s, id)
	}
	if err != nil {
		p.refused(v, err)
		return
	}
	p.lead(v, "/page/people")
}

// changePerson changes somebody's role, or shuts them out or lets them in again.
func (p *Pages) changePerson(v visit) {
	list, err := p.People.People(v.r.Context(), v.s)
	if err != nil {
		p.refused(v, err)
		return
	}
	i := slices.IndexFunc(list, func(x vault.Person) bool { return string(x.ID) == field(v.r, "id") })
	if i < 0 {
		p.problem(v, http.StatusNotFound, "There is no such person. They may have been removed.")
		return
	}
	who := list[i]
	switch what := field(v.r, "what"); what {
	case "role":
		var role vault.Role
		if role, err = vault.ParseRole(field(v.r, "role")); err != nil {
			p.problem(v, http.StatusUnprocessableEntity, "Choose a role.")
			return
		}
		if role != who.Role {
			err = p.People.SetRole(v.r.Context(), v.s, who.ID, role)
		}
	case "shut out", "let in":
		if who.ID == v.s.Person {
			p.problem(v, http.StatusConflict, "You would shut yourself out. Another owner can.")
			return
		}
		if off := what == "shut out"; off != who.Disabled {
			err = p.People.SetDisabled(v.r.Context(), v.s, who.ID, off)
		}
	default:
		p.problem(v, http.StatusUnprocessableEntity, "Choose what is to be changed.")
		return
	}
	if err != nil {
		p.refused(v, err)
		return
	}
	p.lead(v, "/page/people")
}

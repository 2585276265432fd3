package gateway

// Policy says who may use a route. The zero Policy lets nobody in, so that a
// route which was written down without thinking is closed.
type Policy int

// The policies.
const (
	Nobody   Policy = iota
	Guest           // whoever has a session, kept or not
	Known           // a person, whether their vault is open or not
	Unlocked        // a person whose vault is open
	Auditor         // an auditor or owner, whose vault is open: a token that only asks does not oversee
	Owner           // an owner whose vault is open
)

// allows judges somebody's standing. It names each that it lets in: a role or a
// policy that is new here opens nothing.
func (p Policy) allows(s Standing) bool {
	person := s.Role == RoleMember || s.Role == RoleAuditor || s.Role == RoleOwner
	switch p {
	case Guest:
		return person || s.Role == RoleGuest || s.Role == RoleStranger
	case Known:
		return person
	case Unlocked:
		return person && s.Unlocked
	case Auditor:
		return s.Role == RoleWitness || s.Unlocked && (s.Role == RoleAuditor || s.Role == RoleOwner)
	case Owner:
		return s.Unlocked && s.Role == RoleOwner
	}
	return false
}

// valid reports whether a route can be registered with p.
func (p Policy) valid() bool { return p > Nobody && p <= Owner }

// refuses says why somebody of this standing does not get through.
func (p Policy) refuses(s Standing) *refusal {
	no := &refusal{status: 403, kind: invalidRequest, code: "forbidden", message: "You may not use this address."}
	switch {
	case p.allows(Standing{Role: s.Role, Unlocked: true}): // all that is missing are the keys
		no.code, no.message = "locked", "Your vault is locked. Log in with your passphrase: `abaton login`. A token that may only ask does not open it."
	case s.Role == RoleGuest:
		no.code, no.message = "login_needed", "A guest has nothing here. Log in: `abaton login`."
	case s.Role == RoleStranger:
		no.code, no.message = "not_set_up", "Nobody is set up on this machine yet. Run `abaton setup`."
	}
	return no
}

package audit

import (
	"fmt"
)

// Event is one act or finding. It has numbers of fixed width only, so no text
// fits in; what a number means is the table's. Actor and Object are identifiers
// of people, vaults, slots, tokens or invitations; the log turns them into
// pseudonyms before it keeps them, and zero means nobody.
type Event struct {
	What   What
	Result Result
	Actor  [16]byte
	Object [16]byte
	Detail uint32
	Digest [32]byte // SHA-256 of a program, configuration, model or key; elsewhere zero
}

// What happened. The numbers stand in every log there is: they are fixed for
// ever, and a new event takes the next one. There is none for a successful
// unlock, a lock or the use of a token, nor will there be: those lie in the
// person's own sealed journal.
type What uint8

// All events. Start tells the program's own digest; Heads and ClockJump are
// written by the log itself.
const (
	Start                What = 1
	ConfigurationChanged What = 2
	RoleChanged          What = 3 // Detail: the new role
	PersonCreated        What = 4 // Detail: the role
	PersonRemoved        What = 5
	PersonDisabled       What = 6
	PersonEnabled        What = 7
	InvitationMade       What = 8 // Detail: the role
	InvitationUsed       What = 9
	SlotAdded            What = 10 // Detail: the kind of slot
	SlotRemoved          What = 11 // likewise
	SlotChanged          What = 12 // likewise
	UnlockFailed         What = 13 // Detail: the kind of secret; Object: whose vault
	TokenCreated         What = 14
	TokenRevoked         What = 15
	EscrowUsed           What = 16
	Exported             What = 17
	BackedUp             What = 18
	Restored             What = 19
	RollbackAccepted     What = 20
	KeyRotated           What = 21 // Detail: which key
	VerificationFailed   What = 22 // Detail: the caller's code
	ModelChanged         What = 23
	ClockJump            What = 24 // Detail: seconds that the clock went back
	WitnessChanged       What = 25
	Heads                What = 26 // Digest: of the heads of all vaults, blinded; Detail: Bound
	SandboxTier          What = 27 // Detail: the tier
	PolicyHit            What = 28 // Detail: the system call's number
	EngineForged         What = 29 // Detail: the caller's code of the field
	PersonRenamed        What = 30
	ShapeRefused         What = 31
	EngineShared         What = 34 // people share engines, each in a slot of their own
	SlotNotEmptied       What = 35 // such an engine was ended, for it did not forget what somebody had said
	DocumentsAdded       What = 45 // Detail: how many, of one adding
	DocumentsRemoved     What = 46 // Detail: how many
	LibraryRemoved       What = 47 // Detail: how many documents went with it
	BrowserOpened        What = 50 // before it was locked down, the server started the desktop's browser
	LeafletOpened        What = 51 // other machines are told without TLS how to trust the certificate
)

// Result is how it ended.
type Result uint8

// All results; fixed for ever.
const (
	Succeeded Result = 0
	Refused   Result = 1
	Failed    Result = 2
)

// Kinds of slot, for events about slots and unlocking.
const (
	Passphrase uint32 = 1
	Passkey    uint32 = 2
	Token      uint32 = 3
	Recovery   uint32 = 4
	Escrow     uint32 = 5
)

// Roles, for events about people.
const (
	Owner   uint32 = 1
	Member  uint32 = 2
	Auditor uint32 = 3
)

// Keys that rotate.
const (
	RootKey      uint32 = 1
	DeviceSecret uint32 = 2
)

// Bound is the detail of a record of heads that [Log.Bind] wrote: the memory
// that it stands for names it in turn.
const Bound uint32 = 1

// Tiers of the sandbox.
const (
	TierA uint32 = 1
	TierB uint32 = 2
	TierC uint32 = 3
	TierD uint32 = 4
)

// rule is what an event may carry.
type rule struct {
	name   string
	detail uint32 // the largest; 0: none
	digest bool
	own    bool // only the log itself writes it
	words  []string
}

// rules is the fixed table of events, by number. words name the details, from 1.
var rules = [...]rule{
	Start:                {name: "start", digest: true},
	ConfigurationChanged: {name: "configuration changed", digest: true},
	RoleChanged:          {name: "role changed", detail: 3, words: roleWords},
	PersonCreated:        {name: "person created", detail: 3, words: roleWords},
	PersonRemoved:        {name: "person removed"},
	PersonDisabled:       {name: "person disabled"},
	PersonEnabled:        {name: "person enabled"},
	InvitationMade:       {name: "invitation made", detail: 3, words: roleWords},
	InvitationUsed:       {name: "invitation used"},
	SlotAdded:            {name: "slot added", detail: 5, words: slotWords},
	SlotRemoved:          {name: "slot removed", detail: 5, words: slotWords},
	SlotChanged:          {name: "slot changed", detail: 5, words: slotWords},
	UnlockFailed:         {name: "unlock failed", detail: 5, words: slotWords},
	TokenCreated:         {name: "token created"},
	TokenRevoked:         {name: "token revoked"},
	EscrowUsed:           {name: "escrow used"},
	Exported:             {name: "exported"},
	BackedUp:             {name: "backed up"},
	Restored:             {name: "restored"},
	RollbackAccepted:     {name: "rollback accepted"},
	KeyRotated:           {name: "key rotated", detail: 2, words: []string{"root key", "device secret"}},
	VerificationFailed:   {name: "verification failed", detail: 255},
	ModelChanged:         {name: "model file changed", digest: true},
	ClockJump:            {name: "clock went back", detail: 1<<32 - 1, own: true},
	WitnessChanged:       {name: "witness changed", digest: true},
	Heads:                {name: "heads of all vaults", detail: 1, digest: true, own: true, words: []string{"bound"}},
	SandboxTier:          {name: "sandbox tier", detail: 4, words: []string{"A", "B", "C", "D"}},
	PolicyHit:            {name: "policy hit", detail: 1<<16 - 1},
	EngineForged:         {name: "forged engine field", detail: 255},
	PersonRenamed:        {name: "person renamed"},
	ShapeRefused:         {name: "shape refused"},
	EngineShared:         {name: "people share engines"},
	SlotNotEmptied:       {name: "shared engine did not forget"},
	DocumentsAdded:       {name: "documents added", detail: 1<<32 - 1},
	DocumentsRemoved:     {name: "documents removed", detail: 1<<32 - 1},
	LibraryRemoved:       {name: "library removed", detail: 1<<32 - 1},
	BrowserOpened:        {name: "browser opened"},
	LeafletOpened:        {name: "certificate page without TLS"},
}

var (
	roleWords = []string{"owner", "member", "auditor"}
	slotWords = []string{"passphrase", "passkey", "token", "recovery code", "escrow"}
)

// String is the event in words. One that this program does not know has its
// number.
func (w What) String() string {
	if w.known() {
		return rules[w].name
	}
	return fmt.Sprintf("event %d", uint8(w))
}

// known tells whether the table has w.
func (w What) known() bool { return int(w) < len(rules) && rules[w].name != "" }

// MarshalText writes the event as String does.
func (w What) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// DetailWord names a detail of this event, or is empty where it is a number or
// none.
func (w What) DetailWord(detail uint32) string {
	if int(w) >= len(rules) || detail == 0 || int(detail) > len(rules[w].words) {
		return ""
	}
	return rules[w].words[detail-1]
}

// String is the result in words.
func (r Result) String() string {
	switch r {
	case Succeeded:
		return "done"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	}
	return fmt.Sprintf("result %d", uint8(r))
}

// MarshalText writes the result as String does.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// check refuses what the table does not allow.
func (e Event) check() error {
	if !e.What.known() {
		return fmt.Errorf("audit: no event has the number %d", uint8(e.What))
	}
	switch r := rules[e.What]; {
	case r.own:
		return fmt.Errorf("audit: only the log itself writes %q", r.name)
	case e.Result > Failed:
		return fmt.Errorf("audit: no result has the number %d", uint8(e.Result))
	case e.Detail > r.detail:
		return fmt.Errorf("audit: %q has no detail %d", r.name, e.Detail)
	case !r.digest && e.Digest != [32]byte{}:
		return fmt.Errorf("audit: %q has no digest", r.name)
	}
	return nil
}

package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"abaton.local/vault/internal/seal"
)

// A token is abt_ and 43 digits of base 62 that hold 256 bits: 64 to find it by
// and 192 that are secret. Of the whole, two keys are derived: one is compared,
// one opens the slot. The store keeps the first alone,
// from which neither the token nor the second can be had.
type tokenID [8]byte

func (id tokenID) String() string { return hex.EncodeToString(id[:]) }

// Scope says what a token is good for.
type Scope string

// The scopes.
const (
	ScopeAsk Scope = "ask" // ask models; no slot, so nothing that is kept is opened
	ScopeAll Scope = "all" // all that its person may do with what they keep
	// ScopeAudit is for witnesses: it reads the audit log as long as its person is
	// an owner or auditor, and does nothing else. No slot, either.
	ScopeAudit Scope = "audit"
)

const (
	wordTokenAuth = "token-auth"
	wordTokenWrap = "token-wrap"
	maxTokens     = 50 // of one person
)

// Errors of tokens on which callers branch.
var (
	ErrToken       = errors.New("this access token is wrong, has expired or was revoked")
	ErrScope       = errors.New("a token's scope is ask, all or audit")
	ErrNotAuditor  = errors.New("only an owner or auditor can make a token that reads the audit log")
	ErrTooMany     = errors.New("there are too many tokens: revoke some first")
	ErrTokenName   = errors.New("a token needs a name of 1 to 64 visible characters")
	ErrTokenExpiry = errors.New("a token must expire in the future, in ten years at most")
)

// tokenEntry is what the directory knows of a token. Its name is in its person's
// vault, where only they read it. Guarded by Directory.mu.
type tokenEntry struct {
	record  ID
	person  PersonID
	key     tokenID
	grant   *grant    // another one once it was taken back
	Key     string    `json:"id"`
	Person  ID        `json:"person"`
	Auth    string    `json:"auth"` // hexadecimal
	Scope   Scope     `json:"scope"`
	Expires time.Time `json:"expires"`
	Slot    ID        `json:"slot,omitzero"`
}

// tokenName is what the person's vault knows of a token.
type tokenName struct {
	Key  string `json:"id"`
	Name string `json:"name"`
	Day  string `json:"day"`
}

// TokenInfo is what a person sees of a token of theirs.
type TokenInfo struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Since   string    `json:"since"` // the day
	Expires time.Time `json:"expires"`
}

// readToken reads the 256 bits of a token, and nothing but what newToken
// writes.
func readToken(s string) (b [32]byte, ok bool) {
	digits, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(digits) != tokenDigits {
		return b, false
	}
	for i := range len(digits) {
		c := digits[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return b, false
		}
	}
	n, ok := new(big.Int).SetString(digits, 62)
	if !ok || n.BitLen() > 256 {
		return b, false
	}
	n.FillBytes(b[:])
	return b, true
}

// tokenKeys derives what is compared and what opens the slot.
func tokenKeys(b [32]byte) (auth, wrap *seal.Key) {
	k := seal.KeyAt(&b)
	defer k.Clear()
	return k.Derive(wordTokenAuth), k.Derive(wordTokenWrap)
}

func (d *Directory) readTokens(ctx context.Context) error {
	for _, r := range d.vault.List(kindTokenEntry, peopleContainer()) {
		b, err := d.vault.Read(ctx, r.ID)
		if err != nil {
			return err
		}
		t := &tokenEntry{record: r.ID, grant: new(grant)}
		err = json.Unmarshal(b, t)
		key, e := hex.DecodeString(t.Key)
		if err != nil || e != nil || len(key) != len(t.key) || len(t.Auth) != 64 {
			return errors.New("a token's record is damaged")
		}
		t.key, t.person = tokenID(key), PersonID(t.Person.String())
		d.tokens[t.key] = t
	}
	return nil
}

// MakeToken makes a token, to be shown once.
func (d *Directory) MakeToken(ctx context.Context, s Session, name string, scope Scope, expires time.Time) (Token, TokenInfo, error) {
	none := TokenInfo{}
	name, err := ParseName(name)
	if err != nil {
		return Token{}, none, ErrTokenName
	}
	now := d.config.Now()
	if scope != ScopeAsk && scope != ScopeAll && scope != ScopeAudit {
		return Token{}, none, ErrScope
	}
	if !expires.After(now) || expires.After(now.AddDate(10, 0, 1)) {
		return Token{}, none, ErrTokenExpiry
	}
	v, err := s.Vault()
	if err != nil {
		return Token{}, none, err
	}
	if s.Way() == SlotToken {
		return Token{}, none, ErrNotByToken
	}
	if role, ok := d.RoleOf(s); scope == ScopeAudit && (!ok || role != RoleOwner && role != RoleAuditor) {
		return Token{}, none, ErrNotAuditor
	}
	d.change.Lock()
	defer d.change.Unlock()
	token := newToken()
	b, _ := readToken(token.Reveal())
	t := &tokenEntry{record: NewID(), person: s.Person, key: tokenID(b[:]), Person: identity(s.Person), Scope: scope, Expires: expires.UTC().Truncate(time.Second), grant: new(grant)}
	t.Key = t.key.String()
	if d.crowded(t) {
		return Token{}, none, ErrTooMany
	}
	auth, wrap := tokenKeys(b)
	defer auth.Clear()
	defer wrap.Clear()
	t.Auth = hex.EncodeToString(auth.Bytes())
	info := TokenInfo{ID: t.Key, Name: name, Scope: scope, Since: d.today(), Expires: t.Expires}

	// The name first, then the slot, then the directory's entry: what a crash
	// leaves in between opens nothing, and is tidied with the next revoking.
	plain, err := json.Marshal(tokenName{Key: t.Key, Name: name, Day: info.Since})
	if err != nil {
		return Token{}, none, fmt.Errorf("a token: %w", err)
	}
	if err := d.onRecord(Event{What: TokenCreated, Actor: t.Person, Object: t.Person}); err != nil {
		return Token{}, none, err
	}
	put := Put{ID: t.record, Container: tokensContainer(), Kind: KindToken, Payload: plain}
	if err := v.Write(ctx, Edit{Put: []Put{put}}); err != nil {
		return Token{}, none, err
	}
	if scope == ScopeAll {
		err := d.reslot(ctx, s, Event{What: SlotAdded, Detail: uint32(SlotToken)}, Deed{What: DeedTokenMade},
			func(next *slotSet, root *seal.Key) error {
				x := slot{kind: SlotToken, id: NewID(), since: next.version}
				next.wrap(&x, wrap.Bytes(), d.config.Device.key, root)
				next.put(x, false)
				t.Slot = x.id
				return nil
			})
		if err != nil {
			return Token{}, none, err
		}
	} else {
		d.noteEntry(ctx, s, Deed{What: DeedTokenMade})
	}
	entry, err := json.Marshal(t)
	if err != nil {
		return Token{}, none, fmt.Errorf("a token: %w", err)
	}
	e := Edit{Put: []Put{{ID: t.record, Container: peopleContainer(), Kind: kindTokenEntry, Payload: entry}}}
	if err := d.vault.Write(ctx, e); err != nil {
		return Token{}, none, fmt.Errorf("the directory: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[t.key] = t
	return token, info, nil
}

// crowded tells whether a person has too many tokens, or a name that is drawn
// once in 2⁶⁴ was drawn twice.
func (d *Directory) crowded(t *tokenEntry) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := 0
	for _, o := range d.tokens {
		if o.person == t.person {
			n++
		}
	}
	return n >= maxTokens || d.tokens[t.key] != nil
}

// TokensOf lists the tokens of a session's person.
func (d *Directory) TokensOf(ctx context.Context, s Session) ([]TokenInfo, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	names := map[string]tokenName{}
	for _, r := range v.List(KindToken, tokensContainer()) {
		b, err := v.Read(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		var n tokenName
		if err := json.Unmarshal(b, &n); err != nil {
			return nil, fmt.Errorf("a token's name: %w", err)
		}
		names[n.Key] = n
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []TokenInfo
	for _, t := range d.tokens {
		if t.person == s.Person {
			n := names[t.Key]
			list = append(list, TokenInfo{ID: t.Key, Name: n.Name, Scope: t.Scope, Since: n.Day, Expires: t.Expires})
		}
	}
	slices.SortFunc(list, func(a, b TokenInfo) int { return strings.Compare(a.Since+a.Name+a.ID, b.Since+b.Name+b.ID) })
	return list, nil
}

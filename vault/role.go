package vault

import (
	"errors"
	"fmt"
)

// Role says what somebody may do beside using their own vault. No role opens
// anybody else's. The numbers stand in files.
type Role uint8

// The roles.
const (
	RoleOwner   Role = 1 // manages people, models and settings
	RoleMember  Role = 2
	RoleAuditor Role = 3 // reads the shared record
)

// ParseRole reads what String wrote.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{RoleOwner, RoleMember, RoleAuditor} {
		if r.String() == s {
			return r, nil
		}
	}
	return 0, errors.New("a role is owner, member or auditor")
}

// String is the role in a word.
func (r Role) String() string {
	switch r {
	case RoleOwner:
		return "owner"
	case RoleMember:
		return "member"
	case RoleAuditor:
		return "auditor"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// MarshalText writes the role as String does.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRole(string(b))
	return err
}

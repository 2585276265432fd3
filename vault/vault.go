// Package vault knows who is asking. Today that is one person, the owner of
// this installation, known by an access token or by the kernel's word about a
// Unix socket's peer; people with vaults of their own come next and take over
// the same [Session].
package vault

// PersonID names a person. It is opaque and holds nothing about them.
type PersonID string

// Owner is the one person of an installation that has no accounts yet.
const Owner PersonID = "owner"

// Session is proof that the door knows who is asking. Nothing behind the
// gateway runs without one.
type Session struct {
	Person PersonID
}

// Package vault keeps what people say so that only they can open it: it knows
// who is asking, opens a person's vault with their secret, and lets go of the
// keys when they leave. The bytes are sealed by vault/internal/seal and kept by
// a [Store], which can read nothing.
package vault

// PersonID names a person. It is opaque and holds nothing about them.
type PersonID string

// Owner is the one person of an installation that has no accounts yet.
const Owner PersonID = "owner"

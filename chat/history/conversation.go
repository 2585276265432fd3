package history

import (
	"errors"
	"time"

	"abaton.local/vault"
)

// Conversation is what is known of one without reading its turns.
type Conversation struct {
	ID    vault.ID
	Title string // one line, safe to show
	Named bool   // the person gave the title
	Model string // that answered last
	// Instruction is the system instruction. [History.Show] alone gives it.
	Instruction string
	Created     time.Time
	Updated     time.Time // of the last turn
	Turns       int
	Damaged     bool // what is above could not be read; the turns may be well
}

// Role says whose turn it is.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Turn is one question or one answer. It never changes.
type Turn struct {
	ID           vault.ID // given by the history
	Role         Role
	Text         string
	Model        string // that answered; empty for the person's turns
	Finish       string // why the answer ended
	PromptTokens int
	AnswerTokens int
	Time         time.Time // to the millisecond; that of writing where it is zero
}

// Start is how a conversation begins.
type Start struct {
	Model       string
	Instruction string
}

// Bounds of what is kept.
const (
	MaxText  = 8 << 20 // bytes of a turn or an instruction: what the gateway lets in at once
	MaxTitle = 200     // characters of a title that a person gives
	autoText = 60      // characters of a title that is made of the first question
)

// Errors on which callers branch.
var (
	ErrUnknown   = errors.New("there is no such conversation; `abaton history list` shows those that there are")
	ErrAmbiguous = errors.New("several conversations have identifiers that begin so; give more of its digits")
	ErrEmpty     = errors.New("there is no conversation yet; `abaton chat` begins one")
	ErrTooLong   = errors.New("a message can have 8 MiB at most; shorten it, or send it in parts")
	ErrTitle     = errors.New("a title has 1 to 200 characters on one line")
)

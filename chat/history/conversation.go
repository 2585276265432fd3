package history

import (
	"errors"
	"math"
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
	Manner      Manner
	Libraries   []vault.ID // of documents, in which answers look; none: no document is read
	Pinned      bool
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

// Manner is how the model is asked in one conversation. What is zero is as
// everywhere.
type Manner struct {
	Temperature *float64 // 0 to 2
	TopP        *float64 // 0 to 1
	MaxTokens   int      // of an answer, to MaxTokens
	Seed        *int64   // 0 to 2^32-1
	Context     int      // tokens that the model shall be able to look at, to MaxTokens
}

// Turn is one question or one answer. It never changes.
type Turn struct {
	ID           vault.ID // given by the history
	After        vault.ID // the turn that it follows, or the conversation itself where it begins it; zero: the one written before it
	Role         Role
	Text         string
	Model        string // that answered; empty for the person's turns
	Finish       string // why the answer ended
	PromptTokens int
	AnswerTokens int
	Time         time.Time // to the millisecond; that of writing where it is zero
	Read         *Reading  // of an answer that was made with documents in sight; else nil
}

// Start is how a conversation begins.
type Start struct {
	Model       string
	Instruction string
	Manner      Manner
	Libraries   []vault.ID
}

// Valid tells whether all of it is within its bounds.
func (m Manner) Valid() bool {
	within := func(x *float64, most float64) bool { return x == nil || *x >= 0 && *x <= most }
	return within(m.Temperature, 2) && within(m.TopP, 1) && m.MaxTokens >= 0 && m.MaxTokens <= MaxTokens &&
		m.Context >= 0 && m.Context <= MaxTokens && (m.Seed == nil || *m.Seed >= 0 && *m.Seed <= math.MaxUint32)
}

// Bounds of what is kept.
const (
	MaxText  = 8 << 20 // bytes of a turn or an instruction: what the gateway lets in at once
	MaxTitle = 200     // characters of a title that a person gives
	autoText = 60      // characters of a title that is made of the first question

	MaxTokens = 1 << 20 // of a Manner
)

// Errors on which callers branch.
var (
	ErrUnknown   = errors.New("there is no such conversation; `abaton history list` shows those that there are")
	ErrAmbiguous = errors.New("several conversations have identifiers that begin so; give more of its digits")
	ErrEmpty     = errors.New("there is no conversation yet; `abaton chat` begins one")
	ErrTooLong   = errors.New("a message can have 8 MiB at most; shorten it, or send it in parts")
	ErrManner    = errors.New("the temperature is from 0 to 2, top-p from 0 to 1, a seed from 0 to 4294967295, and tokens are at most 1048576")
	ErrReading   = errors.New("what an answer read of documents makes no sense, or is too long to be kept")
	ErrTitle     = errors.New("a title has 1 to 200 characters on one line")
)

// Package corpus holds what the harness asks and what a real engine answered:
// labelled prompts of our own, and recordings of answers with the moment of
// each piece, to be played again through the real server.
package corpus

import "time"

// Sets of prompts.
const (
	Topics    = "topics"    // four topics, and noise of the same lengths
	Closed    = "closed"    // ten topics
	Languages = "languages" // the same questions in several languages
	Verdict   = "verdict"   // answers of one word
	Repeats   = "repeats"   // few prompts, asked many times
)

// Noise is the label of what is on none of the topics.
const Noise = "noise"

// Prompt is one question of a set.
type Prompt struct {
	ID       string `json:"id"` // no other prompt has it, in any set
	Set      string `json:"set"`
	Label    string `json:"label"` // what is to be guessed: a topic, a language, a verdict
	Language string `json:"language"`
	System   string `json:"system,omitempty"`
	Text     string `json:"text"`
}

// Piece is what an engine sent at one moment.
type Piece struct {
	Text string        `json:"text"`
	At   time.Duration `json:"at"` // since the question was sent; never falls
}

// Recording is one answer of a real engine.
type Recording struct {
	Prompt       string        `json:"prompt"` // ID of the question
	Seed         uint64        `json:"seed"`
	PromptTokens int           `json:"prompt_tokens"`
	Pieces       []Piece       `json:"pieces"`
	Stopped      time.Duration `json:"stopped"`   // when the engine was done
	Truncated    bool          `json:"truncated"` // it ended at the most that was asked for
}

// About says what made the recordings.
type About struct {
	Version     string  `json:"version"` // of the corpus
	Model       string  `json:"model"`
	ModelDigest string  `json:"model_digest"`
	Engine      string  `json:"engine"`
	Machine     string  `json:"machine"`
	Recorded    string  `json:"recorded"` // the day
	Temperature float64 `json:"temperature"`
	MaxTokens   int     `json:"max_tokens"`
	Note        string  `json:"note,omitempty"` // what else a reader of the numbers should know
}

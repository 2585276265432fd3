package engine

// Kind says what went wrong with an engine, so that callers can branch.
type Kind string

// The kinds of fault a caller may meet.
const (
	BadModel   Kind = "bad-model"   // the engine refused to load it
	Crashed    Kind = "crashed"     // the worker died while it answered
	Hung       Kind = "hung"        // the worker stopped answering
	NoMemory   Kind = "no-memory"   // the worker ran out of memory
	PolicyHit  Kind = "policy-hit"  // the worker tried something its jail forbids
	Poison     Kind = "poison"      // this very request crashed a worker twice
	TooLong    Kind = "too-long"    // the prompt does not fit the model's context
	Busy       Kind = "busy"        // too many questions are waiting
	BadRequest Kind = "bad-request" // a field is out of range; Detail names it
	BadReply   Kind = "bad-reply"   // the worker said something that is not its protocol
	Unjailed   Kind = "unjailed"    // no jail to be had, and none was waived
)

// Fault is an engine's failure in words for people: what happened and what to
// do next. It never holds any text of a prompt or an answer.
type Fault struct {
	Kind   Kind
	What   string // one sentence: what happened
	Do     string // one sentence: what to do next
	Detail string // for the log: exit status, signal, field name; never content
}

func (f *Fault) Error() string { return f.What + " " + f.Do }

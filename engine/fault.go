package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"abaton.local/models"
	"abaton.local/sandbox"
)

// Kind says what went wrong with an engine, so that callers can branch.
type Kind string

// The kinds of fault a caller may meet.
const (
	BadModel   Kind = "bad-model"   // the engine refused to load it
	Crashed    Kind = "crashed"     // the worker died while it answered
	Killed     Kind = "killed"      // the worker was killed, and not by us or for want of memory
	Hung       Kind = "hung"        // the worker stopped answering
	NoMemory   Kind = "no-memory"   // the worker ran out of memory
	PolicyHit  Kind = "policy-hit"  // the worker tried something its jail forbids
	Poison     Kind = "poison"      // this very request crashed a worker twice
	TooLong    Kind = "too-long"    // the prompt does not fit the model's context
	Busy       Kind = "busy"        // too many questions are waiting
	BadRequest Kind = "bad-request" // a field is out of range; Detail names it
	BadReply   Kind = "bad-reply"   // the worker said something that is not its protocol
	Unjailed   Kind = "unjailed"    // no jail to be had, and none was waived
	OverShare  Kind = "over-share"  // its person had more than their share of memory, and others waited
	Unread     Kind = "unread"      // the answer was not read, while others waited
	Unshared   Kind = "unshared"    // people share engines, and this model's could not be seen to forget
	Paused     Kind = "paused"      // it crashed so often that it is not started for now; After says for how long
)

// Fault is an engine's failure in words for people: what happened and what to
// do next. It never holds any text of a prompt or an answer.
type Fault struct {
	Kind   Kind
	What   string // one sentence: what happened
	Do     string // one sentence: what to do next
	Detail string // for the log: exit status, signal, field name; never content

	Tokens, Window int // of TooLong: what the prompt has, with room for the answer, and what the model can look at

	After time.Duration // of Paused: when it may be asked again

	why   string // of BadRequest: What without its field
	err   error  // of another room, where one is the reason
	retry bool   // the question has nothing to do with it: it may be asked once more
}

func (f *Fault) Error() string { return f.What + " " + f.Do }

// Unwrap gives the error of another room that is the reason, or nil.
func (f *Fault) Unwrap() error { return f.err }

// again tells whether the same question may be asked once more by ourselves: a
// generation has no effects but its answer.
func (f *Fault) again() bool {
	return f.Kind == Crashed || f.Kind == Hung || f.Kind == NoMemory || f.retry
}

// suspicious tells whether the question itself can be the reason.
func (f *Fault) suspicious() bool { return f.Kind == Crashed || f.Kind == Hung }

// failed tells whether the worker's end counts against restarting it.
func (f *Fault) failed() bool {
	return f.Kind == Crashed || f.Kind == Killed || f.Kind == Hung || f.Kind == NoMemory || f.Kind == PolicyHit || f.Kind == BadReply
}

// outOfRange is a BadRequest: field as the wire formats call it, and why in
// words that hold nothing of its value.
func outOfRange(field, why string) *Fault {
	return &Fault{Kind: BadRequest, What: "The request's " + field + " cannot be used: " + why + ".", Do: "Change it and ask again.", Detail: field, why: why}
}

func badModel(last, detail string) *Fault {
	what := "The engine refused to load the model."
	if last != "" {
		what = "The engine refused to load the model; it said: “" + last + "”."
	}
	return &Fault{Kind: BadModel, What: what, Do: "Choose another model, or pull this one again.", Detail: detail}
}

func noModel(err error) *Fault {
	return &Fault{Kind: BadModel, What: fmt.Sprintf("The model cannot be opened: %s.", reason(err)), Do: "See `abaton models`; pull the model again if it is damaged.", Detail: err.Error(), err: err}
}

// unstarted is a worker that could not be started at all.
func unstarted(err error) *Fault {
	if _, ok := errors.AsType[*sandbox.NoJail](err); ok {
		return &Fault{Kind: Unjailed, What: "This system gives no jail to run the engine in.", Do: "See `abaton audit` for what is missing.", Detail: err.Error(), err: err}
	}
	return &Fault{Kind: Crashed, What: fmt.Sprintf("The engine could not be started: %s.", reason(err)), Do: "Run `abaton audit`, which says what is missing.", Detail: err.Error(), err: err}
}

// reason is what an error says to whoever may ask: where things lie on this machine,
// and in whose folder, is for its log.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Op + ": " + e.Err.Error()
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Op + ": " + e.Err.Error()
	}
	return err.Error()
}

func crashed(detail string) *Fault {
	return &Fault{Kind: Crashed, What: "The engine crashed while it answered.", Do: "Ask again; it starts anew by itself.", Detail: detail}
}

func killed(detail string) *Fault {
	return &Fault{Kind: Killed, What: "The engine was killed by another program or by somebody; memory was not the reason.", Do: "Ask again; it starts anew by itself.", Detail: detail}
}

func hung(why string) *Fault {
	return &Fault{Kind: Hung, What: "The engine stopped answering and was ended.", Do: "Ask again; it starts anew by itself.", Detail: why}
}

func noMemory(detail string) *Fault {
	return &Fault{Kind: NoMemory, What: "The engine ran out of memory.", Do: "Ask again, shorter: it starts anew with half the context; or choose a smaller model.", Detail: detail}
}

func policyHit(detail string) *Fault {
	return &Fault{Kind: PolicyHit, What: "The engine tried something that its jail forbids, and was ended.", Do: "Do not trust this model's file; choose another one, and see `abaton audit`.", Detail: detail}
}

func heldBack() *Fault {
	return &Fault{Kind: PolicyHit, What: "This model's engine tried twice what its jail forbids, so it is not started any more.", Do: "Remove the model, or start abaton anew to try once more.", Detail: "held back"}
}

func poison(id [32]byte) *Fault {
	return &Fault{Kind: Poison, What: "This very question has crashed the engine twice, so it is not asked again.", Do: "Change the question or its options.", Detail: hex.EncodeToString(id[:8])}
}

func tooLong(tokens, window int64) *Fault {
	return &Fault{Kind: TooLong, What: fmt.Sprintf("This model's maximum context length is %d tokens here, and the conversation has %d.", window, tokens), Do: "Shorten it, begin a new one, or set a larger context.", Detail: fmt.Sprintf("%d of %d tokens", tokens, window),
		Tokens: int(tokens), Window: int(window)}
}

func busy(n int) *Fault {
	return &Fault{Kind: Busy, What: fmt.Sprintf("%d questions are waiting already.", n), Do: "Ask again in a moment.", Detail: "queue full"}
}

func overShare() *Fault {
	return &Fault{Kind: OverShare, What: "The answer was broken off: somebody else waited for memory, and yours had more than your share.",
		Do: "Ask again with a smaller context (num_ctx), or fewer models at one time.", Detail: "over the share"}
}

func unread(waited time.Duration) *Fault {
	return &Fault{Kind: Unread, What: fmt.Sprintf("The answer was broken off: it was not read for %s while somebody else waited.", waited.Round(time.Second)),
		Do: "Ask again, and read the answer as it comes.", Detail: "not read"}
}

func closing() *Fault {
	return &Fault{Kind: Busy, What: "The engine is being shut down.", Do: "Ask again when abaton runs again.", Detail: "closing"}
}

func circuitOpen(n int, wait time.Duration) *Fault {
	wait = (wait + time.Second - 1).Truncate(time.Second)
	return &Fault{Kind: Paused, What: fmt.Sprintf("The engine crashed %d times in a short while, so it is not started for now.", n),
		Do: fmt.Sprintf("Ask again in %s, or choose another model.", wait), Detail: "circuit open", After: wait}
}

// unshared refuses a model whose slots nobody can see to be empty.
func unshared(r models.Recall) *Fault {
	why := "its architecture is none that was looked at"
	switch r {
	case models.StateRecall:
		why = "it keeps a state instead of what it read"
	case models.WindowRecall:
		why = "it looks at a sliding window of what it read"
	}
	return &Fault{Kind: Unshared, What: "People share engines here, and this model's is not shared: " + why + ", so that nobody could see whether it has forgotten who asked before.",
		Do: "Choose another model, or have whoever runs abaton give each person an engine of their own (isolation = \"own-engine\").", Detail: "recall " + string(r)}
}

func badly(why string) *Fault {
	return &Fault{Kind: BadReply, What: "The engine said something that is not its protocol, and was ended.", Do: "Ask again; if it happens again, choose another model.", Detail: why}
}

func unclean() *Fault {
	return &Fault{Kind: BadReply, What: "The engine that people share here did not forget what somebody else had said, and was ended.", Do: "Ask again; if it happens again, tell whoever runs abaton to give each person an engine of their own.", Detail: "a slot was not emptied", retry: true}
}

// refusedBy is the engine's own refusal of a request.
func refusedBy(e *engineError) *Fault {
	detail := fmt.Sprintf("status %d %s", e.Code, e.kind())
	switch e.kind() {
	case "exceed_context_size_error":
		return tooLong(e.Prompt, e.Window)
	case "invalid_request_error":
		return &Fault{Kind: BadRequest, What: "The engine cannot use this request: most likely its JSON schema, or an order of roles that the model's template does not know.", Do: "Change it and ask again.", Detail: detail}
	}
	return &Fault{Kind: BadReply, What: "The engine could not answer this request.", Do: "Ask again; if it happens again, try another order of roles, or another model.", Detail: detail}
}

package engine

import (
	"errors"
	"strings"
	"testing"

	"abaton.local/models"
)

// An engine that was taken over answers a short text with many tokens, to fill
// the memory of everybody's server.
func TestReplyIsBoundedByItsRequest(t *testing.T) {
	const json = "Content-Type: application/json\r\n"
	flood := func(n int) string {
		return answer("200 OK", json, `{"tokens":[`+strings.Repeat("{},", n/3)+`{}]}`)
	}
	_, err := hostile(t, flood(4<<20)).pieces(t.Context(), []string{"hi"})
	if bad, ok := errors.AsType[*badReply](err); !ok || bad.why != "a reply that is too long" {
		t.Errorf("%v", err)
	}
	if _, err := hostile(t, flood(64<<10)).pieces(t.Context(), []string{"hi"}); err != nil {
		t.Errorf("the control: %v", err)
	}
	if got := maxReply(16 << 20); got != maxReplyBody {
		t.Errorf("%d", got)
	}
}

// Text that no context can hold, or that is too long before its control tokens
// are broken, is refused as what it is, and the worker lives on.
func TestFarTooLong(t *testing.T) {
	e := start(t, nil)
	p := ask("Hi", 1)
	if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
		t.Fatal(err)
	}
	before := workerOf(t, e, p)
	for name, text := range map[string]string{
		"8 MiB":          strings.Repeat("a", maxText),
		"control tokens": strings.Repeat("<|endoftext|>", 5000),
	} {
		q := p
		q.Messages = []Message{{Role: User, Content: text}}
		_, _, err := collect(t.Context(), e, q)
		t.Run(name, func(t *testing.T) { faultOf(t, err, TooLong) })
	}
	if workerOf(t, e, p) != before {
		t.Error("another worker")
	}
}

// That a question crashed the engine is known of the one who asked it: another
// could otherwise guess questions and see which of them had been asked.
func TestPoisonIsOfOnePerson(t *testing.T) {
	e := &Engine{suspect: map[[32]byte]int{}}
	anna := Prompt{Person: "anna", Model: models.Digest{1}, Messages: []Message{{Role: User, Content: "my secret"}}}
	bruno := anna
	bruno.Person = "bruno"
	a, err := e.fingerprint(anna)
	b, err2 := e.fingerprint(bruno)
	if again, _ := e.fingerprint(anna); err != nil || err2 != nil || a == b || a != again {
		t.Errorf("%x %x %v %v", a[:4], b[:4], err, err2)
	}
}

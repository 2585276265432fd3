package engine

import (
	"crypto/hmac"
	"crypto/sha256"
)

// maxCrashes is how many workers one question may take with it.
const maxCrashes = 2

// maxSuspects bounds how many questions are remembered.
const maxSuspects = 4096

// fingerprint names a question without saying anything about it: a keyed hash,
// whose key dies with this process.
func (e *Engine) fingerprint(p Prompt) (id [32]byte, err error) {
	var body []byte
	if p.Text != "" {
		body, err = encodeText(p.Text, p.Options, steering{})
	} else {
		body, err = encodeChat(p.Messages, p.Options, steering{})
	}
	if err != nil {
		return id, err
	}
	h := hmac.New(sha256.New, e.hashKey[:])
	h.Write(p.Model[:])
	h.Write([]byte(p.Person + "\x00")) // else one could learn what another asked
	h.Write(body)
	return [32]byte(h.Sum(nil)), nil
}

func (e *Engine) crashes(id [32]byte) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.suspect[id]
}

func (e *Engine) crashed(id [32]byte) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.suspect) >= maxSuspects {
		clear(e.suspect)
	}
	e.suspect[id]++
	return e.suspect[id]
}

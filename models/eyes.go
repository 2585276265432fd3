package models

import (
	"encoding/json"
	"errors"
	"fmt"

	"abaton.local/models/internal/gguf"
)

// Eyes is the role of a projector: a file that makes tokens of pictures, for one
// model or several of one width. It is nothing by itself.
const Eyes = "eyes"

func isEyes(h gguf.Header) bool {
	return h.Architecture == "clip" && (h.Kind == "mmproj" || h.Kind == "model") // old ones say nothing of their kind
}

// errNoEyes and errNotChat say that two files do not go together.
var (
	errNoEyes  = errors.New("it is no file of eyes: pull the model's mmproj file, and name that")
	errNotChat = errors.New("only a model that chats can be given eyes")
)

// Attach gives a model the eyes by which it sees; empty eyes take them away. The
// engine holds the two against each other when it starts.
func (s *Shelf) Attach(model, eyes string) (Passport, error) {
	unlock, err := s.lock()
	if err != nil {
		return Passport{}, err
	}
	defer unlock()
	p, err := s.Find(model)
	if err != nil {
		return Passport{}, err
	}
	if p.Role != "chat" {
		return Passport{}, fmt.Errorf("%s: %w", shown(p.Name), errNotChat)
	}
	p.Projector = Digest{}
	if eyes != "" {
		e, err := s.Find(eyes)
		if err != nil {
			return Passport{}, err
		}
		if e.Role != Eyes {
			return Passport{}, fmt.Errorf("%s: %w", shown(e.Name), errNoEyes)
		}
		p.Projector = e.Digest
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return Passport{}, err
	}
	if err := s.write(passportName(p.Digest), append(text, '\n'), 0o400); err != nil {
		return Passport{}, fmt.Errorf("passport of %s: %w", p.Name, err)
	}
	s.forget(p.Digest) // it is read anew with its new passport
	return p, s.sync(".")
}

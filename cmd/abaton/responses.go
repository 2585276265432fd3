package main

import (
	"context"
	"errors"
	"io"
	"time"

	"abaton.local/api"
	"abaton.local/chat/responses"
	"abaton.local/vault"
)

// keptResponses are the responses of whoever asks, in their own open vault.
type keptResponses struct {
	home *home
	most int64 // bytes of one person's
}

func (k keptResponses) Ready(s vault.Session) error {
	v, err := s.Vault()
	if err != nil {
		return err
	}
	return apiError(responses.Room(v, 0, k.most))
}

func (k keptResponses) Keep(ctx context.Context, s vault.Session, id string, stored []byte) error {
	v, err := s.Vault()
	if err != nil {
		return err
	}
	return apiError(responses.Keep(ctx, v, id, stored, k.most, time.Now()))
}

func (keptResponses) Find(ctx context.Context, s vault.Session, id string) ([]byte, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	b, err := responses.Find(ctx, v, id)
	return b, apiError(err)
}

// Remove deletes a response, and whatever a model had read of it.
func (k keptResponses) Remove(ctx context.Context, s vault.Session, id string) error {
	v, err := s.Vault()
	if err != nil {
		return err
	}
	if err := k.home.unread(ctx, s); err != nil {
		return err
	}
	return apiError(responses.Remove(ctx, v, id))
}

func apiError(err error) error {
	if errors.Is(err, responses.ErrNone) {
		return api.ErrNoResponse
	}
	if errors.Is(err, responses.ErrFull) {
		return api.ErrFull
	}
	return err
}

// exportResponses adds them to an exported document, as one more member of it.
func exportResponses(ctx context.Context, v *vault.Vault, w io.Writer) error {
	var damaged []error
	next := ",\"responses\":["
	for body, err := range responses.All(ctx, v) {
		if err != nil {
			if _, ok := errors.AsType[*vault.Damage](err); !ok {
				return err
			}
			damaged = append(damaged, err)
			continue
		}
		if _, err := io.WriteString(w, next+"\n"+string(body)); err != nil {
			return err
		}
		next = ","
	}
	if next == "," {
		if _, err := io.WriteString(w, "\n]"); err != nil {
			return err
		}
	}
	return errors.Join(damaged...)
}

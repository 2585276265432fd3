package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/user"
	"strconv"

	"abaton.local/api"
	"abaton.local/api/wire"
	"abaton.local/gateway"
	"abaton.local/vault"
)

// keyless says who may come in without a key; nil: nobody.
func (p *program) keyless(h *home) (*gateway.Keyless, error) {
	if p.cfg.KeylessKey == "" {
		return nil, nil
	}
	k := &gateway.Keyless{
		Address: p.cfg.KeylessAddress, Account: os.Geteuid(),
		Session: func(context.Context) (vault.Session, error) { return h.people.TokenSession(p.cfg.KeylessKey) },
	}
	if name := p.cfg.KeylessAccount; name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return nil, configError{fmt.Sprintf("keyless_account: this machine has no account %q", name)}
		}
		if k.Account, err = strconv.Atoi(u.Uid); err != nil {
			return nil, configError{"keyless_account: this system's accounts have no numbers"}
		}
	}
	if k.Account == 0 {
		return nil, configError{"keyless_account: programs of root need no help of this kind, and should not ask models; name a person's account"}
	}
	if _, err := h.people.TokenSession(p.cfg.KeylessKey); err != nil {
		return nil, tell(fmt.Errorf("keyless_key: %w; `abaton keys` lists the tokens there are", err))
	}
	return k, nil
}

// inWords puts a refusal of the door into the words that a model's client expects.
func inWords(r *http.Request, no gateway.Refusal, id string) []byte {
	return api.Refusal(r, wire.Problem{Status: no.Status, Code: no.Code, Message: no.Message, Retry: no.Retry}, id)
}

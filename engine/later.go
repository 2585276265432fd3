package engine

import (
	"context"
	"errors"

	"abaton.local/models"
	"abaton.local/models/enginepack"
)

// installed gives the pack that engines are started from, which may have come only
// after this process began to serve.
func (e *Engine) installed(ctx context.Context) (*enginepack.Pack, *Fault) {
	if pack := e.pack.Load(); pack != nil {
		return pack, nil
	}
	pack, err := e.cfg.Later(ctx)
	if errors.Is(err, enginepack.ErrNone) {
		return nil, notHereYet()
	}
	if err != nil {
		return nil, unstarted(err)
	}
	// Two may have found it at one time. All engines of this process are of one.
	e.pack.CompareAndSwap(nil, pack)
	return e.pack.Load(), nil
}

// Installed tells whether there is something to start engines from.
func (e *Engine) Installed(ctx context.Context) bool {
	_, fault := e.installed(ctx)
	return fault == nil
}

// Files are the engine's, with their digests; none before it is installed.
func (e *Engine) Files() map[string]models.Digest {
	if pack := e.pack.Load(); pack != nil {
		return pack.Files
	}
	return nil
}

func notHereYet() *Fault {
	return &Fault{Kind: Busy, What: "The engine is not here yet: it is being fetched, or built on this machine.",
		Do: "Ask again once it is; `abaton pull` in a terminal says how far it is.", Detail: "no pack"}
}

package engine

import "context"

// Count gives the number of tokens that a prompt has for its model, with the
// template's own and those of its tools. It is what Usage says of the prompt
// when it is answered.
func (e *Engine) Count(ctx context.Context, p Prompt) (int, error) {
	p, err := p.checked()
	if err != nil {
		return 0, err
	}
	p, err = e.look(ctx, p)
	if err != nil {
		return 0, err
	}
	id, err := e.fingerprint(p)
	if err != nil {
		return 0, err
	}
	n := 0
	err = e.persist(ctx, key{model: p.Model, person: p.Person}, p.KeepAlive, p.ContextTokens, id, nil, func(ctx context.Context, w *worker) (bool, error) {
		return false, e.work(ctx, w, nil, func(ctx context.Context, _ *pulse) (err error) {
			n, err = w.count(ctx, p)
			return err
		})
	})
	return n, err
}

// count is Count for a checked prompt. Control tokens are broken first, as they
// will be: it makes more of one token.
func (w *worker) count(ctx context.Context, p Prompt) (int, error) {
	p, _, err := w.fit(p)
	if err != nil {
		return 0, err
	}
	if p, _, err = w.scrub.clean(ctx, p); err != nil {
		return 0, err
	}
	if p.sees() {
		body, err := encodeChat(p.Messages, p.Options, steering{})
		if err != nil {
			return 0, err
		}
		return w.client.counted(ctx, body)
	}
	text := p.Text
	if text == "" {
		if text, err = w.client.prompt(ctx, w.scrub.seen(p)); err != nil {
			return 0, err
		}
	}
	ids, err := w.client.whole(ctx, text)
	return len(ids), err
}

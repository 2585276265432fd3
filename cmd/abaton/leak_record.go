package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"abaton.local/engine"
	"abaton.local/leak"
	"abaton.local/leak/corpus"
	"abaton.local/models"
	"abaton.local/models/enginepack"
)

// How answers of a corpus are drawn, and how many tokens they may have: those that
// came with the program were made so, too.
const (
	recordTemperature = 0.7
	recordTokens      = 160
	recordedVersion   = "own"
	recorderPerson    = "recorder"
)

// record has this machine's own engine answer the corpus's prompts, for runs with
// --corpus. A recording that was stopped goes on.
func (o *leakOptions) record(ctx context.Context, p *program) error {
	if err := o.absolute(); err != nil {
		return tell(err)
	}
	all := corpus.Prompts(corpus.Topics)
	topics, err := chosen("topics", o.topics, leak.TopicsOf(all), leak.TopicsOf(all))
	if err != nil {
		return err
	}
	var prompts []corpus.Prompt
	taken := make(map[string]int)
	for _, q := range all {
		if q.Label != corpus.Noise && !slices.Contains(topics, q.Label) || o.prompts > 0 && taken[q.Label] >= o.prompts {
			continue
		}
		taken[q.Label]++
		prompts = append(prompts, q)
	}
	there, err := withEngine(ctx, p, func(ctx context.Context, r *rooms) error {
		m := newMeter(p.screen, false)
		m.begin("answers")
		defer m.end()
		recorder := leak.Recorder{
			Engine: r.engine, Prompt: engine.Prompt{Person: recorderPerson, Model: r.model.Digest}, Rounds: max(1, o.trials),
			About: corpus.About{
				Version: recordedVersion, Model: r.model.Name, ModelDigest: "sha256:" + r.model.Digest.String(), Engine: engineWords(r.pack), Machine: machineWords(),
				Recorded: time.Now().UTC().Format(time.DateOnly), Temperature: recordTemperature, MaxTokens: recordTokens,
			},
			Told: func(done, all int) { m.steps(done, all, "") },
		}
		return tell(recorder.Record(ctx, o.recordTo, prompts))
	})
	if err != nil {
		return err
	}
	if !there {
		return tell(errors.New("engine or model is missing: `abaton pull` fetches them"))
	}
	p.screen.say(fmt.Sprintf("Answers to %d prompts are in %s. `abaton leak --corpus` replays them; they hold what a model wrote under the program's own prompts, and nothing else.", len(prompts), o.recordTo))
	return nil
}

// engineWords names an engine by its build and by what is in its program, where
// that is known: reports are bound to it.
func engineWords(p *enginepack.Pack) string {
	words := cmp.Or(p.Build, "own engine")
	if digest, known := p.Files[filepath.Base(p.Server)]; known {
		words += ", SHA-256 " + digest.String()
	}
	return words
}

// withEngine runs the engine while do works with it; false where engine or model
// is missing. The prompts are the program's own and the answers go nowhere, so this
// process need not be locked down; the engine is in its jail as ever.
func withEngine(ctx context.Context, p *program, do func(context.Context, *rooms) error) (there bool, err error) {
	r := newRooms(ctx)
	_, lacks, err := r.missing(ctx, p)
	if errors.Is(err, enginepack.ErrNone) || errors.Is(err, models.ErrEmpty) || err == nil && lacks {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.wallIn(ctx, p); err != nil {
		return false, err
	}
	defer r.close()
	if err := os.Chdir(p.cfg.Folders.Runtime); err != nil {
		return false, tell(err)
	}
	if err := r.begin(p); err != nil {
		return false, err
	}
	ctx, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- r.engine.Run(ctx) }()
	err = do(ctx, r)
	stop()
	if ended := <-ran; err == nil && !errors.Is(ended, context.Canceled) {
		err = tell(ended)
	}
	return true, err
}

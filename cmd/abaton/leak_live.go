package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"abaton.local/leak"
	"abaton.local/leak/corpus"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/shaper"
)

// liveAtOnce is how many answers are open beside the working engine: windows are
// longer than the engine works, so this keeps it at work.
const liveAtOnce = 6

// alive asks the real engine, where there is one, and looks whether the ticks of
// sealed answers tell that it works, or on what. nil: there is none.
func (s leakSetup) alive(ctx context.Context, p *program, folder *leak.Folder) (*leak.LiveReport, error) {
	r := newRooms(ctx)
	_, lacks, err := r.missing(ctx, p)
	if errors.Is(err, enginepack.ErrNone) || errors.Is(err, models.ErrEmpty) || err == nil && lacks {
		p.screen.say("Engine or model is missing (`abaton pull` fetches them): the jitter beside a working engine is not measured.")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.wallIn(ctx, p); err != nil {
		return nil, err
	}
	defer r.close()
	// The prompts are the program's own and the answers go nowhere, so this process
	// need not be locked down; the engine is in its jail as ever.
	if err := os.Chdir(p.cfg.Folders.Runtime); err != nil {
		return nil, tell(err)
	}
	if err := r.begin(p); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- r.engine.Run(ctx) }()
	traces, err := s.beside(ctx, p, r, folder)
	stop()
	if ended := <-ran; err == nil && !errors.Is(ended, context.Canceled) {
		err = tell(ended)
	}
	if err != nil {
		return nil, err
	}
	way := s.ways[0]
	found := &leak.LiveReport{Way: way, Mode: shaper.Sealed.String(), Engine: r.pack.Build, Model: r.model.Name, AtOnce: liveAtOnce, Traces: len(traces), Cost: leak.CostOf(traces)}
	attacks := leak.Attacks()
	ticks := attacks[slices.IndexFunc(attacks, func(a leak.Attack) bool { return a.ID == "A6" })]
	if found.Outcome, err = ticks.Run(traces, []string{corpus.Noise, s.run.Plan.Topics[0]}, s.run.Effort); err != nil {
		return nil, tell(err)
	}
	if busy, ok := leak.TickJitter(traces, s.run.Effort.Draws, s.run.Effort.Seed); ok {
		found.Busy = &busy
	}
	return found, nil
}

// beside takes sealed traces of answers that the engine is giving.
func (s leakSetup) beside(ctx context.Context, p *program, r *rooms, folder *leak.Folder) (traces []leak.Trace, err error) {
	plan := s.run.Plan
	plan.Topics, plan.Modes, plan.Prompts, plan.Trials = plan.Topics[:1], []string{shaper.Sealed.String()}, s.live, 1
	jobs, _, err := plan.Jobs(s.corpus.prompts, s.corpus.recordings)
	if err != nil {
		return nil, tell(err)
	}
	traces, more, err := folder.Traces("live")
	if err != nil {
		return nil, tell(err)
	}
	defer func() { err = errors.Join(err, tell(more.Close())) }()
	todo := leak.Undone(jobs, traces)
	if len(todo) == 0 {
		return traces, nil
	}
	engine := &leak.Beside{Engine: r.engine}
	shelf := oneModel{r.model}
	st, err := openStage(p, engine, shelf, shelf, s.window, liveAtOnce)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- st.serve(ctx) }()
	defer func() { stop(); err = errors.Join(err, tell(<-served), st.close()) }()
	c := st.collector(s.ways[0], s)
	c.Beside, c.AtOnce, c.Within = engine, liveAtOnce, 10*s.window+10*time.Minute
	if err := c.Watch(st.target(s.ways[0])); err != nil {
		return nil, tell(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	m := newMeter(p.screen, false)
	m.begin("traces beside the engine")
	defer m.end()
	err = c.Collect(ctx, todo, func(_ leak.Job, t leak.Trace) error {
		traces = append(traces, t)
		m.steps(len(traces), len(jobs), "")
		return more.Write(t)
	})
	return traces, tell(err)
}

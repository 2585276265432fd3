package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"abaton.local/leak"
	"abaton.local/leak/corpus"
	"abaton.local/shaper"
)

// liveAtOnce is how many answers are open beside the working engine: windows are
// longer than the engine works, so this keeps it at work.
const liveAtOnce = 6

// alive asks the real engine, where there is one, and looks whether the ticks of
// sealed answers tell that it works, or on what. nil: there is none.
func (s leakSetup) alive(ctx context.Context, p *program, folder *leak.Folder) (found *leak.LiveReport, err error) {
	var traces []leak.Trace
	there, err := withEngine(ctx, p, func(ctx context.Context, r *rooms) (err error) {
		found = &leak.LiveReport{Engine: engineWords(r.pack), Model: r.model.Name}
		traces, err = s.beside(ctx, p, r, folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !there {
		p.screen.say("Engine or model is missing (`abaton pull` fetches them): the jitter beside a working engine is not measured.")
		return nil, nil
	}
	found.Way, found.Mode, found.AtOnce, found.Traces, found.Cost = s.ways[0], shaper.Sealed.String(), liveAtOnce, len(traces), leak.CostOf(traces)
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
	plan.Topics, plan.Modes, plan.Prompts, plan.Noise, plan.Trials = plan.Topics[:1], []string{shaper.Sealed.String()}, s.live, 0, 1
	jobs, _, err := plan.Jobs("live", s.corpus.prompts, s.corpus.recordings)
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

package openai

import (
	"maps"
	"math"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxStops     = 16
	maxStopBytes = 256
	maxAnswers   = 8
)

// sampling reads what chat completions and completions share. top_k, min_p,
// typical_p and the repeat penalty are no OpenAI parameters; local servers have
// made them common.
func (d *decoder) sampling(req *Request) table {
	o := &req.Ask.Options
	return table{
		"model":              func(v wire.Value, at string) { req.Ask.Model = d.Name(v, at) },
		"stream":             d.flag(&req.Stream),
		"n":                  func(v wire.Value, at string) { req.Ask.Answers = answers(d.Int(v, at, 1, maxAnswers)) },
		"temperature":        d.float(&o.Temperature, 0, 2),
		"top_p":              d.float(&o.TopP, 0, 1),
		"min_p":              d.float(&o.MinP, 0, 1),
		"typical_p":          d.float(&o.TypicalP, 0, 1),
		"frequency_penalty":  d.float(&o.FrequencyPenalty, -2, 2),
		"presence_penalty":   d.float(&o.PresencePenalty, -2, 2),
		"repeat_penalty":     d.repeat(o),
		"repetition_penalty": d.repeat(o),
		"repeat_last_n":      func(v wire.Value, at string) { o.RepeatLast = new(int(d.Int(v, at, -1, 4096))) },
		"top_k":              func(v wire.Value, at string) { o.TopK = new(int(d.Int(v, at, 0, 1000))) },
		"seed":               func(v wire.Value, at string) { o.Seed = new(d.Int(v, at, 0, math.MaxUint32)) },
		"stop":               func(v wire.Value, at string) { o.Stop = d.stop(v, at) },
		"response_format":    func(v wire.Value, at string) { d.format(v, at, o) },
	}
}

// and gives both tables as one.
func (t table) and(more table) table {
	maps.Copy(t, more)
	return t
}

// answers keeps the one word for one answer.
func answers(n int64) int {
	if n == 1 {
		return 0
	}
	return int(n)
}

// repeat reads a penalty that has two names.
func (d *decoder) repeat(o *engine.Options) func(wire.Value, string) {
	return func(v wire.Value, at string) {
		x := d.Float(v, at, 0, 2)
		if o.RepeatPenalty != nil && x != nil && *x != *o.RepeatPenalty {
			d.Fail(at, wire.Invalid, "repeat_penalty and repetition_penalty differ; send only one of them.")
		}
		o.RepeatPenalty = x
	}
}

// limit reads max_tokens under its names.
func (d *decoder) limit(o *engine.Options) func(wire.Value, string) {
	return func(v wire.Value, at string) {
		n := int(d.Int(v, at, 1, math.MaxInt32))
		if o.MaxTokens != 0 && o.MaxTokens != n {
			d.Fail(at, wire.Invalid, "max_tokens and max_completion_tokens differ; send only max_completion_tokens.")
		}
		o.MaxTokens = n
	}
}

// shapes are the names of how a stream can be shaped.
var shapes = map[string]bool{"off": true, "pad": true, "paced": true, "sealed": true, "channel": true}

func (d *decoder) streamOptions(v wire.Value, at string, req *Request) {
	d.object(v, at, table{
		"include_usage":       d.flag(&req.IncludeUsage),
		"include_obfuscation": func(v wire.Value, at string) { req.Pad = new(d.Bool(v, at)) },
		"abaton_shape": func(v wire.Value, at string) {
			if !d.Want(v, at, wire.String) {
				return
			}
			if !shapes[v.Text] {
				d.Fail(at, wire.Invalid, "%s is no shape we know: use off, pad, paced, sealed or channel.", at)
			}
			req.Shape = v.Text
		},
	})
}

// streamed refuses stream_options where nothing is streamed.
func (d *decoder) streamed(have map[string]bool, req *Request) {
	if have["stream_options"] && !req.Stream {
		d.Fail("stream_options", wire.Invalid, "stream_options is only allowed where stream is true.")
	}
}

func (d *decoder) stop(v wire.Value, at string) []string {
	list := v.List
	if v.Kind == wire.String {
		list = []wire.Value{v}
	} else if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(list) > maxStops {
		d.Fail(at, wire.Invalid, "%s holds %d texts; send at most %d.", at, len(list), maxStops)
		return nil
	}
	var out []string
	for _, s := range list {
		if !d.Want(s, at, wire.String) {
			return nil
		}
		if len(s.Text) == 0 || len(s.Text) > maxStopBytes {
			d.Fail(at, wire.Invalid, "A stop text has %d bytes; send 1 to %d.", len(s.Text), maxStopBytes)
			return nil
		}
		out = append(out, s.Text)
	}
	return out
}

package ollama

import (
	"math"
	"strconv"
	"time"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxStops     = 16
	maxStopBytes = 256
	maxContext   = 1 << 24
)

// settings are what the object options may say.
type settings struct {
	o       engine.Options
	context int
}

// optionFields have Ollama's names. Where Ollama knows no bound, the engine's holds.
var optionFields = fields[settings]{inOptions, map[string]func(*decoder, *settings, wire.Value, string){
	"temperature":       func(d *decoder, s *settings, v wire.Value, at string) { s.o.Temperature = d.Float(v, at, 0, 2) },
	"top_p":             func(d *decoder, s *settings, v wire.Value, at string) { s.o.TopP = d.Float(v, at, 0, 1) },
	"min_p":             func(d *decoder, s *settings, v wire.Value, at string) { s.o.MinP = d.Float(v, at, 0, 1) },
	"typical_p":         func(d *decoder, s *settings, v wire.Value, at string) { s.o.TypicalP = d.Float(v, at, 0, 1) },
	"repeat_penalty":    func(d *decoder, s *settings, v wire.Value, at string) { s.o.RepeatPenalty = d.Float(v, at, 0, 2) },
	"frequency_penalty": func(d *decoder, s *settings, v wire.Value, at string) { s.o.FrequencyPenalty = d.Float(v, at, -2, 2) },
	"presence_penalty":  func(d *decoder, s *settings, v wire.Value, at string) { s.o.PresencePenalty = d.Float(v, at, -2, 2) },
	"repeat_last_n": func(d *decoder, s *settings, v wire.Value, at string) {
		s.o.RepeatLast = new(int(d.Int(v, at, -1, 4096)))
	},
	"top_k": func(d *decoder, s *settings, v wire.Value, at string) {
		s.o.TopK = new(int(max(d.Int(v, at, -1, 1000), 0))) // both mean "all"
	},
	"num_ctx": func(d *decoder, s *settings, v wire.Value, at string) { s.context = int(d.Int(v, at, 0, maxContext)) },
	"num_predict": func(d *decoder, s *settings, v wire.Value, at string) {
		// -1 is without end, -2 until the context is full: both are until the model ends or its context does.
		s.o.MaxTokens = int(max(d.Int(v, at, -2, math.MaxInt32), 0))
	},
	"seed": func(d *decoder, s *settings, v wire.Value, at string) {
		// Clients send random numbers of 63 bits; the engine's seed has 32.
		if n := d.Int(v, at, math.MinInt64, math.MaxInt64); n >= 0 {
			s.o.Seed = new(n & math.MaxUint32)
		}
	},
	"stop": func(d *decoder, s *settings, v wire.Value, at string) { s.o.Stop = d.stop(v, at) },
	"tfs_z": func(d *decoder, s *settings, v wire.Value, at string) {
		if z := d.Float(v, at, -math.MaxFloat64, math.MaxFloat64); z != nil && *z != 1 {
			d.Fail(at, wire.Unsupported, "%s can only be 1, which turns it off: tail-free sampling is not part of Abaton. Use min_p.", at)
		}
	},
}}

func (d *decoder) stop(v wire.Value, at string) (out []string) {
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(v.List) > maxStops {
		d.Fail(at, wire.Invalid, "%s holds %d texts; send at most %d.", at, len(v.List), maxStops)
		return nil
	}
	for i, s := range v.List {
		text := d.text(s, item(at, i))
		if len(text) == 0 || len(text) > maxStopBytes {
			d.Fail(item(at, i), wire.Invalid, "A stop text has %d bytes; send 1 to %d.", len(text), maxStopBytes)
			return nil
		}
		out = append(out, text)
	}
	return out
}

// forever is how long a model is kept where keep_alive is below zero.
const forever = time.Duration(-1)

// keepAlive reads a number of seconds, or a text like "5m". Below zero means for
// as long as can be.
func (d *decoder) keepAlive(v wire.Value, at string) *time.Duration {
	var long time.Duration
	switch v.Kind {
	case wire.Number:
		x, err := strconv.ParseFloat(v.Text, 64)
		if err != nil || x*float64(time.Second) >= math.MaxInt64 {
			d.Fail(at, wire.Invalid, "%s is out of range; send seconds, a text like \"5m\", or -1 to keep the model.", at)
			return nil
		}
		long = forever
		if x >= 0 {
			long = time.Duration(x * float64(time.Second))
		}
	case wire.String:
		var err error
		if long, err = time.ParseDuration(v.Text); err != nil {
			d.Fail(at, wire.Invalid, "%s is no duration; send seconds as a number, or a text like \"5m\" or \"1h30m\".", at)
			return nil
		}
	default:
		d.Fail(at, wire.Invalid, "%s is %s; send seconds as a number, or a text like \"5m\".", at, v.Kind)
		return nil
	}
	if long < 0 {
		long = forever
	}
	return &long
}

// think reads whether a model shall reason first. How much is left to the model.
func (d *decoder) think(v wire.Value, at string) *bool {
	switch {
	case v.Kind == wire.Bool:
		return new(v.Truth)
	case v.Kind == wire.String && (v.Text == "low" || v.Text == "medium" || v.Text == "high"):
		return new(true)
	}
	d.Fail(at, wire.Invalid, "%s is none of true, false, \"low\", \"medium\" and \"high\".", at)
	return nil
}

package engine

import (
	"math"
	"strings"
)

// leastLogProb stands for a token that cannot come.
const leastLogProb = -9999

// probChunk is a token and how likely it was, as the engine gives it.
type probChunk struct {
	Token string      `json:"token"`
	Bytes []byteValue `json:"bytes"`
	Value *float64    `json:"logprob"`
	Top   []probChunk `json:"top_logprobs"`
}

// byteValue is a byte as a number: a []byte would be read as base64.
type byteValue uint8

const maxTokenBytes = 4096

// logProbs reads what the engine says of tokens, where n were asked for: each
// and the n-1 likeliest.
func logProbs(list []probChunk, n int) ([]LogProb, error) {
	if n == 0 && len(list) > 0 || len(list) > eventsPerStep {
		return nil, &badReply{"probabilities that nobody asked for"}
	}
	probs := make([]LogProb, 0, len(list))
	for _, p := range list {
		out, err := p.logProb()
		if err != nil {
			return nil, err
		}
		if len(p.Top) > max(1, n-1) {
			return nil, &badReply{"probabilities that nobody asked for"}
		}
		for _, other := range p.Top[:min(len(p.Top), n-1)] {
			o, err := other.logProb()
			if err != nil {
				return nil, err
			}
			out.Top = append(out.Top, o)
		}
		probs = append(probs, out)
	}
	return probs, nil
}

// logProb reads one token without the others in its place.
func (p probChunk) logProb() (LogProb, error) {
	if p.Value == nil || math.IsNaN(*p.Value) || *p.Value > 1e-3 || len(p.Bytes) > maxTokenBytes || len(p.Token) > maxTokenBytes {
		return LogProb{}, &badReply{"a probability that cannot be"}
	}
	out := LogProb{Token: strings.ReplaceAll(p.Token, "\x00", ""), Bytes: make([]byte, len(p.Bytes)), Value: max(leastLogProb, min(*p.Value, 0))}
	for i, b := range p.Bytes {
		out.Bytes[i] = byte(b)
	}
	return out, nil
}

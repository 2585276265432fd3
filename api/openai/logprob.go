package openai

import (
	"unicode/utf8"

	"abaton.local/engine"
)

// logProbs are those of a chat completion's choice.
type logProbs struct {
	Content []tokenLogProb `json:"content"`
	Refusal *struct{}      `json:"refusal"`
}

type tokenLogProb struct {
	topLogProb
	Top []topLogProb `json:"top_logprobs"`
}

type topLogProb struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// logProbsOf is nil where there are none, which JSON has as null.
func logProbsOf(list []engine.LogProb) *logProbs {
	if len(list) == 0 {
		return nil
	}
	return &logProbs{Content: tokenLogProbs(list)}
}

func tokenLogProbs(list []engine.LogProb) []tokenLogProb {
	out := make([]tokenLogProb, len(list))
	for i, p := range list {
		out[i] = tokenLogProb{topOf(p), make([]topLogProb, len(p.Top))}
		for j, q := range p.Top {
			out[i].Top[j] = topOf(q)
		}
	}
	return out
}

func topOf(p engine.LogProb) topLogProb {
	raw := make([]int, len(p.Bytes)) // a []byte would be written in base64
	for i, b := range p.Bytes {
		raw[i] = int(b)
	}
	return topLogProb{p.Token, p.Value, raw}
}

// olderLogProbs are those of a completion's choice.
type olderLogProbs struct {
	Tokens  []string             `json:"tokens"`
	Values  []float64            `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

// olderOf takes the place of the first token in its text, counted in
// characters, and gives the place after the last.
func olderOf(list []engine.LogProb, offset int) (*olderLogProbs, int) {
	if len(list) == 0 {
		return nil, offset
	}
	o := &olderLogProbs{}
	for _, p := range list {
		top := map[string]float64{p.Token: p.Value}
		for _, q := range p.Top {
			top[q.Token] = q.Value
		}
		o.Tokens, o.Values = append(o.Tokens, p.Token), append(o.Values, p.Value)
		o.Top, o.Offsets = append(o.Top, top), append(o.Offsets, offset)
		offset += utf8.RuneCountInString(p.Token)
	}
	return o, offset
}

// sizeOf is about what log probabilities take in memory, in bytes.
func sizeOf(list []engine.LogProb) (n int) {
	for _, p := range list {
		n += 64 + len(p.Token) + len(p.Bytes) + sizeOf(p.Top)
	}
	return n
}

package engine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
)

// around is what a model wants before and behind a text, as numbers of tokens.
type around struct{ before, behind []int }

func (c *client) around(ctx context.Context) (around, error) {
	bare, err := c.tokenize(ctx, []string{probe}, false)
	if err != nil {
		return around{}, err
	}
	dressed, err := c.whole(ctx, probe)
	if err != nil {
		return around{}, err
	}
	for i := range dressed {
		if rest := dressed[i:]; len(rest) >= len(bare) && slices.Equal(rest[:len(bare)], bare) {
			return around{dressed[:i], rest[len(bare):]}, nil
		}
	}
	return around{}, &badReply{"a text that changes between its bounds"}
}

// border stands between two texts that are split together: no token has such a
// number, and the engine hands it on.
const border = -1

// tokensOf splits texts, each by itself and without control tokens, in one call.
func (c *client) tokensOf(ctx context.Context, texts []string) ([][]int, error) {
	content := make([]any, 0, 2*len(texts))
	for i, t := range texts {
		if i > 0 {
			content = append(content, border)
		}
		content = append(content, t)
	}
	var v struct {
		Tokens []int `json:"tokens"`
	}
	if err := c.split(ctx, splitting{Content: content}, &v); err != nil {
		return nil, err
	}
	lists := [][]int{nil}
	for _, id := range v.Tokens {
		switch {
		case id == border:
			lists = append(lists, nil)
		case id < 0 || id > math.MaxInt32:
			return nil, &badReply{"a token that cannot be"}
		default:
			lists[len(lists)-1] = append(lists[len(lists)-1], id)
		}
	}
	if len(lists) != len(texts) {
		return nil, &badReply{"another number of texts"}
	}
	return lists, nil
}

// measured splits texts and refuses those that are nothing to the model, or too
// much beside so many tokens more; where they may be cut, it cuts these.
func (w *worker) measured(ctx context.Context, texts []string, more int, cut bool) ([][]int, error) {
	lists, err := w.client.tokensOf(ctx, texts)
	if err != nil {
		return nil, err
	}
	for i, l := range lists {
		if len(l) == 0 {
			return nil, outOfRange(fmt.Sprintf("input[%d]", i), "it has nothing that the model can read")
		}
		n := len(l) + more
		switch {
		case n > w.context && cut:
			lists[i] = l[:w.context-more]
		case n > w.context:
			return nil, textTooLong(i+1, n, w.context)
		}
	}
	return lists, nil
}

func textTooLong(number, tokens, window int) *Fault {
	return &Fault{Kind: TooLong, What: fmt.Sprintf("Text number %d has %d tokens, and the model looks at %d.", number, tokens, window),
		Do: "Cut it into shorter ones.", Detail: fmt.Sprintf("text %d: %d of %d tokens", number, tokens, window)}
}

// embed makes the embeddings of checked texts.
func (w *worker) embed(ctx context.Context, m Meaning, pulse *pulse) (v Vectors, err error) {
	lists, err := w.measured(ctx, m.Texts, len(w.around.before)+len(w.around.behind), m.Cut)
	if err != nil {
		return v, err
	}
	for part := range slices.Chunk(lists, meaningsAtOne) {
		n := 0
		for i, l := range part {
			part[i] = slices.Concat(w.around.before, l, w.around.behind)
			n += len(part[i])
		}
		pulse.wait(n)
		vectors, err := w.client.embeddings(ctx, part)
		if err != nil {
			return Vectors{}, err
		}
		for _, x := range vectors {
			if len(v.Of) > 0 && len(x) != len(v.Of[0]) {
				return Vectors{}, &badReply{"embeddings of another length"}
			}
			v.Of = append(v.Of, x)
		}
		v.Tokens += n
	}
	return v, nil
}

const maxWidth = 1 << 14 // numbers of one embedding

// embeddings asks for those of texts that are split already.
func (c *client) embeddings(ctx context.Context, texts [][]int) ([][]float32, error) {
	body, err := json.Marshal(struct {
		Input  [][]int `json:"input"`
		Format string  `json:"encoding_format"`
	}{texts, "base64"})
	if err != nil {
		return nil, err
	}
	var v struct {
		Data []struct {
			Index     *int   `json:"index"`
			Embedding string `json:"embedding"`
		} `json:"data"`
	}
	most := int64(1<<20 + len(texts)*(maxWidth*4*4/3+256))
	if err := c.callUpTo(ctx, most, http.MethodPost, "/v1/embeddings", body, &v); err != nil {
		return nil, err
	}
	if len(v.Data) != len(texts) {
		return nil, &badReply{"another number of embeddings"}
	}
	vectors := make([][]float32, len(texts))
	for i, d := range v.Data {
		if d.Index == nil || *d.Index != i {
			return nil, &badReply{"embeddings out of order"}
		}
		if vectors[i], err = vector(d.Embedding); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

// vector reads one embedding and normalises it.
func vector(coded string) ([]float32, error) {
	raw, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(raw) == 0 || len(raw)%4 != 0 || len(raw)/4 > maxWidth {
		return nil, &badReply{"an embedding that is none"}
	}
	x := make([]float32, len(raw)/4)
	sum := 0.0
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		sum += float64(x[i]) * float64(x[i])
	}
	length := math.Sqrt(sum)
	if math.IsNaN(length) || math.IsInf(length, 0) || length < 1e-12 {
		return nil, &badReply{"an embedding without a direction"}
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / length)
	}
	return x, nil
}

package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"abaton.local/models"
)

// A model that sees has a projector beside it, a second file that makes tokens of
// pictures. A picture is decoded and encoded anew in the jail before the engine
// gets it, and stands before the text of its message.

const (
	maxPictures     = 32 // in one prompt
	picturesAtOnce  = 2  // decoded for all people together
	visionMargin    = 256 << 20
	projectorInside = "/projector.gguf"
)

// sees tells whether p holds pictures.
func (p Prompt) sees() bool {
	return slices.ContainsFunc(p.Messages, func(m Message) bool { return len(m.Images) > 0 })
}

// look gives p with all its pictures encoded anew, if its model can see.
func (e *Engine) look(ctx context.Context, p Prompt) (Prompt, error) {
	if !p.sees() {
		return p, nil
	}
	if err := e.know(p.Model); err != nil {
		return Prompt{}, err
	}
	e.mu.Lock()
	sees := e.facts[p.Model].projector > 0
	e.mu.Unlock()
	p.Messages = slices.Clone(p.Messages)
	for i := range p.Messages {
		m := &p.Messages[i]
		field := fmt.Sprintf("messages[%d].images", i)
		if len(m.Images) > 0 && !sees {
			return Prompt{}, outOfRange(field, "this model cannot see; `abaton models` says in the column role which files are eyes, and `abaton models sees MODEL EYES` gives them to a model")
		}
		m.Images = slices.Clone(m.Images)
		for j := range m.Images {
			again, err := e.redrawn(ctx, m.Images[j].PNG)
			if f, is := errors.AsType[*Fault](err); is && f.Kind == BadRequest {
				return Prompt{}, outOfRange(field, f.why) // say which of them
			}
			if err != nil {
				return Prompt{}, err
			}
			m.Images[j] = again
		}
	}
	return p, nil
}

// redrawn decodes a picture, a few at a time.
func (e *Engine) redrawn(ctx context.Context, raw []byte) (Image, error) {
	select {
	case e.pictures <- struct{}{}:
		defer func() { <-e.pictures }()
	case <-ctx.Done():
		return Image{}, ctx.Err()
	}
	return e.decode(ctx, raw)
}

// checkImages holds those of a whole prompt against their caps.
func (p Prompt) checkImages() error {
	n := 0
	for i, m := range p.Messages {
		if n += len(m.Images); n > maxPictures {
			return outOfRange(fmt.Sprintf("messages[%d].images", i), "a conversation may hold at most 32 pictures")
		}
	}
	return nil
}

// projector finds the file by which a model sees; nil where it has none.
func (e *Engine) projector(p models.Passport) (*models.Passport, error) {
	if p.Projector.IsZero() {
		return nil, nil
	}
	eyes, err := e.cfg.Shelf.Find(p.Projector.String())
	if err != nil {
		return nil, err
	}
	return &eyes, nil
}

// content is what a message says: a text, or pictures and a text.
type content struct {
	text   string
	images []Image
}

func (c content) MarshalJSON() ([]byte, error) {
	if len(c.images) == 0 {
		return json.Marshal(c.text)
	}
	var parts []contentPart
	for _, i := range c.images {
		parts = append(parts, contentPart{Type: "image_url", Image: &contentImage{"data:image/png;base64," + base64.StdEncoding.EncodeToString(i.PNG)}})
	}
	if c.text != "" {
		parts = append(parts, contentPart{Type: "text", Text: c.text})
	}
	return json.Marshal(parts)
}

type contentPart struct {
	Type  string        `json:"type"`
	Text  string        `json:"text,omitempty"`
	Image *contentImage `json:"image_url,omitempty"`
}

type contentImage struct {
	URL string `json:"url"` // always one that holds the picture itself
}

// blind is a conversation without its pictures.
func blind(messages []Message) []Message {
	messages = slices.Clone(messages)
	for i := range messages {
		messages[i].Images = nil
	}
	return messages
}

// counted asks the engine how many tokens a conversation has for it, those of its
// pictures among them.
func (c *client) counted(ctx context.Context, body []byte) (int, error) {
	var v struct {
		Tokens *int64 `json:"input_tokens"`
	}
	if err := c.call(ctx, http.MethodPost, "/v1/chat/completions/input_tokens", body, &v); err != nil {
		return 0, err
	}
	if v.Tokens == nil || !count(*v.Tokens) {
		return 0, &badReply{"no count of a prompt's tokens"}
	}
	return int(*v.Tokens), nil
}

// sized holds the tokens of a conversation with pictures against the context.
func (w *worker) sized(ctx context.Context, p Prompt, body []byte) (int, error) {
	n, err := w.client.counted(ctx, body)
	if err != nil {
		return 0, err
	}
	if need := n + p.room(w.context); need >= w.context {
		return 0, tooLong(int64(need), int64(w.context))
	}
	return n, nil
}

// eyes are what the engine says of the projector that it was given.
type eyes struct {
	Modalities struct {
		Vision bool `json:"vision"`
	} `json:"modalities"`
	Marker string `json:"media_marker"`
}

// marker is the text that stands for a picture in a prompt, drawn by the engine at
// its start. Nobody's text may spell it.
func (s eyes) marker(projector bool) (string, error) {
	if s.Modalities.Vision != projector || projector && len(s.Marker) < 16 {
		return "", &badReply{"a model that sees as it was not told to"}
	}
	if !projector {
		return "", nil
	}
	return s.Marker, nil
}

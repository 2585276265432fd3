package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// client speaks HTTP to one llama-server over its Unix socket. It sends no
// header that a person chose and follows nothing. Each call has a connection of
// its own: closing it is how a generation is stopped. Safe for concurrent use.
type client struct{ http *http.Client }

// newClient speaks over the connections that dial makes.
func newClient(dial func(context.Context) (net.Conn, error)) *client {
	return &client{&http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxReplyHead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// healthy tells whether the model is loaded: false without an error while the
// engine still loads it.
func (c *client) healthy(ctx context.Context) (bool, error) {
	var v struct {
		Status string `json:"status"`
	}
	err := c.call(ctx, http.MethodGet, "/health", nil, &v)
	if e, ok := errors.AsType[*engineError](err); ok && e.Code == http.StatusServiceUnavailable {
		return false, nil
	}
	return err == nil && v.Status == "ok", err
}

// alive asks the thread that computes, not the one that speaks HTTP: /slots is
// answered from the queue of inference tasks.
func (c *client) alive(ctx context.Context, slots int) error {
	var v []struct {
		ID *int `json:"id"`
	}
	if err := c.call(ctx, http.MethodGet, "/slots", nil, &v); err != nil {
		return err
	}
	if len(v) != slots || v[0].ID == nil {
		return &badReply{"another number of slots than it has"}
	}
	return nil
}

// token is one token of a text as /tokenize gives it.
type token struct {
	ID    int             `json:"id"`
	Piece json.RawMessage `json:"piece"` // a string, or bytes as numbers where it is not UTF-8
}

// tokenize splits texts, each by itself, into the numbers of their tokens. With
// special, a text that spells a control token becomes that token, as it would
// in a prompt.
func (c *client) tokenize(ctx context.Context, texts []string, special bool) ([]int, error) {
	var v struct {
		Tokens []int `json:"tokens"`
	}
	err := c.split(ctx, splitting{Content: texts, Special: special}, &v)
	return v.Tokens, err
}

// whole is tokenize for a prompt as a whole, with the tokens that the model wants
// around it.
func (c *client) whole(ctx context.Context, text string) ([]int, error) {
	var v struct {
		Tokens []int `json:"tokens"`
	}
	err := c.split(ctx, splitting{Content: []string{text}, Special: true, Around: true}, &v)
	return v.Tokens, err
}

// pieces is tokenize with special, and with the text of each token.
func (c *client) pieces(ctx context.Context, texts []string) ([]token, error) {
	var v struct {
		Tokens []token `json:"tokens"`
	}
	err := c.split(ctx, splitting{Content: texts, Special: true, Pieces: true}, &v)
	return v.Tokens, err
}

// splitting is the body of POST /tokenize.
type splitting struct {
	Content any  `json:"content"` // texts, or texts and numbers of tokens
	Special bool `json:"parse_special"`
	Pieces  bool `json:"with_pieces"`
	Around  bool `json:"add_special"`
}

func (c *client) split(ctx context.Context, s splitting, v any) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, "/tokenize", body, v)
}

// prompt gives the text that the model's template makes of a conversation and its tools.
func (c *client) prompt(ctx context.Context, p Prompt) (string, error) {
	body, err := encodeChat(blind(p.Messages), shaping(p.Options), steering{})
	if err != nil {
		return "", err
	}
	return c.template(ctx, body)
}

// template is prompt for the body of a request.
func (c *client) template(ctx context.Context, body []byte) (string, error) {
	var v struct {
		Prompt string `json:"prompt"`
	}
	err := c.call(ctx, http.MethodPost, "/apply-template", body, &v)
	return v.Prompt, err
}

// properties are what the engine knows of its model's template: its source, and
// what it can say, which the engine found out by trying.
type properties struct {
	Template string `json:"chat_template"`
	ForTools string `json:"chat_template_tool_use"`
	eyes
	Can *struct {
		Tools bool `json:"supports_tools"`
		Calls bool `json:"supports_tool_calls"`
	} `json:"chat_template_caps"`
}

// tools tells whether the template knows tools, in both directions.
func (p properties) tools() bool { return p.Can.Tools && p.Can.Calls }

func (c *client) properties(ctx context.Context) (p properties, err error) {
	err = c.call(ctx, http.MethodGet, "/props", nil, &p)
	if err == nil && p.Can == nil {
		err = &badReply{"properties without those of the template"}
	}
	return p, err
}

// reply is a stream that a generation writes. The caller closes it.
type reply struct {
	io.ReadCloser
	conn net.Conn
}

// frameGap is the least time between two pieces of an answer, in which more of
// it may come. Nobody reads faster than 50 frames in a second.
const frameGap = 20 * time.Millisecond

// slow lets what is read from now on come in pieces that are frameGap apart.
func (r *reply) slow() {
	if c, ok := r.conn.(interface{ pace(rest time.Duration) }); ok {
		c.pace(frameGap)
	}
}

// chat starts an answer in a conversation.
func (c *client) chat(ctx context.Context, body []byte) (*reply, error) {
	return c.generate(ctx, "/v1/chat/completions", body)
}

// text starts the continuation of a text.
func (c *client) text(ctx context.Context, body []byte) (*reply, error) {
	return c.generate(ctx, "/v1/completions", body)
}

func (c *client) generate(ctx context.Context, path string, body []byte) (*reply, error) {
	r := new(reply)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { r.conn = i.Conn }})
	var err error
	r.ReadCloser, err = c.open(ctx, http.MethodPost, path, body, "text/event-stream")
	return r, err
}

// maxReply bounds the reply to a request of so many bytes: a text has no more
// tokens than bytes, and one token is told in less than 64. Without it an engine
// that was taken over could fill our memory, and decoding takes ten times more.
func maxReply(request int) int64 { return min(1<<20+64*int64(request), maxReplyBody) }

// call is one request whose reply is one JSON value.
func (c *client) call(ctx context.Context, method, path string, body []byte, v any) error {
	return c.callUpTo(ctx, maxReply(len(body)), method, path, body, v)
}

// callUpTo is call with a reply of at most so many bytes.
func (c *client) callUpTo(ctx context.Context, most int64, method, path string, body []byte, v any) error {
	r, err := c.open(ctx, method, path, body, "application/json")
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return err
	}
	if int64(len(raw)) > most {
		return &badReply{"a reply that is too long"}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return &badReply{"a reply that is not its JSON"}
	}
	return nil
}

// open sends a request. An error reply becomes an *engineError.
func (c *client) open(ctx context.Context, method, path string, body []byte, kind string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"abaton"}}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && mediaType(resp.Header.Get("Content-Type")) == kind {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil, &badReply{"a reply of another type"}
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return nil, err
	}
	var v struct {
		Error *engineError `json:"error"`
	}
	if json.Unmarshal(raw, &v) != nil || v.Error == nil {
		return nil, &badReply{fmt.Sprintf("status %d without an error object", resp.StatusCode)}
	}
	v.Error.Code = resp.StatusCode
	return nil, v.Error
}

func mediaType(header string) string {
	kind, _, _ := strings.Cut(header, ";")
	return strings.TrimSpace(kind)
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/shaper"
)

// client talks to a running serve over its Unix socket, in the OpenAI dialect.
// The kernel tells serve which account we are; that is enough for a guest.
type client struct {
	http       *http.Client
	credential string // of a person's session; empty for a guest
}

// remoteError is what a running serve answered instead of an answer. Its
// message was written for people.
type remoteError struct {
	Status  int
	Code    string
	Message string
}

func (e *remoteError) Error() string { return e.Message }

// largestError and largestEvent bound what is read from the other side.
const (
	largestError = 64 << 10
	largestEvent = 1 << 20
)

// connect finds a running serve by its socket; nil when none is running. A
// socket that is not to be trusted is an error. The address may be relative, and
// must be for a process that is locked down.
func connect(ctx context.Context, socket string) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := dialOwn(ctx, socket)
	if foreign, is := errors.AsType[*foreignSocket](err); is {
		return nil, foreign
	}
	if err != nil {
		return nil, nil
	}
	conn.Close()
	return newClient(socket), nil
}

func newClient(socket string) *client {
	return &client{http: &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dialOwn(ctx, socket) },
		Proxy:              nil, // never: the other side is on this machine
		DisableCompression: true,
	}}}
}

// foreignSocket says that a socket where our server's should be is not ours.
type foreignSocket struct{ path, why string }

func (e *foreignSocket) Error() string {
	return fmt.Sprintf("the socket %s %s, so nothing is sent there: look who put it there and remove it, or name a folder of your own with ABATON_RUNTIME_DIR", cleanLine(e.path), e.why)
}

// dialOwn reaches our server, and no other: whoever can put a socket in its place
// would be told passphrases. The socket's file and, by the kernel's word, the
// process behind it must be this account's, or root's. Our server is never of
// another account: it answers its own alone.
func dialOwn(ctx context.Context, socket string) (net.Conn, error) {
	info, err := os.Lstat(socket)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Type() != os.ModeSocket:
		return nil, &foreignSocket{socket, "is no socket"}
	case !ok || !isOwn(int(stat.Uid)):
		return nil, &foreignSocket{socket, "belongs to another account"}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	if uid, err := gateway.PeerAccount(conn); err != nil {
		return nil, errors.Join(&foreignSocket{socket, "is served by nobody whom the system would name"}, conn.Close())
	} else if !isOwn(uid) {
		return nil, errors.Join(&foreignSocket{socket, fmt.Sprintf("is served by another account (number %d)", uid)}, conn.Close())
	}
	return conn, nil
}

func isOwn(uid int) bool { return uid == os.Geteuid() || uid == 0 }

type requestBody struct {
	Model    string        `json:"model,omitempty"`
	Messages []messageBody `json:"messages"`
	Stream   bool          `json:"stream"`
	// The options that verbs of this program set; nil leaves the engine's own.
	Temperature   *float64 `json:"temperature,omitempty"`
	TopP          *float64 `json:"top_p,omitempty"`
	StreamOptions struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type messageBody struct {
	Role    engine.Role `json:"role"`
	Content string      `json:"content"`
}

type eventBody struct {
	Model   string `json:"model"`
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt int `json:"prompt_tokens"`
		Answer int `json:"completion_tokens"`
	} `json:"usage"`
	Error *errorBody `json:"error"`
}

type errorBody struct {
	Message string `json:"message"`
	Code    any    `json:"code"`
}

func (e *errorBody) err(status int) error {
	code, _ := e.Code.(string)
	return &remoteError{status, code, cleanLine(e.Message)}
}

// Answer asks and yields the answer as it comes. Leaving the loop hangs up,
// which stops the engine's turn.
func (c *client) Answer(ctx context.Context, ask chat.Ask) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		body, err := c.question(ctx, ask)
		if err != nil {
			yield(chat.Event{}, err)
			return
		}
		defer body.Close()
		for e, err := range events(body) {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(e, err) || err != nil || e.Finish != "" {
				return
			}
		}
	}
}

func (c *client) question(ctx context.Context, ask chat.Ask) (io.ReadCloser, error) {
	b := requestBody{Model: ask.Model, Stream: true, Temperature: ask.Options.Temperature, TopP: ask.Options.TopP}
	b.StreamOptions.Usage = true
	for _, m := range ask.Messages {
		b.Messages = append(b.Messages, messageBody{m.Role, m.Content})
	}
	encoded, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/v1/chat/completions", bytes.NewReader(shaper.PadRequest(encoded)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	c.sign(req)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, tell(fmt.Errorf("the running abaton serve cannot be reached (%w): is it still there? `abaton ask` starts the engine itself when it is not", err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var e eventBody
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, largestError))
	if json.Unmarshal(raw, &e) != nil || e.Error == nil || e.Error.Message == "" {
		return nil, &remoteError{resp.StatusCode, "", fmt.Sprintf("the running abaton serve answered with HTTP status %d and no reason", resp.StatusCode)}
	}
	return nil, e.Error.err(resp.StatusCode)
}

// events decodes a stream of server-sent events. Its last event has Finish
// set, with the usage that came after it.
func events(body io.Reader) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, largestEvent)
		var last chat.Event
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data:")
			if !ok {
				continue
			}
			data = strings.TrimSpace(data)
			if data == "[DONE]" {
				if last.Finish != "" {
					yield(last, nil)
					return
				}
				break
			}
			var e eventBody
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				yield(chat.Event{}, tell(fmt.Errorf("the running abaton serve sent something that is not its protocol: %w", err)))
				return
			}
			if e.Error != nil {
				yield(chat.Event{}, e.Error.err(http.StatusOK))
				return
			}
			event := chat.Event{Model: e.Model}
			if len(e.Choices) > 0 {
				event.Text = e.Choices[0].Delta.Content
				if f := e.Choices[0].Finish; f != "" {
					last.Finish, last.Model = engine.Finish(f), e.Model
				}
			}
			if e.Usage != nil {
				last.Usage = engine.Usage{PromptTokens: e.Usage.Prompt, AnswerTokens: e.Usage.Answer}
			}
			if event.Text != "" && !yield(event, nil) {
				return
			}
		}
		err := lines.Err()
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = tell(errors.New("the running abaton serve hung up before the answer was whole; ask again"))
		}
		yield(chat.Event{}, err)
	}
}

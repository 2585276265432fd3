package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// What a page of somebody who wants no mark at all says and hears goes over a
// channel: frames of one size at fixed moments, both ways, for as long as the page
// is open. Down it is one response without an end; up it is requests, one for every
// so many frames that came down, each with a body of one size.

const (
	upFrame     = 2048 // bytes of a body
	upEvery     = 5    // frames down for one up
	mostInPlace = 8    // requests of one channel that are at work
	mostFields  = 32
	mostOpen    = 16 // channels of one person
)

var (
	errChannel     = errors.New("you have chosen that nothing shows whether you ask, and this question came by a way that shows it. It was not taken: let this page run its scripts and wait until its channel is open, or choose less in the settings")
	errChannels    = errors.New("sixteen pages of yours have a channel: close one of them, and open this one anew")
	errChannelBusy = errors.New("this page has too much at work: wait until some of it is done")
)

// channels are those that are open. They are safe for concurrent use.
type channels struct {
	mu sync.Mutex
	of map[string]*channel // by a random name; guarded by mu
}

func (cs *channels) add(c *channel) (name string, err error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	n := 0
	for _, x := range cs.of {
		if x.s.Person == c.s.Person {
			n++
		}
	}
	if n >= mostOpen {
		return "", errChannels
	}
	if cs.of == nil {
		cs.of = map[string]*channel{}
	}
	name = rand.Text()
	cs.of[name] = c
	return name, nil
}

func (cs *channels) remove(name string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.of, name)
}

// find gives a channel of this session.
func (cs *channels) find(s vault.Session, name string) *channel {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.of[name]; c != nil && c.s == s {
		return c
	}
	return nil
}

// channel is one page's. It is a shaper.Source that fills every frame.
type channel struct {
	visit
	pages *Pages
	ctx   context.Context
	end   context.CancelFunc
	pipe  shaper.Pipe

	mu     sync.Mutex
	in     shaper.Inlet     // guarded by mu
	tells  map[int]*telling // of answers, by the number of who asked; guarded by mu
	atWork int              // guarded by mu
	locked bool             // its page was told; guarded by mu
}

// piped is what a page says: what it would else send as a form.
type piped struct {
	Number int               `json:"n"`
	Path   string            `json:"path"`
	Fields map[string]string `json:"fields"`
}

// reply is what it is told. The first one has the channel's name, and how to send.
type reply struct {
	Number  int             `json:"n"`
	Status  int             `json:"status,omitempty"`
	Said    json.RawMessage `json:"said,omitempty"`
	Line    json.RawMessage `json:"line,omitempty"`
	Locked  bool            `json:"locked,omitempty"`
	Channel string          `json:"channel,omitempty"`
	Frame   int             `json:"frame,omitempty"`
	Every   int             `json:"every,omitempty"`
}

func (x reply) bytes() []byte {
	b, err := json.Marshal(x)
	if err != nil {
		panic("web: " + err.Error()) // texts, numbers, and JSON of ours
	}
	return b
}

// byChannel are the paths that can be asked by one.
var byChannel = []string{"ask", "ask/", "again/", "on/", "edit/", "stop/"}

// steady tells paths that scripts ask for by themselves, which is no use of a vault.
func steady(path string) bool {
	return path == "ready" || path == "channel" || strings.HasPrefix(path, "channel/")
}

// channel opens one and sends its frames until the page is closed, or the vault
// locks.
func (p *Pages) channel(v visit) {
	asked := time.Now()
	ctx, end := context.WithCancel(v.r.Context())
	defer end()
	defer context.AfterFunc(p.base, end)()
	c := &channel{visit: v, pages: p, ctx: ctx, end: end, tells: map[int]*telling{}}
	name, err := p.channels.add(c)
	if err != nil {
		p.fail(v, err)
		return
	}
	defer p.channels.remove(name)
	c.tell(reply{Channel: name, Frame: upFrame, Every: upEvery})
	harden(v.w.Header())
	v.w.Header().Set("Content-Type", "application/octet-stream")
	plan := p.Shape.Plan(shaper.Channel)
	_ = plan.Send(ctx, plan.Begin(asked), c, v.sender()) // an error is the client's hanging up, or the lock
}

// hear takes a frame that a page sends. Whatever is in it, the response is the same,
// and comes before any of it is looked at.
func (p *Pages) hear(v visit) {
	c := p.channels.find(v.s, v.rest)
	if c == nil || p.base.Err() != nil {
		p.problem(v, http.StatusNotFound, "There is no such channel. Open this page anew.")
		return
	}
	frame, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, upFrame))
	if err == nil && len(frame) != upFrame {
		err = shaper.ErrFrame
	}
	var said [][]byte
	if err == nil {
		c.mu.Lock()
		said, err = c.in.Take(frame)
		c.mu.Unlock()
	}
	if err != nil {
		c.end()
		p.problem(v, http.StatusBadRequest, "What came is no frame of this channel. Open this page anew.")
		return
	}
	p.working.Go(func() { // one after the other: who stops an answer and asks again stops not the new one
		for _, b := range said {
			c.serve(b)
		}
	})
	harden(v.w.Header())
	v.w.WriteHeader(http.StatusNoContent)
}

// serve does what a page asks for. What goes wrong within ends the channel and not the
// server; its value is not logged, for it may hold content.
func (c *channel) serve(b []byte) {
	defer func() {
		if x := recover(); x != nil {
			c.pages.Log.Error("a request over a channel ended in a panic", "type", fmt.Sprintf("%T", x), "stack", string(debug.Stack()))
			c.end()
		}
	}()
	var q piped
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&q) != nil || q.Number <= 0 || len(q.Fields) > mostFields {
		c.end() // no page of ours says so
		return
	}
	if rest, is := strings.CutPrefix(q.Path, "live/"); is {
		c.follow(q.Number, rest)
		return
	}
	if !c.enter() {
		c.refuse(q.Number, errChannelBusy)
		return
	}
	defer c.leave()
	if !slices.ContainsFunc(byChannel, func(path string) bool { _, ok := (route{path: path}).matches(q.Path); return ok }) {
		c.end()
		return
	}
	r := c.r.Clone(c.ctx)
	r.Method, r.URL, r.Body, r.ContentLength = http.MethodPost, &url.URL{Path: "/page/" + q.Path}, http.NoBody, 0
	r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	r.PostForm = url.Values{}
	for name, text := range q.Fields {
		r.PostForm.Set(name, text)
	}
	r.Form = r.PostForm
	w := &heard{header: http.Header{}, status: http.StatusOK}
	c.pages.serve(w, r, c.s, true)
	c.tell(reply{Number: q.Number, Status: w.status, Said: w.said()})
}

// follow has an answer told over the channel, from its beginning on.
func (c *channel) follow(number int, rest string) {
	id, err := vault.ParseID(rest)
	if err != nil {
		c.end()
		return
	}
	x := &telling{visit: c.visit, a: c.pages.newest(c.s, id)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tells) < mostInPlace {
		c.tells[number] = x
		return
	}
	c.refuse(number, errChannelBusy)
}

func (c *channel) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.atWork == mostInPlace {
		return false
	}
	c.atWork++
	return true
}

func (c *channel) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atWork--
}

func (c *channel) refuse(number int, err error) {
	b, failed := json.Marshal(map[string]string{"problem": c.pages.Words(err)})
	if failed != nil {
		panic("web: " + failed.Error()) // a text
	}
	c.tell(reply{Number: number, Status: http.StatusUnprocessableEntity, Said: b})
}

// tell puts something on the way down. Where a page takes nothing any more, its
// channel ends.
func (c *channel) tell(x reply) {
	if c.pipe.Put(x.bytes()) != nil {
		c.end()
	}
}

// Next gives a frame. What there is to tell of answers is put into the pipe when all
// before it has gone, so that what came meanwhile is told in one.
func (c *channel) Next(n int) []byte {
	if c.pipe.Idle() {
		c.gather(max(n/4, 16))
	}
	return c.pipe.Next(n)
}

func (c *channel) gather(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.s.Unlocked() {
		if c.locked { // and it has gone: the pipe was empty
			c.end()
		}
		return // Void tells of it
	}
	for _, number := range slices.Sorted(maps.Keys(c.tells)) {
		x := c.tells[number]
		b, _, _ := x.piece(most)
		if b == nil {
			if b = x.Last(); b == nil {
				continue
			}
			delete(c.tells, number)
		}
		c.tell(reply{Number: number, Line: bytes.TrimSpace(b)})
	}
}

// Void tells a page that the vault locked, in place of all that waits. Where it has a part
// of something already, its channel ends. A frame that was ready is not sent, either.
func (c *channel) Void() bool {
	if c.s.Unlocked() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.locked {
		c.locked, c.tells = true, map[int]*telling{}
		if c.pipe.Cut(reply{Locked: true}.bytes()) {
			c.end()
		}
	}
	return true
}

// Empty is not asked, for there is no room left in a frame.
func (c *channel) Empty() []byte { return nil }

// Last says that there is no end.
func (c *channel) Last() []byte { return nil }

// heard takes what a page would be sent.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *heard) Header() http.Header         { return w.header }
func (w *heard) WriteHeader(status int)      { w.status = status }
func (w *heard) Write(b []byte) (int, error) { return w.body.Write(b) }

// said is the JSON of it, where there is any.
func (w *heard) said() json.RawMessage {
	if strings.HasPrefix(w.header.Get("Content-Type"), "application/json") {
		return bytes.TrimSpace(w.body.Bytes())
	}
	return nil
}

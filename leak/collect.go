package leak

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Collector plays recordings through a server, each over a connection of its
// own, and takes down what an observer saw.
type Collector struct {
	Way    Way
	Model  string                               // as it is asked for
	TLS    *tls.Config                          // of the client
	Replay *Replay                              // behind the server; nil: a working engine
	Header func(job Job, id string) http.Header // what the server is to be told beside the question
	Pad    func(mode string, body []byte) []byte
	Ticks  map[string]float64 // of modes that have one, in seconds
	AtOnce int                // connections
	Within time.Duration      // for one answer

	relay *Relay

	mu      sync.Mutex
	waiting map[int]chan Trace // by the client's port; guarded by mu
	early   map[int]Trace      // of whom nobody waits yet; guarded by mu
}

// AnswerError says that a server did not give the answer that was recorded.
type AnswerError struct {
	Way    Way
	Mode   string
	Reason string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("an answer in %s (%s) did not come through: %s", e.Mode, e.Way, e.Reason)
}

// Watch stands before a server at an address of this machine.
func (c *Collector) Watch(target string) (err error) {
	c.waiting, c.early = make(map[int]chan Trace), make(map[int]Trace)
	c.relay, err = Watch(target, c.saw)
	return err
}

// Close ends the relay.
func (c *Collector) Close() error { return c.relay.Close() }

// saw gets the trace of a connection that has ended.
func (c *Collector) saw(t Trace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to := c.waiting[t.LocalPort]; to != nil {
		delete(c.waiting, t.LocalPort)
		to <- t
		return
	}
	c.early[t.LocalPort] = t
}

// trace waits for that of the connection from a port.
func (c *Collector) trace(ctx context.Context, port int) (Trace, error) {
	c.mu.Lock()
	if t, there := c.early[port]; there {
		delete(c.early, port)
		c.mu.Unlock()
		return t, nil
	}
	got := make(chan Trace, 1)
	c.waiting[port] = got
	c.mu.Unlock()
	select {
	case t := <-got:
		return t, nil
	case <-ctx.Done():
		return Trace{}, ctx.Err()
	}
}

// Collect takes the traces of jobs, so many at once. keep gets each when it is
// there, one at a time; its error ends the work.
func (c *Collector) Collect(ctx context.Context, jobs []Job, keep func(Job, Trace) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan Job)
	var work sync.WaitGroup
	var one sync.Mutex
	begun := time.Now()
	for i := range max(1, c.AtOnce) {
		work.Go(func() {
			// All at once would keep step for the whole run, and the server with them.
			if until(ctx, begun.Add(spreadOver*time.Duration(i)/time.Duration(max(1, c.AtOnce)))) != nil {
				return
			}
			for job := range next {
				t, err := c.take(ctx, job)
				if err == nil {
					one.Lock()
					err = keep(job, t)
					one.Unlock()
				}
				if err != nil {
					stop(err)
					return
				}
			}
		})
	}
	for _, job := range jobs {
		select {
		case next <- job:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	work.Wait()
	return context.Cause(ctx)
}

// spreadOver is the time over which the first connections are spread.
const spreadOver = 3 * time.Second

// take asks one question and waits for its trace.
func (c *Collector) take(ctx context.Context, job Job) (t Trace, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	id := job.id(c.Way)
	if c.Replay != nil {
		c.Replay.put(id, job.Recording)
		defer c.Replay.take(id)
	}
	port, asked, h, err := c.ask(ctx, job, id)
	if err != nil {
		return t, err
	}
	end := time.Now()
	if t, err = c.trace(ctx, port); err != nil {
		return t, err
	}
	l := new(Listened)
	if c.Replay != nil {
		if said := job.said(); h.text != said {
			return t, &AnswerError{c.Way, job.Mode, fmt.Sprintf("%d bytes of text were heard, %d were said", len(h.text), len(said))}
		}
		if stopped := c.Replay.take(id); !stopped.IsZero() {
			t.EngineStopped = max(0, stopped.Sub(t.Began).Seconds())
		}
		for _, p := range job.Recording.Pieces {
			t.TokenLengths = append(t.TokenLengths, escaped(p.Text))
		}
		l.SaidFirst, l.SaidLast = job.moments()
	}
	c.label(&t, job)
	since := func(at time.Time) float64 { return max(0, at.Sub(asked).Seconds()) }
	l.First, l.Last, l.End = since(h.first), since(h.last), since(end)
	t.Heard = l
	return t, nil
}

// ask sends the question of a job and reads the answer.
func (c *Collector) ask(ctx context.Context, job Job, id string) (port int, asked time.Time, h heard, err error) {
	r, err := c.Way.request(ctx, c.Model, job.Prompt, func(body []byte) []byte { return c.Pad(job.Mode, body) })
	if err != nil {
		return 0, asked, h, err
	}
	for name, values := range c.Header(job, id) {
		r.Header[name] = values
	}
	var conn net.Conn
	client := c.relay.Client(c.TLS, c.Way.HTTP2, func(p int, to net.Conn) { port, conn, asked = p, to, time.Now() })
	response, err := client.RoundTrip(r)
	if conn != nil {
		defer conn.Close()
	}
	if err != nil {
		return port, asked, h, fmt.Errorf("asking in %s (%s): %w", job.Mode, c.Way, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return port, asked, h, &AnswerError{c.Way, job.Mode, response.Status}
	}
	if h, err = c.Way.listen(response.Body); errors.Is(err, errAnswer) {
		err = &AnswerError{c.Way, job.Mode, "it holds what is no answer"}
	}
	return port, asked, h, err
}

// label writes down what was asked.
func (c *Collector) label(t *Trace, job Job) {
	for i, g := range t.Gaps {
		t.Gaps[i] = math.Round(g*1e6) / 1e6 // finer than any clock between two machines
	}
	sum := sha256.Sum256([]byte(job.Prompt.Text))
	t.Hash, t.Prompt, t.Varied = hex.EncodeToString(sum[:16]), job.Prompt.Text, job.Prompt.Text
	t.Label, t.PromptID, t.Mode, t.Trial = job.Prompt.Label, job.Prompt.ID, job.Mode, job.Trial
	t.Protocol, t.Seed, t.Tick = c.Way.String(), job.Recording.Seed, c.Ticks[job.Mode]
	t.PromptTokens, t.Chatbot = job.Recording.PromptTokens, c.Model
}

// id names the answer to a job: always as long as any other's.
func (j Job) id(w Way) string {
	sum := sha256.Sum256([]byte(w.Name() + " " + j.Key()))
	return hex.EncodeToString(sum[:8])
}

// said is the text of the answer.
func (j Job) said() string {
	var text strings.Builder
	for _, p := range j.Recording.Pieces {
		text.WriteString(p.Text)
	}
	return text.String()
}

// moments are when its first and last character were said.
func (j Job) moments() (first, last float64) {
	p := j.Recording.Pieces
	if len(p) == 0 {
		return 0, 0
	}
	return p[0].At.Seconds(), p[len(p)-1].At.Seconds()
}

package api

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/shaper"
)

// shapeHeader asks for a shape, and tells which one an answer has.
const shapeHeader = "X-Abaton-Shape"

// shapeField asks for one in a request for a stream.
const shapeField = "stream_options.abaton_shape"

// shapes settles how much of an answer is hidden: as much as is set for whoever
// asks, or more where they ask for more. It tells the client, and whether what
// it sent was padded.
func (a *API) shapes(x *exchange, q question, sent int) error {
	header := x.r.Header.Values(shapeHeader)
	if len(header) > 1 {
		return &wire.BadRequest{Param: shapeHeader, Code: wire.Invalid, Message: "The header " + shapeHeader + " stands more than once; send it once."}
	}
	asked := map[string]string{shapeField: q.shape}
	if len(header) == 1 {
		asked[shapeHeader] = strings.TrimSpace(header[0])
	}
	for _, where := range []string{shapeHeader, shapeField} {
		word, ok := asked[where]
		if !ok || word == "" && where == shapeField {
			continue
		}
		m, err := a.raised(*x, word)
		if err != nil {
			return &wire.BadRequest{Param: where, Code: wire.Invalid, Message: "We do not do as " + where + " asks: " + err.Error() + "."}
		}
		x.shape = max(x.shape, m)
	}
	if q.obfuscate {
		x.shape = max(x.shape, shaper.Pad)
	}
	if x.shape == shaper.Off {
		return nil
	}
	upload := "; upload=padded"
	if !shaper.Padded(sent) {
		if upload = "; upload=uneven"; a.Shape.Uploads {
			return &wire.BadRequest{Code: "upload_not_padded", Message: "The size of this request tells how long the question is, and that is refused here. " +
				"Add spaces after the JSON until it has " + strconv.Itoa(shaper.Bucket(sent)) + " bytes."}
		}
	}
	if len(q.asks) > 0 { // a model that is not there is told of at once: that is no word of the question
		_, passport, err := a.Chat.Prompt(x.session, q.asks[0])
		if err != nil {
			return err
		}
		x.model = passport.Name
	}
	x.w.Header().Set(shapeHeader, x.shape.String()+upload)
	if x.shape > shaper.Pad {
		x.begin = a.Shape.Plan(x.shape).Begin(x.asked)
	}
	return nil
}

// noteShape tells of a request that was refused for the shape it asked for.
func (a *API) noteShape(x exchange, err error) {
	bad, is := errors.AsType[*wire.BadRequest](err)
	if is && (bad.Param == shapeHeader || bad.Param == shapeField) {
		a.Lowered(x.session)
	}
}

// floor is the shape that is set for whoever asks. A channel is for pages of our
// own; whatever else comes from there gets the next best.
func (a *API) floor(x exchange) shaper.Mode {
	at := shaper.Local
	if addr, ok := x.r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && addr.Network() == "unix" {
		at = shaper.Socket
	}
	if x.r.TLS != nil {
		at = shaper.LAN
	}
	return min(a.Shape.Floor(at, string(x.session.Person), x.session.Token()), shaper.Sealed)
}

var errNoChannel = errors.New("a channel is for Abaton's own pages, since no answer has an end in it; ask for sealed")

func (a *API) raised(x exchange, word string) (shaper.Mode, error) {
	m, err := shaper.ParseMode(word)
	if err == nil && m == shaper.Channel {
		err = errNoChannel
	}
	if err != nil {
		return m, err
	}
	return shaper.Raise(a.floor(x), m)
}

// weighed pads an answer that was kept and is fetched, before it is put into a
// bucket as everything is that is told at once.
func (a *API) weighed(x exchange, body []byte) []byte {
	if x.shape <= shaper.Pad {
		return body
	}
	return shaper.PadTo(body, a.Shape.Plan(x.shape).Weight(len(body)))
}

// bucketed pads a body that is told at once, where anything is shaped.
func (x exchange) bucketed(body []byte) []byte {
	if x.shape == shaper.Off || x.r.Method == http.MethodHead {
		return body
	}
	return shaper.PadTo(body, shaper.Bucket(len(body)))
}

// tell sends a whole answer, or why there is none, in the shape of the exchange:
// one size and one moment for both.
func (a *API) tell(x exchange, answer func() ([]byte, error)) {
	status, size := http.StatusOK, 0
	var body []byte
	var late error
	a.untilHungUp(x, func() {
		var err error
		if body, err = answer(); err != nil {
			p := a.problem(x, err)
			status, body = plainStatus(p.Status), x.words.body(p, x.id)
		}
		if size = shaper.Bucket(len(body)); x.shape > shaper.Pad {
			size, late = a.Shape.Plan(x.shape).Whole(x.r.Context(), x.begin, len(body))
		}
	})
	if late != nil {
		a.fail(x, late)
		return
	}
	if err := x.barred(); err != nil { // while it waited for its moment
		p := a.problem(x, err)
		status, body, x.bare = plainStatus(p.Status), x.words.body(p, x.id), true
	}
	if http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(a.WriteTimeout)) != nil {
		return // the connection is gone
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set("X-Should-Retry", "false") // a library that asks again would tell that something failed
	h.Set("X-Abaton-Pad", evened(x.r.ProtoMajor, status))
	if x.words == anthropics {
		h.Set("Request-Id", x.id)
	}
	x.w.WriteHeader(status)
	a.deliver(x, shaper.PadTo(body, size))
}

// plainStatus is the nearest of those that have one size on the wire: HTTP/2 has
// numbers of its own for few.
func plainStatus(status int) int {
	switch {
	case status == http.StatusNotFound:
		return status
	case status < 500:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// evened makes up for the words that HTTP/1.1 writes after a status.
func evened(major, status int) string {
	longest := len(http.StatusText(http.StatusInternalServerError))
	if major > 1 {
		return strings.Repeat("X", longest)
	}
	return strings.Repeat("X", 1+longest-len(http.StatusText(status)))
}

package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// refusal is why a request does not pass, in the shape in which programs that
// speak the OpenAI dialect expect errors.
type refusal struct {
	status  int
	kind    string
	code    string
	message string
	retry   int    // seconds after which it may be better; 0: it will not
	accept  string // what the person may accept, and how to say so
}

// Kinds of refusals.
const (
	invalidRequest = "invalid_request_error"
	rateLimit      = "rate_limit_error"
	serverError    = "server_error"
)

// Refusal is why a request does not pass, for whoever puts it into words.
type Refusal struct {
	Status        int
	Code, Message string
	Retry         bool // it may pass later
}

func (no *refusal) write(w http.ResponseWriter) { no.send(w, no.body()) }

// send answers with a refusal whose body is put into words already.
func (no *refusal) send(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if no.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="abaton"`)
	}
	if no.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(no.retry))
	}
	w.WriteHeader(no.status)
	w.Write(append(body, '\n'))
}

func (no *refusal) body() []byte {
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    string  `json:"code"`
		Accept  string  `json:"accept,omitempty"`
	}
	b, err := json.Marshal(map[string]object{"error": {no.message, no.kind, nil, no.code, no.accept}})
	if err != nil {
		b = []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	return b
}

// hardenHeader sets what every response carries: nothing is stored, sniffed,
// framed, fetched along or read by a page of another origin.
func hardenHeader(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

type strictIn struct {
	ID     string            `json:"id"`
	Secret []byte            `json:"secret,omitempty"`
	Turns  []strictTurn      `json:"turns"`
	At     time.Time         `json:"at,omitzero"`
	Free   map[string]any    `json:"free"`
	Next   *strictTurn       `json:"next"`
	Words  map[string]string `json:"words"`
	strictMore
	Hidden int `json:"-"`
}

type strictTurn struct {
	Text string `json:"text"`
	Bare int
}

type strictMore struct {
	More bool `json:"more"`
}

func TestCallsHaveOneMeaning(t *testing.T) {
	good := `{"id":"a\"}\\","secret":"AAAA","turns":[{"text":"{\"id\":1}","Bare":-1},{}],"at":"2026-01-02T03:04:05Z",` +
		`"free":{"ID":[1,{"x":null}],"id":true},"next":{"text":"ü \u00fc"},"words":{},"more":true}`
	for name, body := range map[string]string{
		"all of it": good, "spread out": strings.ReplaceAll(strings.ReplaceAll(good, ",", " \n,\t"), ":{", " : {"), "nothing": `{}`, "an end of line": "{}\n",
	} {
		var in, want strictIn
		if err := readStrictly([]byte(body), &in); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := json.Unmarshal([]byte(body), &want); err != nil || !reflect.DeepEqual(in, want) {
			t.Errorf("%s: %+v, want %+v (%v)", name, in, want, err)
		}
	}
	for body, want := range map[string]error{
		`{"ID":"a"}`: errNoField, `{"id":"a","Id":"b"}`: errNoField, `{"id":"a","id":"a"}`: errTwice, `{"\u0069d":"a"}`: errNoField,
		`{"turns":[{},{"Text":"a"}]}`: errNoField, `{"turns":[{"text":"a","text":"b"}]}`: errTwice, `{"turns":[{"bare":1}]}`: errNoField,
		`{"next":{"text":"a","Bare":1,"text":"a"}}`: errTwice, `{"free":{"a":{"b":1,"b":2}}}`: errTwice, `{"free":{"\u0061":1,"a":2}}`: errNoField,
		`{"Hidden":1}`: errNoField, `{"-":1}`: errNoField, `{"strictMore":{}}`: errNoField, `{"":1}`: errNoField, `{"MORE":true}`: errNoField, `{"ıd":"a"}`: errNoField,
		`{} {}`: errNoJSON, `{}]`: errNoJSON, `{"id":"a",}`: errNoJSON, ``: errNoJSON, `{`: errNoJSON, "{\"id\":\"\xff\"}": errNoJSON, `// {}`: errNoJSON,
		`{"id":1}`: errNoFit, `[]`: errNoFit, `{"turns":{"ID":1}}`: errNoFit, `"id"`: errNoFit,
	} {
		if err := readStrictly([]byte(body), new(strictIn)); err != want {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	for body, in := range map[string]any{`"a"`: new(string), `"AAAA"`: new([]byte), `{}`: new(struct{}), `7`: new(int), ` null `: new(string)} {
		if err := readStrictly([]byte(body), in); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestCallsThatAreNotRead(t *testing.T) {
	for name, c := range map[string]struct{ media, body, want string }{
		"no JSON":     {"text/plain", `{}`, "Content-Type"},
		"too large":   {"application/json", `{"most":` + strings.Repeat(" ", mostCall) + `1}`, "too large"},
		"another way": {"application/json", `{"Most":1}`, "same version"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.media)
		if err := readCall(r, new(listIn)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names are looked at in whatever is valid JSON, without falling over it, and
// what is read strictly means what package json takes it for.
func FuzzStrictly(f *testing.F) {
	f.Add([]byte(`{"id":"a\"}\\","turns":[{"text":"{\"id\":1}"},{}],"free":{"ID":[1,{"x":null}]}}`))
	f.Add([]byte(`[[],{},"\\",-1e5, true]`))
	f.Add([]byte(`{"a":{"b":1,"b":2}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var in, want strictIn
		if readStrictly(b, &in) == nil {
			if err := json.Unmarshal(b, &want); err != nil || !reflect.DeepEqual(in, want) {
				t.Errorf("%q: %+v, want %+v (%v)", b, in, want, err)
			}
		}
	})
}

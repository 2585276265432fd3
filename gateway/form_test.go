package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestFormsAreReadStrictly(t *testing.T) {
	for body, want := range map[string]struct {
		a, b string
		c    bool
		err  error
	}{
		`{}`:                        {},
		` { } ` + "\n":              {},
		`{"a":"x"}`:                 {a: "x"},
		`{"a":"x","b":"","c":true}`: {a: "x", c: true},
		"\t{ \"c\" : false , \"b\" : \"y z\" }\r\n": {b: "y z"},
		`{"a":"\"\\\/\b\f\n\r\t"}`:                  {a: "\"\\/\b\f\n\r\t"},
		`{"a":"\u00e9\u20AC\ud83d\ude00"}`:          {a: "é€😀"},
		`{"a":"é€😀"}`:                               {a: "é€😀"},
		`{"\u0061":"x"}`:                            {a: "x"},
		``:                                          {err: errNoObject},
		`[]`:                                        {err: errNoObject},
		`"a"`:                                       {err: errNoObject},
		`null`:                                      {err: errNoObject},
		`{"a":"x"`:                                  {err: errNoObject},
		`{"a":"x"}{}`:                               {err: errNoObject},
		`{"a":"x"},`:                                {err: errNoObject},
		`{"a":"x",}`:                                {err: errText},
		`{,"a":"x"}`:                                {err: errText},
		`{"a":"x" "b":"y"}`:                         {err: errNoObject},
		`{"a" "x"}`:                                 {err: errNoObject},
		`{a:"x"}`:                                   {err: errText},
		`{"a":1}`:                                   {err: errValue},
		`{"a":null}`:                                {err: errValue},
		`{"a":{}}`:                                  {err: errValue},
		`{"a":["x"]}`:                               {err: errValue},
		`{"a":'x'}`:                                 {err: errValue},
		`{"a":truex}`:                               {err: errNoObject},
		`{"a":"x","a":"y"}`:                         {err: errTwice},
		`{"c":true,"c":"y"}`:                        {err: errTwice},
		`{"A":"x"}`:                                 {err: errField},
		`{"d":"x"}`:                                 {err: errField},
		`{"":"x"}`:                                  {err: errField},
		`{"a":"x`:                                   {err: errText},
		`{"a":"x\`:                                  {err: errText},
		`{"a":"\x"}`:                                {err: errText},
		"{\"a\":\"x\ny\"}":                          {err: errText},
		"{\"a\":\"x\x00\"}":                         {err: errText},
		"{\"a\":\"\xff\"}":                          {err: errCharacters},
		`{"a":"\u12"}`:                              {err: errCharacters},
		`{"a":"\u+123"}`:                            {err: errCharacters},
		`{"a":"\u12\u34"}`:                          {err: errCharacters},
		`{"a":"\ud83d"}`:                            {err: errCharacters},
		`{"a":"\ude00"}`:                            {err: errCharacters},
		`{"a":"\ud83d\ud83d"}`:                      {err: errCharacters},
		`{"a":"\ud83dx"}`:                           {err: errCharacters},
	} {
		var f form
		err := f.parse([]byte(body), []string{"a", "b", "c"})
		if err != want.err {
			t.Errorf("%s: %v, want %v", body, err, want.err)
		}
		if err == nil && (string(f.text("a")) != want.a || string(f.text("b")) != want.b || f.truth("c") != want.c) {
			t.Errorf("%s: %q", body, f.texts)
		}
	}
}

// Whatever is taken means the same to package json, and wipe leaves nothing.
func FuzzForm(f *testing.F) {
	for _, s := range []string{`{"a":"x","b":"\u00e9\ud83d\ude00","c":true}`, `{"a":"\"\\\/\b\f\n\r\t","c":false}`, `{"a":"\ud800"}`, `{"a":"x"}}`, `{"a":"\uD83D\uDE00"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got form
		got.buffer = bytes.Clone(body)
		if got.parse(got.buffer, []string{"a", "b", "c"}) != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		if len(want) != len(got.texts)+len(got.truths) {
			t.Errorf("%q: %v, %q", body, want, got.texts)
		}
		for name, v := range want {
			switch v := v.(type) {
			case string:
				if string(got.text(name)) != v {
					t.Errorf("%q: %s is %q, not %q", body, name, got.text(name), v)
				}
			case bool:
				if got.truth(name) != v {
					t.Errorf("%q: %s is not %v", body, name, v)
				}
			default:
				t.Errorf("%q: %s was taken", body, name)
			}
		}
		got.wipe()
		for _, text := range got.texts {
			if len(bytes.Trim(text, "\x00")) > 0 {
				t.Errorf("%q: %q outlived the wipe", body, text)
			}
		}
	})
}

func TestFormsThatAreNoForms(t *testing.T) {
	read := func(body io.Reader, header ...string) *refusal {
		r, err := http.NewRequest("POST", "/", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		f, no := readForm(r, "passphrase")
		if no == nil {
			f.wipe()
		}
		return no
	}
	const canary = "CANARY-9c1d"
	for name, c := range map[string]struct {
		no   *refusal
		want int
	}{
		"a form of the web": {read(strings.NewReader("passphrase=x"), "Content-Type", "application/x-www-form-urlencoded"), 415},
		"plain text":        {read(strings.NewReader("{}"), "Content-Type", "text/plain"), 415},
		"no type":           {read(strings.NewReader("{}"), "Content-Type", ""), 415},
		"compressed":        {read(strings.NewReader("{}"), "Content-Encoding", "gzip"), 415},
		"the longest":       {read(strings.NewReader(`{"passphrase":"` + strings.Repeat("a", mostForm-17) + `"}`)), 0},
		"one over":          {read(strings.NewReader(`{"passphrase":"` + strings.Repeat("a", mostForm-16) + `"}`)), 413},
		"endless":           {read(zeros{}), 413},
		"misspelt":          {read(strings.NewReader(`{"pasphrase":"` + canary + `"}`)), 400},
		"half":              {read(strings.NewReader(`{"passphrase":"` + canary)), 400},
		"empty":             {read(strings.NewReader("")), 400},
	} {
		got := 0
		if c.no != nil {
			got = c.no.status
			if strings.Contains(c.no.message, canary) {
				t.Errorf("%s: it is quoted: %s", name, c.no.message)
			}
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %d", name, c.no, c.want)
		}
	}
}

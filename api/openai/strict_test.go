package openai

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"abaton.local/api/wire"
)

const canary = "CANARY-7f3a"

// Bodies that no text file can hold, and sizes that no reader wants to see.
func TestHostileBodies(t *testing.T) {
	wrap := func(content string) []byte {
		return []byte(`{"model":"tiny","messages":[{"role":"user","content":"` + content + `"}]}`)
	}
	for name, body := range map[string][]byte{
		"invalid UTF-8":          wrap(canary + "\xff\xfe"),
		"overlong UTF-8":         wrap(canary + "\xc0\xaf"),
		"surrogate in UTF-8":     wrap(canary + "\xed\xa0\x80"),
		"cut UTF-8":              wrap(canary + "\xe2\x82"),
		"invalid UTF-8 in a key": []byte("{\"" + canary + "\xff\":1}"),
		"raw NUL":                wrap(canary + "\x00"),
		"raw NUL after":          append(wrap(canary), 0),
		"raw newline":            wrap(canary + "\n"),
		"byte order mark":        append([]byte("\ufeff"), wrap(canary)...),
		"UTF-16":                 []byte("{\x00\"\x00m\x00"),
		"escape cut off":         wrap(canary + `\u12`),
		"escape at the end":      []byte(`{"a":"` + canary + `\`),
		"unknown escape":         wrap(canary + `\x41`),
		"pair reversed":          wrap(canary + `\ude00\ud83d`),
		"high, then a character": wrap(canary + `\ud83d\u0041`),
		"a million brackets":     []byte(strings.Repeat("[", 1<<20)),
		"a million values":       []byte(`{"messages":[` + strings.Repeat("0,", 1<<20) + `0]}`),
		"many keys":              []byte(`{"` + strings.Repeat(canary, 1000) + `":1,"` + strings.Repeat(canary, 1000) + `":2}`),
		"huge number":            []byte(`{"model":"tiny","messages":[{"role":"user","content":"hi"}],"seed":` + strings.Repeat("9", 1<<16) + `}`),
		"leading zero":           []byte(`{"seed":007}`),
		"plus":                   []byte(`{"seed":+7}`),
		"hexadecimal":            []byte(`{"seed":0x7}`),
		"NaN":                    []byte(`{"temperature":NaN}`),
		"Infinity":               []byte(`{"temperature":Infinity}`),
		"single quotes":          []byte(`{'model':'` + canary + `'}`),
		"closing too much":       []byte(`{"model":"tiny"}}`),
		"wrong bracket":          []byte(`{"messages":[}`),
		"key is a number":        []byte(`{1:2}`),
		"no colon":               []byte(`{"a" "` + canary + `"}`),
		"too many messages":      []byte(`{"messages":[` + strings.Repeat(`{"role":"user","content":"a"},`, maxMessages) + `{"role":"user","content":"a"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeChat(body)
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("got %v, want a *BadRequest", err)
			}
			if p := bad.Problem(); p.Status != 400 || len(p.Message) > 300 || !utf8.ValidString(p.Message) {
				t.Errorf("%+v", p)
			}
			if name != "many keys" && strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the request: %v", err)
			}
		})
	}
}

func TestLargestAllowed(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	req, err := DecodeChat([]byte(`{"messages":[{"role":"user","content":"` + long + `"}],"model":"` + strings.Repeat("m", 256) + `"}`))
	if err != nil || req.Ask.Messages[0].Content != long {
		t.Error(err)
	}
	many := strings.Repeat(`{"role":"user","content":"a"},`, maxMessages-1)
	if req, err := DecodeChat([]byte(`{"messages":[` + many + `{"role":"user","content":"a"}]}`)); err != nil || len(req.Ask.Messages) != maxMessages {
		t.Error(err)
	}
}

package cite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sentence is one of a model's answer, as the model wrote it: nothing of it was
// held against anything yet.
type Sentence struct {
	Text   string  `json:"sentence"`
	Quotes []Quote `json:"quotes"`
}

// Quote is what a model says that a passage says.
type Quote struct {
	Passage int    `json:"passage"`
	Text    string `json:"quote"`
}

// Bounds of an answer.
const (
	MostSentences = 12
	MostQuotes    = 3 // of a sentence

	mostAnswer  = 64 << 10              // bytes
	mostWritten = mostText + mostText/4 // characters of either, as JSON has it
	mostText    = 1000                  // characters of a sentence or a quotation
)

// Errors of an answer that cannot be used.
var (
	ErrForm     = errors.New("the model's answer has another form than it was asked for")
	ErrCutShort = errors.New("the model's answer ended in the middle")
)

// Schema is the JSON schema of an answer from n passages. Quotations come before
// the sentence that they prove, for a model writes in this order. It bounds no
// lengths, for a grammar needs a rule for each character: [Reader] does.
func Schema(n int) []byte {
	var numbers []string
	for i := range n {
		numbers = append(numbers, strconv.Itoa(i+1))
	}
	return fmt.Appendf(nil, `{"type":"object","properties":{"answer":{"type":"array","maxItems":%d,"items":{"type":"object","properties":{`+
		`"quotes":{"type":"array","maxItems":%d,"items":{"type":"object","properties":{"passage":{"enum":[%s]},"quote":{"type":"string"}},"required":["passage","quote"],"additionalProperties":false}},`+
		`"sentence":{"type":"string"}},"required":["quotes","sentence"],"additionalProperties":false}}},"required":["answer"],"additionalProperties":false}`,
		MostSentences, MostQuotes, strings.Join(numbers, ","))
}

// Reader takes an answer of the form that [Schema] asks for apart while it
// arrives. A grammar made the engine write this form, and the engine is not
// trusted: what has another form ends it. The zero Reader is ready to use.
type Reader struct {
	all    []byte
	read   int // of all
	stack  []byte
	text   bool // within a string
	length int  // of it so far, in characters as JSON has them
	escape bool
	item   int // where the sentence begins that is being written
	given  int // sentences
	failed error
}

// Add takes what was written next and gives the sentences that are whole with it.
func (r *Reader) Add(text string) (list []Sentence, err error) {
	if r.failed != nil {
		return nil, r.failed
	}
	r.all = append(r.all, text...)
	if len(r.all) > mostAnswer {
		return nil, r.fail()
	}
	for ; r.read < len(r.all); r.read++ {
		s, whole, err := r.step(r.all[r.read])
		if err != nil {
			return list, err
		}
		if whole {
			list = append(list, s)
		}
	}
	return list, nil
}

// step reads one byte.
func (r *Reader) step(c byte) (s Sentence, whole bool, err error) {
	switch {
	case r.escape:
		r.escape = false
		r.length++
	case r.text:
		r.escape = c == '\\'
		r.text = c != '"'
		if c&0xc0 != 0x80 {
			r.length++
		}
		if r.length > mostWritten { // a model that has lost itself is not listened to till its end
			return s, false, r.fail()
		}
	case c == '"':
		r.text, r.length = true, 0
	case c == '{' || c == '[':
		switch len(r.stack) {
		case 1:
			if c != '[' || !r.opens() {
				return s, false, r.fail()
			}
		case 2:
			if c != '{' {
				return s, false, r.fail()
			}
			r.item = r.read
		case 5:
			return s, false, r.fail()
		}
		r.stack = append(r.stack, c)
	case c == '}' || c == ']':
		if len(r.stack) == 0 || r.stack[len(r.stack)-1] != c-2 { // "{" and "}", as "[" and "]", are two apart
			return s, false, r.fail()
		}
		if r.stack = r.stack[:len(r.stack)-1]; len(r.stack) != 2 || c != '}' {
			return s, false, nil
		}
		if err := strictly(r.all[r.item:r.read+1], &s); err != nil || !r.sound(s) {
			return s, false, r.fail()
		}
		r.given++
		return s, true, nil
	case len(r.stack) == 0 && !blank(c):
		return s, false, r.fail()
	}
	return s, false, nil
}

// opens says whether what was read so far is the beginning of an answer.
func (r *Reader) opens() bool {
	var plain []byte
	for _, c := range r.all[:r.read] {
		if !blank(c) {
			plain = append(plain, c)
		}
	}
	return string(plain) == `{"answer":`
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (r *Reader) sound(s Sentence) bool {
	if r.given >= MostSentences || len(s.Quotes) > MostQuotes || utf8.RuneCountInString(s.Text) > mostText {
		return false
	}
	for _, q := range s.Quotes {
		if utf8.RuneCountInString(q.Text) > mostText {
			return false
		}
	}
	return true
}

func (r *Reader) fail() error {
	r.failed = ErrForm
	return r.failed
}

// End says whether the answer was whole: [ErrCutShort] where it broke off. The
// sentences that were given stand.
func (r *Reader) End() error {
	switch {
	case r.failed != nil:
		return r.failed
	case len(r.stack) > 0 || r.text || r.given == 0 && len(bytes.TrimSpace(r.all)) == 0:
		return ErrCutShort
	}
	var whole struct {
		Answer []Sentence `json:"answer"`
	}
	if strictly(r.all, &whole) != nil || len(whole.Answer) != r.given {
		return r.fail()
	}
	return nil
}

// strictly reads one JSON value and nothing behind it.
func strictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return ErrForm
	}
	return nil
}

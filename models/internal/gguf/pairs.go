package gguf

import (
	"fmt"
	"slices"
	"strings"
)

// readPairs reads all metadata, checks each value by itself and keeps what
// judgePairs needs: pairs may come in any order.
func (c *checker) readPairs() error {
	c.meta = metadata{
		types:   map[string]valueType{},
		numbers: map[string]number{},
		lists:   map[string]list{},
		texts:   map[string]string{},
	}
	for i := range c.pairs {
		if err := c.readPair(i); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) readPair(i uint64) error {
	field := fmt.Sprintf("key %d", i)
	raw, err := c.in.text(field, maxKey)
	if err != nil {
		return err
	}
	if !plainKey(raw) {
		return refuse(field, "is named %s: keys are printable ASCII without blanks", quote(string(raw)))
	}
	key := string(raw)
	field = short(key)
	if _, twice := c.meta.types[key]; twice {
		return refuse(field, "is there twice")
	}
	n, err := c.in.uint32(field)
	if err != nil {
		return err
	}
	typ := valueType(n)
	c.meta.types[key] = typ
	if want, known := wanted[key]; known && typ != want {
		return refuse(field, "is of type %v, must be %v", typ, want)
	}
	switch {
	case typ == typeString:
		return c.readText(key, field)
	case typ == typeArray:
		return c.readArray(key, field)
	case typ.width() == 0:
		return refuse(field, "is of unknown type %d", n)
	}
	b, err := c.in.next(field, typ.width())
	if err != nil {
		return err
	}
	if typ == typeBool && b[0] > 1 {
		return refuse(field, "is a bool of value %d", b[0])
	}
	if typ.whole() {
		c.meta.numbers[key] = decode(typ, b)
	}
	return nil
}

// readText reads a string value, and keeps it where it is used later.
func (c *checker) readText(key, field string) error {
	if key == "tokenizer.huggingface.json" {
		n, err := c.in.uint64(field)
		if err != nil {
			return err
		}
		if n > maxTokenizer {
			return refuse(field, "is %d bytes long, at most %d are allowed", n, maxTokenizer)
		}
		return c.in.skip(field, n)
	}
	most := uint64(maxText)
	if strings.HasPrefix(key, "tokenizer.chat_template") {
		most = maxTemplate
	}
	b, err := c.in.text(field, most)
	if err != nil {
		return err
	}
	if !plainText(b) {
		return refuse(field, "is not UTF-8 text without NUL")
	}
	switch key {
	case "tokenizer.chat_template":
		c.header.ChatTemplate = slices.Clone(b)
	case "general.architecture", "general.type", "general.name", "general.license", "tokenizer.ggml.model":
		c.meta.texts[key] = string(b)
	default:
		if strings.HasSuffix(key, ropeScaling) && !slices.Contains(ropeScalings, string(b)) {
			return refuse(field, "is %s, must be one of %s", quote(string(b)), strings.Join(ropeScalings, ", "))
		}
	}
	return nil
}

// readArray reads an array value. What the vocabulary is made of goes to words.
func (c *checker) readArray(key, field string) error {
	t, err := c.in.uint32(field)
	if err != nil {
		return err
	}
	n, err := c.in.uint64(field)
	if err != nil {
		return err
	}
	element := valueType(t)
	width := element.width()
	switch {
	case element == typeString:
		width = 8
	case element == typeArray:
		return refuse(field, "is an array of arrays, which no model needs")
	case width == 0:
		return refuse(field, "is an array of unknown type %d", t)
	}
	if want := wantedElements[key]; want != nil && !slices.Contains(want, element) {
		return refuse(field, "is an array of %v, must be of %v", element, want[0])
	}
	if n > maxArray {
		return refuse(field, "has %d elements, at most %d are allowed", n, maxArray)
	}
	if err := c.in.need(field, n*width); err != nil {
		return err
	}
	l := list{element: element, length: n}
	switch {
	case key == "tokenizer.ggml.tokens":
		err = c.words.readTokens(c.in, field, n)
	case key == "tokenizer.ggml.token_type":
		err = c.words.readTypes(c.in, field, n)
	case key == "tokenizer.ggml.scores" && element == typeFloat32:
		err = readScores(c.in, field, n)
	case key == "tokenizer.ggml.merges":
		err = readMerges(c.in, field, n)
	case key == "tokenizer.ggml.precompiled_charsmap":
		err = readCharsmap(c.in, field, n)
	case element == typeString:
		err = eachText(c.in, field, n, maxToken, func(_ uint64, b []byte) string {
			if !plainText(b) {
				return "is not UTF-8 text without NUL"
			}
			return ""
		})
	case element == typeBool || element.whole() && n <= maxBlocks && kept(key):
		keep := n <= maxBlocks && kept(key)
		err = eachValue(c.in, field, n, width, func(_ uint64, b []byte) string {
			if element == typeBool && b[0] > 1 {
				return fmt.Sprintf("is a bool of value %d", b[0])
			}
			if keep {
				l.numbers = append(l.numbers, decode(element, b))
			}
			return ""
		})
	default:
		err = c.in.skip(field, n*width)
	}
	c.meta.lists[key] = l
	return err
}

// eachText reads n strings of at most most bytes and hands each to judge, which
// says what is wrong with it or "".
func eachText(in *stream, field string, n, most uint64, judge func(i uint64, b []byte) string) error {
	for i := range n {
		b, err := in.text(field, most)
		if err != nil {
			return element(err, field, i)
		}
		if wrong := judge(i, b); wrong != "" {
			return element(refuse(field, "%s", wrong), field, i)
		}
	}
	return nil
}

// eachValue does the same for n values of width bytes.
func eachValue(in *stream, field string, n, width uint64, judge func(i uint64, b []byte) string) error {
	for i := uint64(0); i < n; {
		some := min(n-i, chunk/width)
		b, err := in.next(field, some*width)
		if err != nil {
			return err
		}
		for ; len(b) > 0; b, i = b[width:], i+1 {
			if wrong := judge(i, b[:width]); wrong != "" {
				return element(refuse(field, "%s", wrong), field, i)
			}
		}
	}
	return nil
}

// element says in which element of an array a refusal arose.
func element(err error, field string, i uint64) error {
	if e, ok := err.(*Error); ok && e.Field == field {
		return &Error{Field: fmt.Sprintf("%s[%d]", field, i), Reason: e.Reason}
	}
	return err
}

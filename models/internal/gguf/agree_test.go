package gguf

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
)

// disagreements compares what Check makes of an accepted file with what the
// reference reader makes of it: every key, type, number, array, tensor and
// offset, and then the header that Check reports.
func disagreements(b []byte) (wrong []string) {
	say := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	h, err := examine(b)
	if err != nil {
		return []string{"not accepted: " + err.Error()}
	}
	f, err := reference(b)
	if err != nil {
		return []string{"accepted, but the reference reader says: " + err.Error()}
	}
	c := &checker{in: newStream(bytes.NewReader(b), int64(len(b))), alignment: defaultAlignment}
	for _, step := range []func() error{c.start, c.readPairs, c.judgePairs} {
		if err := step(); err != nil {
			return []string{err.Error()}
		}
	}
	if h.Version != f.version {
		say("version %d, reference %d", h.Version, f.version)
	}
	if len(c.meta.types) != len(f.pairs) {
		say("%d keys, reference %d", len(c.meta.types), len(f.pairs))
	}
	for _, p := range f.pairs {
		comparePair(c, p, say)
	}
	compareTensors(c, h, f, int64(len(b)), say)
	compareHeader(h, f, say)
	return wrong
}

func comparePair(c *checker, p refPair, say func(string, ...any)) {
	if typ, ok := c.meta.types[p.key]; !ok || uint32(typ) != p.typ {
		say("%s: type %v, reference %d", p.key, typ, p.typ)
	}
	if n, ok := c.meta.numbers[p.key]; ok {
		compareNumber(p.key, n, p.value, say)
	}
	if s, ok := c.meta.texts[p.key]; ok && s != p.value {
		say("%s: %q, reference %q", p.key, s, p.value)
	}
	list, ok := p.value.([]any)
	if !ok {
		return
	}
	l := c.meta.lists[p.key]
	if l.length != uint64(len(list)) || uint32(l.element) != p.element {
		say("%s: %d of %v, reference %d of %d", p.key, l.length, l.element, len(list), p.element)
	}
	for i, n := range l.numbers {
		compareNumber(fmt.Sprintf("%s[%d]", p.key, i), n, list[i], say)
	}
	seen := map[string]bool{}
	if p.key == "tokenizer.ggml.tokens" {
		for i, v := range list {
			text, _, _ := strings.Cut(v.(string), "\x00")
			if text != "" && seen[text] {
				say("token %d is accepted twice: %q", i, text)
			}
			seen[text] = true
		}
	}
}

func compareNumber(key string, n number, want any, say func(string, ...any)) {
	if b, ok := want.(bool); ok {
		want = map[bool]int{true: 1}[b]
	}
	got := new(big.Int).SetUint64(n.bits).String()
	if v, positive := n.uint(); !positive {
		got = fmt.Sprint(int64(v))
	}
	if got != fmt.Sprint(want) {
		say("%s: %s, reference %v", key, got, want)
	}
}

// compareTensors also proves with big integers that all data lies in the file
// and that no two tensors share a byte.
func compareTensors(c *checker, h Header, f *refFile, size int64, say func(string, ...any)) {
	if h.TensorCount != len(f.tensors) || h.HeaderBytes != f.header {
		say("%d tensors in a header of %d, reference %d in %d", h.TensorCount, h.HeaderBytes, len(f.tensors), f.header)
		return
	}
	names, parameters := newFingerprints(uint64(len(f.tensors))), new(big.Int)
	end := big.NewInt(h.DataOffset)
	if h.DataOffset%f.align != 0 || h.DataOffset < h.HeaderBytes || h.DataOffset-h.HeaderBytes >= f.align {
		say("data at %d behind a header of %d, alignment %d", h.DataOffset, h.HeaderBytes, f.align)
	}
	for i, want := range f.tensors {
		_, t, err := c.readTensor(uint64(i), names)
		if err != nil {
			say("tensor %d: %v", i, err)
			return
		}
		if t.name != want.name || t.offset != want.offset || tensorTypes[want.typ].name != t.typ.name {
			say("tensor %d: %q at %d, reference %q at %d", i, t.name, t.offset, want.name, want.offset)
		}
		if want.elements().Cmp(new(big.Int).SetUint64(t.elements)) != 0 || want.bytes() == nil ||
			want.bytes().Cmp(new(big.Int).SetUint64(t.bytes)) != 0 {
			say("tensor %s: %d elements in %d bytes, reference %v in %v", t.name, t.elements, t.bytes, want.elements(), want.bytes())
			return
		}
		parameters.Add(parameters, want.elements())
		from := new(big.Int).SetUint64(want.offset)
		from.Add(from, big.NewInt(h.DataOffset))
		if from.Cmp(end) < 0 {
			say("tensor %s begins at %v, the one before ends at %v", t.name, from, end)
		}
		if end.Add(from, want.bytes()); end.Cmp(big.NewInt(size)) > 0 {
			say("tensor %s ends at %v of %d", t.name, end, size)
		}
	}
	if len(f.tensors) > 0 && new(big.Int).Sub(big.NewInt(size), end).Cmp(big.NewInt(f.align)) >= 0 {
		say("data ends at %v, the file at %d", end, size)
	}
	if parameters.Cmp(new(big.Int).SetUint64(h.Parameters)) != 0 {
		say("%d parameters, reference %v", h.Parameters, parameters)
	}
}

func compareHeader(h Header, f *refFile, say func(string, ...any)) {
	arch, _ := f.value("general.architecture").(string)
	for key, got := range map[string]string{
		"general.architecture": h.Architecture, "general.name": h.Name, "general.license": h.License,
		"tokenizer.chat_template": string(h.ChatTemplate),
	} {
		if want, _ := f.value(key).(string); got != want {
			say("%s: %q, reference %q", key, got, want)
		}
	}
	for key, got := range map[string]uint64{
		"context_length": h.ContextLength, "block_count": h.Blocks, "embedding_length": h.Embedding, "attention.sliding_window": h.SlidingWindow,
	} {
		if want, _ := f.value(arch + "." + key).(uint32); arch != "" && got != uint64(want) {
			say("%s: %d, reference %d", key, got, want)
		}
	}
	if tokens, ok := f.value("tokenizer.ggml.tokens").([]any); ok && uint64(len(tokens)) != h.Vocab {
		say("vocabulary of %d, reference %d", h.Vocab, len(tokens))
	}
}

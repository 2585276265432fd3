package gguf

import (
	"slices"
	"strings"
)

// judgePairs checks what needs more than one pair, and fills the header.
func (c *checker) judgePairs() error {
	for _, judge := range []func() error{c.judgeGeneral, c.judgeSplit, c.judgeArchitecture, c.judgeVocabulary, c.judgeSampling, c.judgeShape} {
		if err := judge(); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) judgeGeneral() error {
	if n, ok := c.meta.numbers["general.alignment"]; ok {
		a := n.bits
		if a < minAlignment || a > maxAlignment || a&(a-1) != 0 {
			return refuse("general.alignment", "is %d, must be a power of two from %d to %d", a, minAlignment, maxAlignment)
		}
		c.alignment = a
	}
	h, texts := &c.header, c.meta.texts
	h.Name, h.License, h.Kind = texts["general.name"], texts["general.license"], texts["general.type"]
	if h.Kind == "" {
		h.Kind = "model"
	}
	if n, ok := c.meta.numbers["general.file_type"]; ok {
		h.FileType = uint32(n.bits)
		h.Quantisation = fileTypes[h.FileType]
	}
	return nil
}

// judgeSplit checks the place of a part among the parts of a split model.
func (c *checker) judgeSplit() error {
	no, haveNo := c.meta.numbers["split.no"]
	count, haveCount := c.meta.numbers["split.count"]
	all, haveAll := c.meta.numbers["split.tensors.count"]
	if !haveNo && !haveCount && !haveAll {
		return nil
	}
	tensors, ok := all.uint()
	switch {
	case !haveCount:
		return refuse("split.count", "is missing though the file says that it is a part")
	case count.bits == 0 && no.bits == 0: // parts merged into a whole model keep their keys
		return nil
	case count.bits > maxSplits:
		return refuse("split.count", "is %d, at most %d are allowed", count.bits, maxSplits)
	case !haveNo:
		return refuse("split.no", "is missing though the model has %d parts", count.bits)
	case no.bits >= count.bits:
		return refuse("split.no", "is %d of %d parts, counted from 0", no.bits, count.bits)
	case !haveAll:
		return refuse("split.tensors.count", "is missing though the model has %d parts", count.bits)
	case !ok || tensors > maxTensors || tensors < c.tensors:
		return refuse("split.tensors.count", "is %d, this part alone has %d", int64(tensors), c.tensors)
	case count.bits == 1 && tensors != c.tensors:
		return refuse("split.tensors.count", "is %d, the only part has %d", tensors, c.tensors)
	}
	c.header.Split = Split{No: int(no.bits), Count: int(count.bits), Tensors: int(tensors)}
	return nil
}

// judgeArchitecture wants a short plain name; later parts of a split model have none.
func (c *checker) judgeArchitecture() error {
	name, ok := c.meta.texts["general.architecture"]
	switch {
	case !ok && c.header.Split.No > 0:
		return nil
	case !ok:
		return refuse("general.architecture", "is missing")
	case name == "" || len(name) > maxArchitecture || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return refuse("general.architecture", "is %s, must be 1 to %d of a-z 0-9 - _ .", quote(name), maxArchitecture)
	}
	c.header.Architecture = name
	return nil
}

// judgeVocabulary compares the arrays of the tokenizer with each other, and
// the ids of special tokens with the vocabulary.
func (c *checker) judgeVocabulary() error {
	words := &c.words
	for _, key := range []string{"tokenizer.ggml.scores", "tokenizer.ggml.token_type"} {
		if l, ok := c.meta.lists[key]; ok && l.length != words.tokens {
			return refuse(key, "has %d elements, the vocabulary %d tokens", l.length, words.tokens)
		}
	}
	if i, missing := words.hexByte.lacks(words.isByte); missing {
		return element(refuse("tokenizer.ggml.tokens", "has the type of a byte, but does not read <0xNN> with two hexadecimal digits"),
			"tokenizer.ggml.tokens", i)
	}
	model := c.meta.texts["tokenizer.ggml.model"]
	if model == "plamo2" && words.pieces > maxPieces {
		return refuse("tokenizer.ggml.tokens", "are so long together that a PLaMo-2 table of them could have %d rows, at most %d are allowed", words.pieces, maxPieces)
	}
	size := words.tokens
	c.header.Vocab = size
	if claimed, _ := c.meta.numbers[c.header.Architecture+".vocab_size"].uint(); size == 0 { // a vocabulary of made-up tokens
		size, c.header.Vocab = claimed, claimed
	}
	if n, ok := c.meta.numbers["tokenizer.ggml.token_type_count"]; ok && n.bits > maxTokens {
		return refuse("tokenizer.ggml.token_type_count", "is %d, at most %d are allowed", n.bits, maxTokens)
	}
	for _, name := range tokenLists {
		key := c.header.Architecture + "." + name
		l := c.meta.lists[key]
		if l.length > maxBlocks || l.length != uint64(len(l.numbers)) {
			return refuse(short(key), "is an array of %d %v, must be of at most %d i32", l.length, l.element, maxBlocks)
		}
		for i, n := range l.numbers {
			if n.bits >= size && n.bits != 1<<64-1 { // -1: none
				return element(refuse(short(key), "is %d, the vocabulary has %d tokens", int64(n.bits), size), short(key), uint64(i))
			}
		}
	}
	for _, key := range sorted(c.meta.types) {
		id := strings.HasPrefix(key, "tokenizer.ggml.") && strings.HasSuffix(key, "_token_id")
		if !id && key != c.header.Architecture+".decoder_start_token_id" {
			continue
		}
		n := c.meta.numbers[key]
		if c.meta.types[key] != typeUint32 {
			return refuse(short(key), "is of type %v, must be u32", c.meta.types[key])
		}
		if n.bits >= size && n.bits != 1<<32-1 { // all ones: the engine's "none"
			return refuse(short(key), "is %d, the vocabulary has %d tokens", n.bits, size)
		}
	}
	return nil
}

// sorted gives keys in a fixed order, so that a file is always refused for the same reason.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

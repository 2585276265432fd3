package gguf

import "strings"

// samplings bounds the whole numbers that a file may set for the choice of the
// next token. The engine reads any type as text, allocates penalty_last_n
// entries, and takes the values as its own defaults.
var samplings = map[string]struct{ least, most int64 }{
	"general.sampling.top_k":          {0, 1 << 20},
	"general.sampling.penalty_last_n": {-1, 1 << 16},
	"general.sampling.mirostat":       {0, 2},
}

func (c *checker) judgeSampling() error {
	for _, key := range sorted(c.meta.types) {
		name, ok := strings.CutPrefix(key, "general.sampling.")
		if !ok || name == "sequence" {
			continue
		}
		typ := c.meta.types[key]
		if typ.width() == 0 || typ == typeBool {
			return refuse(short(key), "is of type %v, must be a number", typ)
		}
		bound, ok := samplings[key]
		if !ok {
			continue
		}
		n := c.meta.numbers[key]
		v, positive := n.uint()
		if !typ.whole() || positive && v > uint64(bound.most) || int64(v) < bound.least {
			return refuse(key, "is %d (%v), must be from %d to %d", int64(v), typ, bound.least, bound.most)
		}
	}
	return nil
}

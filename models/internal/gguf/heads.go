package gguf

// judgeHeads checks attention heads against each other and the width of a
// token, and works out what the cache of keys and values takes. Layers
// without attention have no heads.
func (c *checker) judgeHeads(prefix string) error {
	h := &c.header
	heads := c.layers(prefix + "attention.head_count")
	kv := c.layers(prefix + "attention.head_count_kv")
	if len(kv) == 0 {
		kv = heads // as the engine does
	}
	for i, n := range heads {
		h.Heads = max(h.Heads, n)
		if i < len(kv) && kv[i] > 0 && n > 0 && n%kv[i] != 0 {
			return refuse(prefix+"attention.head_count_kv", "is %d, which does not divide %d heads", kv[i], n)
		}
	}
	key, haveKey := c.meta.numbers[prefix+"attention.key_length"]
	value, haveValue := c.meta.numbers[prefix+"attention.value_length"]
	h.KeyLength, h.ValueLength = key.bits, value.bits
	if len(heads) > 0 && heads[0] > 0 && h.Embedding > 0 { // the engine divides by the first layer's heads
		if !haveKey || !haveValue {
			if h.Embedding%heads[0] != 0 {
				return refuse(prefix+"attention.head_count", "is %d, which does not divide the embedding length %d, and no key and value lengths are given", heads[0], h.Embedding)
			}
			if !haveKey {
				h.KeyLength = h.Embedding / heads[0]
			}
			if !haveValue {
				h.ValueLength = h.Embedding / heads[0]
			}
		}
		if h.KeyLength == 0 || h.ValueLength == 0 {
			return refuse(prefix+"attention.key_length", "and value_length are %d and %d though there are %d heads", h.KeyLength, h.ValueLength, heads[0])
		}
	}
	rope := c.meta.numbers[prefix+"rope.dimension_count"].bits
	if rope%2 != 0 || h.KeyLength > 0 && rope > h.KeyLength {
		return refuse(prefix+"rope.dimension_count", "is %d, must be even and at most the key length %d", rope, h.KeyLength)
	}
	for _, n := range kv {
		h.HeadsKV = max(h.HeadsKV, n)
		h.CacheElements += n * (h.KeyLength + h.ValueLength) // at most 2^13 * 2^17 * 2^9
	}
	return nil
}

// judgeRequired wants what the engine wants of every model with weights.
// Adapters, projectors for pictures and bare vocabularies have less.
func (c *checker) judgeRequired(prefix string) error {
	h := &c.header
	if h.Kind != "model" || h.Architecture == projector || h.Split.No > 0 || c.tensors == 0 && h.Split.Count == 0 {
		return nil
	}
	for _, name := range []string{"block_count", "context_length", "embedding_length"} {
		if _, ok := c.meta.numbers[prefix+name]; !ok {
			return refuse(prefix+name, "is missing")
		}
	}
	return nil
}

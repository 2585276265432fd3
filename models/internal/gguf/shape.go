package gguf

import (
	"slices"
	"strings"
)

// A quantity is a number of the architecture that the engine allocates,
// loops, indexes or divides by.
type quantity struct {
	least, most uint64
	layers      bool // may also be an array with one number per layer
}

// quantities by their key less the architecture. Bounds are the engine's where
// it has arrays or assertions, else far above every model known.
var quantities = map[string]quantity{
	"context_length":                       {1, maxInt32, false},
	"vocab_size":                           {0, maxTokens, false},
	"embedding_length":                     {1, 1 << 20, false},
	"embedding_length_out":                 {0, 1 << 20, false},
	"embedding_length_per_layer_input":     {0, 1 << 20, false},
	"features_length":                      {1, 1 << 20, false},
	"block_count":                          {1, maxBlocks, false},
	"decoder_block_count":                  {0, maxBlocks, false},
	"nextn_predict_layers":                 {0, maxBlocks, false},
	"hash_layer_count":                     {0, maxBlocks, false},
	"n_deepstack_layers":                   {0, maxBlocks, false},
	"posnet.block_count":                   {0, maxBlocks, false},
	"posnet.embedding_length":              {1, 1 << 20, false},
	"convnext.block_count":                 {0, maxBlocks, false},
	"convnext.embedding_length":            {1, 1 << 20, false},
	"feed_forward_length":                  {0, 1 << 24, true},
	"expert_feed_forward_length":           {0, 1 << 24, true},
	"expert_shared_feed_forward_length":    {0, 1 << 24, false},
	"expert_chunk_feed_forward_length":     {0, 1 << 24, false},
	"expert_count":                         {0, maxExperts, false},
	"expert_used_count":                    {0, maxExperts, true},
	"expert_shared_count":                  {0, maxExperts, false},
	"expert_group_count":                   {0, maxExperts, false},
	"expert_group_used_count":              {0, maxExperts, false},
	"experts_per_group":                    {1, maxExperts, false},
	"attention.head_count":                 {0, 8192, true},
	"attention.head_count_kv":              {0, 8192, true},
	"attention.key_length":                 {0, 1 << 16, false},
	"attention.value_length":               {0, 1 << 16, false},
	"attention.key_length_swa":             {0, 1 << 16, false},
	"attention.value_length_swa":           {0, 1 << 16, false},
	"attention.key_length_mla":             {0, 1 << 16, false},
	"attention.value_length_mla":           {0, 1 << 16, false},
	"attention.q_lora_rank":                {0, 1 << 20, false},
	"attention.kv_lora_rank":               {0, 1 << 20, false},
	"attention.sliding_window":             {0, maxInt32, false},
	"attention.shared_kv_layers":           {0, maxBlocks, false},
	"rope.dimension_count":                 {0, 1 << 16, false},
	"rope.dimension_count_swa":             {0, 1 << 16, false},
	"rope.scaling.original_context_length": {0, maxInt32, false},
	"ssm.conv_kernel":                      {1, 1 << 16, false},
	"ssm.inner_size":                       {1, 1 << 24, false},
	"ssm.state_size":                       {1, 1 << 24, false},
	"ssm.time_step_rank":                   {1, 1 << 24, false},
	"ssm.group_count":                      {0, 1 << 24, false},
	"wkv.head_size":                        {1, 1 << 16, false},
	"token_shift_count":                    {0, 16, false},
	"pooling_type":                         {0, 4, false}, // LLAMA_POOLING_TYPE_RANK
	"classifier.pooling_type":              {0, 4, false},
	"shortconv.l_cache":                    {0, 1 << 16, false},
}

// layered are further arrays with one element per layer, which the engine
// copies into arrays of its own. Layers that only predict may be left out.
var layered = map[string][]valueType{
	"attention.sliding_window_pattern": {typeBool, typeUint32, typeInt32},
	"attention.recurrent_layers":       {typeBool, typeUint32, typeInt32},
	"attention.rope_pattern":           {typeBool, typeUint32, typeInt32},
	"attention.indexer.types":          {typeBool, typeUint32, typeInt32},
	"swiglu_clamp_exp":                 {typeFloat32},
	"swiglu_clamp_shexp":               {typeFloat32},
}

// ropeScaling names how positions beyond the trained context are bent. The
// engine aborts on a name that it does not know.
const ropeScaling = ".rope.scaling.type"

var ropeScalings = []string{"none", "linear", "yarn", "longrope"}

// sections is how rope dimensions are shared between up to four axes. The
// engine divides by their sum.
const sections = "rope.dimension_sections"

// tokenLists hold tokens that the engine puts in place of others.
var tokenLists = []string{"adapters.token_ids_activate", "adapters.token_ids_substitute"}

// kept reports whether the elements of key are needed after reading. The
// architecture, and so the prefix, is not known yet: it may hold dots, too.
func kept(key string) bool {
	for rest, ok := key, true; ok; {
		if quantities[rest].layers || rest == sections || slices.Contains(tokenLists, rest) {
			return true
		}
		_, rest, ok = strings.Cut(rest, ".")
	}
	return false
}

// judgeShape checks the numbers of the architecture.
func (c *checker) judgeShape() error {
	h := &c.header
	if h.Architecture == "" {
		return nil
	}
	prefix := h.Architecture + "."
	for _, key := range sorted(c.meta.types) {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		q, known := quantities[name]
		if h.Architecture == projector {
			q, known = projectorQuantity(name)
		}
		if known {
			if err := c.judgeQuantity(key, q); err != nil {
				return err
			}
		}
	}
	if h.Architecture == projector {
		return c.judgeProjector()
	}
	one := func(name string) uint64 { return c.meta.numbers[prefix+name].bits }
	h.ContextLength, h.Blocks, h.Embedding = one("context_length"), one("block_count"), one("embedding_length")
	h.Pooling = one("pooling_type")
	h.SlidingWindow = one("attention.sliding_window")
	h.Windowed = h.SlidingWindow > 0 || c.speaksOf(prefix, windows)
	h.State = c.speaksOf(prefix, states)
	if err := c.judgeLayers(prefix); err != nil {
		return err
	}
	for _, name := range []string{"nextn_predict_layers", "posnet.block_count", "convnext.block_count", "attention.shared_kv_layers"} {
		if one(name) > h.Blocks {
			return refuse(prefix+name, "is %d, the model has %d blocks", one(name), h.Blocks)
		}
	}
	if err := c.judgeExperts(prefix); err != nil {
		return err
	}
	if err := c.judgeHeads(prefix); err != nil {
		return err
	}
	return c.judgeRequired(prefix)
}

// Beginnings of keys, less the architecture, that only models have of which some
// layers look at the newest tokens alone, or keep a state.
var (
	windows = []string{"attention.sliding_window_pattern", "attention.chunk", "attention_chunk"}
	states  = []string{"ssm.", "wkv.", "kda.", "token_shift_count", "shortconv.", "attention.recurrent_layers", "full_attention_interval"}
)

func (c *checker) speaksOf(prefix string, beginnings []string) bool {
	for key := range c.meta.types {
		name, ok := strings.CutPrefix(key, prefix)
		if ok && slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(name, b) }) {
			return true
		}
	}
	return false
}

// judgeQuantity checks type and bounds of one number, or of one per layer. The
// engine takes exactly u32; in arrays it copies i32 and bool as well.
func (c *checker) judgeQuantity(key string, q quantity) error {
	field, numbers := short(key), []number(nil)
	if n, ok := c.meta.numbers[key]; ok {
		if n.typ != typeUint32 {
			return refuse(field, "is of type %v, must be u32", n.typ)
		}
		numbers = []number{n}
	} else if l, ok := c.meta.lists[key]; ok && q.layers {
		if l.element != typeUint32 && l.element != typeInt32 && l.element != typeBool {
			return refuse(field, "is an array of %v, must be of u32 or i32", l.element)
		}
		numbers = l.numbers
	} else {
		return refuse(field, "is of type %v, must be u32", c.meta.types[key])
	}
	for _, n := range numbers {
		if v, positive := n.uint(); !positive || v < q.least || v > q.most {
			return refuse(field, "is %d, must be from %d to %d", int64(n.bits), q.least, q.most)
		}
	}
	return nil
}

// judgeLayers wants one element per block in every array that is per layer.
func (c *checker) judgeLayers(prefix string) error {
	h := &c.header
	for _, key := range sorted(c.meta.lists) {
		name, ours := strings.CutPrefix(key, prefix)
		l := c.meta.lists[key]
		if ours && quantities[name].layers && l.length != h.Blocks {
			return refuse(short(key), "has %d elements, the model has %d blocks", l.length, h.Blocks)
		}
		types := layered[name]
		if !ours || types == nil {
			continue
		}
		if !slices.Contains(types, l.element) {
			return refuse(short(key), "is an array of %v, must be of %v", l.element, types[0])
		}
		if predicting := c.meta.numbers[prefix+"nextn_predict_layers"].bits; l.length > h.Blocks || l.length+predicting < h.Blocks {
			return refuse(short(key), "has %d elements, the model has %d blocks", l.length, h.Blocks)
		}
	}
	l, ok := c.meta.lists[prefix+sections]
	if !ok {
		return nil
	}
	sum := uint64(0)
	for _, n := range l.numbers {
		v, positive := n.uint()
		if !positive || v > 1<<16 {
			return refuse(prefix+sections, "has a section of %d", int64(n.bits))
		}
		sum += v
	}
	if l.length > 4 || sum == 0 || !l.element.whole() {
		return refuse(prefix+sections, "has %d sections of %v that sum to %d, must be up to 4 whole numbers above 0 together", l.length, l.element, sum)
	}
	return nil
}

// judgeExperts repeats what the engine asserts of mixtures of experts.
func (c *checker) judgeExperts(prefix string) error {
	experts := c.meta.numbers[prefix+"expert_count"].bits
	dense := strings.HasPrefix(prefix, "hunyuan") && experts <= 1 // the engine then takes all as 0
	for _, used := range c.layers(prefix + "expert_used_count") {
		if used > experts && !dense {
			return refuse(prefix+"expert_used_count", "is %d of %d experts", used, experts)
		}
	}
	groups := c.meta.numbers[prefix+"expert_group_count"].bits
	if groups > 0 && groups >= experts || groups > 1 && experts%groups != 0 {
		return refuse(prefix+"expert_group_count", "is %d, which does not divide %d experts", groups, experts)
	}
	if used := c.meta.numbers[prefix+"expert_group_used_count"].bits; groups > 1 && (used == 0 || used >= groups) {
		return refuse(prefix+"expert_group_used_count", "is %d of %d groups", used, groups)
	}
	return nil
}

// layers gives the numbers of a quantity: one per layer, or the same one for all.
func (c *checker) layers(key string) []uint64 {
	numbers := c.meta.lists[key].numbers
	if n, ok := c.meta.numbers[key]; ok {
		numbers = make([]number, max(c.header.Blocks, 1))
		for i := range numbers {
			numbers[i] = n
		}
	}
	values := make([]uint64, len(numbers))
	for i, n := range numbers {
		values[i] = n.bits
	}
	return values
}

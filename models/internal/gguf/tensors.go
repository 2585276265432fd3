package gguf

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// tensor is one entry of the tensor table, checked.
type tensor struct {
	name            string
	typ             tensorType
	elements, bytes uint64
	offset          uint64 // from the start of the data
}

// readTensors reads the tensor table and compares it with the file: tensors
// lie one after another, each padded to the alignment, and the file ends with
// the last one or its padding. More behind it would be read by nobody, so it
// has no place in a model: it is how a file is made to be two things at once.
func (c *checker) readTensors() error {
	names := newFingerprints(c.tensors)
	weight := map[string]uint64{} // bytes by type
	var end, padded uint64        // of the data so far
	for i := range c.tensors {
		field, t, err := c.readTensor(i, names)
		if err != nil {
			return err
		}
		if t.offset != padded {
			return refuse(field, "has offset %d, the tensor before it ends at %d", t.offset, padded)
		}
		if t.bytes > c.in.size-padded { // padded <= size: so no sum can overflow
			return refuse(field, "ends %d bytes behind the end of the file", t.bytes-(c.in.size-padded))
		}
		end = padded + t.bytes
		padded = c.pad(end)
		c.header.Parameters += t.elements // at most 8 in a byte of the file: no overflow
		weight[t.typ.name] += t.bytes
		if padded > c.in.size && i+1 < c.tensors {
			return refuse(field, "leaves no room for the %d tensors after it", c.tensors-i-1)
		}
	}
	h := &c.header
	h.TensorCount, h.HeaderBytes = int(c.tensors), int64(c.in.offset)
	data := c.pad(c.in.offset)
	h.DataOffset = int64(data)
	if c.tensors > 0 && (data > c.in.size || end > c.in.size-data) {
		return refuse("data section", "needs %d bytes from offset %d, the file has %d: the download was not finished, or the table lies", end, data, c.in.size)
	}
	if c.in.size > data+padded {
		return refuse("data section", "is followed by %d bytes that belong to no tensor", c.in.size-data-padded)
	}
	if h.Quantisation == "" && len(weight) > 0 {
		h.Quantisation = slices.MaxFunc(slices.Sorted(maps.Keys(weight)), func(a, b string) int {
			return cmp.Compare(weight[a], weight[b])
		})
	}
	return nil
}

func (c *checker) pad(n uint64) uint64 { return (n + c.alignment - 1) &^ (c.alignment - 1) }

// readTensor reads one entry. The field names it in errors.
func (c *checker) readTensor(i uint64, names *fingerprints) (field string, t tensor, err error) {
	field = fmt.Sprintf("tensor %d", i)
	raw, err := c.in.text(field, maxTensorName)
	if err != nil {
		return field, t, err
	}
	if !plainKey(raw) {
		return field, t, refuse(field, "is named %s: names are printable ASCII without blanks", quote(string(raw)))
	}
	field = "tensor " + string(raw)
	t.name = field[len("tensor "):]
	if !names.add(raw) {
		return field, t, refuse(field, "is there twice")
	}
	dimensions, err := c.in.uint32(field)
	if err != nil {
		return field, t, err
	}
	if dimensions == 0 || dimensions > maxDimensions {
		return field, t, refuse(field, "has %d dimensions, must be 1 to %d", dimensions, maxDimensions)
	}
	var row uint64
	t.elements = 1
	for d := range dimensions {
		n, err := c.in.uint64(field)
		if err != nil {
			return field, t, err
		}
		if n == 0 || n > maxInt32 {
			return field, t, refuse(field, "has %d elements in dimension %d, must be 1 to %d", n, d, maxInt32)
		}
		if d == 0 {
			row = n
		}
		over, product := bits.Mul64(t.elements, n)
		if over != 0 || product > 1<<62 {
			return field, t, refuse(field, "has more elements than can be counted")
		}
		t.elements = product
	}
	number, err := c.in.uint32(field)
	if err != nil {
		return field, t, err
	}
	typ, ok := tensorTypes[number]
	switch {
	case !ok && retired[number] != "":
		return field, t, refuse(field, "is of type %d, %s", number, retired[number])
	case !ok:
		return field, t, refuse(field, "is of unknown type %d", number)
	case row%typ.block != 0:
		return field, t, refuse(field, "has rows of %d elements, type %s packs %d together", row, typ.name, typ.block)
	}
	t.typ = typ
	over, size := bits.Mul64(t.elements/typ.block, typ.bytes)
	if over != 0 || size > 1<<62 {
		return field, t, refuse(field, "is larger than any file")
	}
	t.bytes = size
	t.offset, err = c.in.uint64(field)
	return field, t, err
}

package vector

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

const (
	maxDims = 4096
	top     = 127  // greatest size of a number of a row
	fine    = 1023 // greatest size of a number of a query: top * fine * maxDims fits into 31 bits
)

// rows are vectors as they are searched: one byte a dimension, the greatest of
// each ±127. Only directions count, so the scale itself is not kept.
type rows struct {
	dims    int
	bytes   []byte    // dims of each row, as int8
	inverse []float32 // of each row's length
	signs   []uint64  // words(dims) of each row: where a number is negative
}

func words(dims int) int { return (dims + 63) / 64 }

func (r *rows) len() int { return len(r.inverse) }

func (r *rows) row(i int) []byte { return r.bytes[i*r.dims : (i+1)*r.dims : (i+1)*r.dims] }

func (r *rows) sign(i int) []uint64 {
	w := words(r.dims)
	return r.signs[i*w : (i+1)*w : (i+1)*w]
}

// measure finds what is kept beside the bytes of a row that is the next; false
// for bytes that quantize does not make. Opening a library does this with every
// byte, so it takes eight at a time.
func (r *rows) measure(row []byte) bool {
	var sum, most, i int
	base := len(r.signs)
	for range words(r.dims) {
		r.signs = append(r.signs, 0)
	}
	for ; i+8 <= len(row); i += 8 {
		x := (*[8]byte)(row[i:])
		for _, b := range x {
			square := int(int8(b)) * int(int8(b))
			sum += square
			most = max(most, square)
		}
		negative := binary.LittleEndian.Uint64(x[:]) >> 7 & 0x0101_0101_0101_0101
		r.signs[base+i/64] |= negative * 0x0102_0408_1020_4080 >> 56 << (i % 64)
	}
	for ; i < len(row); i++ {
		square := int(int8(row[i])) * int(int8(row[i]))
		sum += square
		most = max(most, square)
		r.signs[base+i/64] |= uint64(row[i]>>7) << (i % 64)
	}
	r.inverse = append(r.inverse, float32(1/math.Sqrt(float64(sum))))
	return most == top*top
}

// quantize gives numbers as whole ones of at most greatest in size, which the
// greatest of them has.
func quantize(v []float32, dims, greatest int) ([]int32, error) {
	if len(v) != dims {
		return nil, &VectorError{fmt.Sprintf("it has %d numbers where the model has %d", len(v), dims)}
	}
	var most float64
	for _, x := range v {
		size := math.Abs(float64(x))
		if math.IsNaN(size) || math.IsInf(size, 0) {
			return nil, &VectorError{"one of its numbers is not finite"}
		}
		most = max(most, size)
	}
	if most == 0 {
		return nil, &VectorError{"it is zero"}
	}
	out := make([]int32, dims)
	for i, x := range v {
		out[i] = int32(math.RoundToEven(float64(x) / most * float64(greatest)))
	}
	return out, nil
}

// asked is a vector that is looked for.
type asked struct {
	numbers []int32
	inverse float64
	signs   []uint64
}

func ask(numbers []int32) asked {
	q := asked{numbers: numbers, signs: make([]uint64, words(len(numbers)))}
	square := 0.0
	for i, v := range numbers {
		square += float64(v) * float64(v)
		if v < 0 {
			q.signs[i/64] |= 1 << (i % 64)
		}
	}
	q.inverse = 1 / math.Sqrt(square)
	return q
}

func (q *asked) cosine(r *rows, i int) float64 {
	return float64(dot(q.numbers, r.row(i))) * float64(r.inverse[i]) * q.inverse
}

// dot is written so that the compiler needs no checks inside the loop and the
// processor has four sums to work at.
func dot(q []int32, row []byte) int32 {
	var a, b, c, d int32
	for len(row) >= 8 && len(q) >= 8 {
		x, y := (*[8]byte)(row), (*[8]int32)(q)
		a += int32(int8(x[0]))*y[0] + int32(int8(x[4]))*y[4]
		b += int32(int8(x[1]))*y[1] + int32(int8(x[5]))*y[5]
		c += int32(int8(x[2]))*y[2] + int32(int8(x[6]))*y[6]
		d += int32(int8(x[3]))*y[3] + int32(int8(x[7]))*y[7]
		row, q = row[8:], q[8:]
	}
	for i, x := range row {
		a += int32(int8(x)) * q[i]
	}
	return a + b + c + d
}

// apart counts the dimensions in which two rows point away from each other.
func apart(a, b []uint64) (n int) {
	for i, x := range a {
		n += bits.OnesCount64(x ^ b[i])
	}
	return n
}

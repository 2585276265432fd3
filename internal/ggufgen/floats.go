package ggufgen

import (
	"encoding/binary"
	"math"
)

// singles writes IEEE 754 binary32.
func singles(values []float32) []byte {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// halves writes IEEE 754 binary16, truncating: weights that are random anyway
// need no rounding.
func halves(values []float32) []byte {
	b := make([]byte, 0, 2*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, half(v))
	}
	return b
}

func setHalf(b []byte, i int, v float32) { binary.LittleEndian.PutUint16(b[2*i:], half(v)) }

func half(v float32) uint16 {
	u := math.Float32bits(v)
	sign, exponent := uint16(u>>16)&0x8000, int(u>>23&0xff)-127+15
	switch {
	case exponent <= 0: // below 2^-14: zero serves
		return sign
	case exponent >= 31:
		return sign | 0x7bff // the largest finite
	}
	return sign | uint16(exponent)<<10 | uint16(u>>13)&0x3ff
}

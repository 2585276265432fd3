package shaper

import (
	"bytes"
	"slices"
)

// buckets are the sizes of what is sent at once, in bytes; larger things take
// multiples of the last.
var buckets = []int{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}

// Bucket is the size to which n bytes are padded.
func Bucket(n int) int {
	if i, _ := slices.BinarySearch(buckets, n); i < len(buckets) {
		return buckets[i]
	}
	last := buckets[len(buckets)-1]
	return (n + last - 1) / last * last
}

// Padded tells whether something of n bytes fills its bucket.
func Padded(n int) bool { return n == Bucket(n) }

// PadRequest fills a JSON document up to its bucket, with spaces that every
// parser skips.
func PadRequest(document []byte) []byte { return PadTo(document, Bucket(len(document))) }

// PadTo fills a JSON document up to n bytes, with spaces after it.
func PadTo(document []byte, n int) []byte {
	return append(document, bytes.Repeat([]byte{' '}, max(0, n-len(document)))...)
}

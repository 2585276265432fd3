package models

import (
	"regexp"
	"strconv"
	"strings"
)

// named finds how many parameters a model has by its name: 0.6b, 107m. The number
// after an e, as in e2b, counts those at work at a time, of which there are more.
var named = regexp.MustCompile(`(?:^|-)(\d+(?:\.\d+)?)([bm])(?:-|$)`)

// bitsPerWeight are those of a weight by how files are quantised, with what is kept finer:
// llama.cpp, tools/quantize/README.md, sizes of Llama-3.1-8B.
var bitsPerWeight = []struct {
	name string
	each float64
}{{"q4_k_m", 4.9}, {"q4_0", 4.7}, {"q4_1", 5.1}, {"mxfp4", 4.6}, {"q8_0", 8.5}, {"f16", 16}}

// Estimate is about how many bytes the file of an entry has, by its name alone:
// sizes are not in the catalogue, and asking for one opens a connection. ok is
// false where the name does not say.
func (e Entry) Estimate() (bytes int64, ok bool) {
	m := named.FindStringSubmatch(e.Name)
	if m == nil || len(e.Mirrors) == 0 {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, false
	}
	if n *= 1e6; m[2] == "b" {
		n *= 1e3
	}
	file := strings.ToLower(e.Mirrors[0].String())
	for _, q := range bitsPerWeight {
		if strings.Contains(file, q.name) {
			return int64(n * q.each / 8), true
		}
	}
	return 0, false
}

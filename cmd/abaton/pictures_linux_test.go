package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"abaton.local/internal/ggufgen"
)

// tiny-eye FILE SEED: writes the projector by which a tiny model sees.
func tinyEye(ts *testscript.TestScript, _ bool, args []string) {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), ggufgen.TinyEye(seed, 128).Bytes(), 0o644))
}

// built: the program as `make build` makes it takes the place of the one that
// these tests were linked into. Only it is static, as the jail of pictures wants.
func built(ts *testscript.TestScript, _ bool, _ []string) {
	from := os.Getenv("ABATON_BIN")
	if from == "" {
		ts.Fatalf("run `make check`, which builds the program")
	}
	b, err := os.ReadFile(from)
	ts.Check(err)
	ts.Check(os.Mkdir(ts.MkAbs("bin"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("bin/abaton"), b, 0o755))
	ts.Setenv("PATH", ts.MkAbs("bin")+string(os.PathListSeparator)+ts.Getenv("PATH"))
}

// pictures: writes NAME.b64, and what it is said to be to NAME.type.
func pictures(ts *testscript.TestScript, _ bool, _ []string) {
	one, other := drawing(false), drawing(true)
	whole, again := encodedPNG(ts, one), &bytes.Buffer{}
	ts.Check(gif.Encode(again, one, nil))
	for name, p := range map[string]struct{ kind, text string }{
		"one":     {"image/png", based(whole)},
		"same":    {"image/gif", based(again.Bytes())}, // the same pixels
		"other":   {"image/png", based(encodedPNG(ts, other))},
		"vast":    {"image/png", based(saying(whole, 60000))},
		"liar":    {"image/png", based(saying(whole, 4000))},
		"webp":    {"image/webp", based([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))},
		"words":   {"image/png", based([]byte("no picture at all"))},
		"rubbish": {"image/png", "not*base64"},
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name+".b64"), []byte(p.text), 0o644))
		ts.Check(os.WriteFile(ts.MkAbs(name+".type"), []byte(p.kind), 0o644))
	}
}

// drawing is a picture of few colours, so that GIF loses nothing of it.
func drawing(turned bool) image.Image {
	m := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.NRGBA{250, 20, 60, 255}, color.NRGBA{10, 30, 240, 255}, color.White})
	for y := range 30 {
		for x := range 40 {
			if turned {
				m.SetColorIndex(x, y, uint8(3*y/30))
			} else {
				m.SetColorIndex(x, y, uint8(3*x/40))
			}
		}
	}
	return m
}

func encodedPNG(ts *testscript.TestScript, m image.Image) []byte {
	var b bytes.Buffer
	ts.Check(png.Encode(&b, m))
	return b.Bytes()
}

// saying is a PNG whose header speaks of another size than it has.
func saying(b []byte, side uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], side)
	binary.BigEndian.PutUint32(b[20:], side)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func based(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

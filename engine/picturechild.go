package engine

import (
	"bytes"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

// pictureVerb is the first argument of the child that decodes a picture.
const pictureVerb = "engine-picture"

// What the child's exit code says, beside 0.
const (
	pictureBroken = 10 + iota
	pictureTooLarge
	pictureMoves
	pictureUnknown
	pictureWebP
)

var pictureRefusals = map[int]string{
	pictureBroken:   "it is broken, or not what it says it is",
	pictureTooLarge: "it may have at most 8192 pixels on a side and 16 million in all",
	pictureMoves:    "it moves, and only still pictures are taken",
	pictureUnknown:  "it must be PNG, JPEG or GIF",
	pictureWebP:     "it is WebP, for which there is no decoder here; send it as PNG or JPEG",
}

// IsPictureChild tells whether this process was started by [Picture]. main and
// TestMain ask it first of all, and then call [PictureChild].
func IsPictureChild() bool { return len(os.Args) == 2 && os.Args[1] == pictureVerb }

// PictureChild reads a picture from standard input and writes it anew to standard
// output. It never returns.
func PictureChild() {
	raw, err := io.ReadAll(io.LimitReader(os.Stdin, maxPicture+1))
	if err != nil {
		os.Exit(pictureBroken)
	}
	b, code := redraw(raw)
	if code == 0 {
		if _, err := os.Stdout.Write(b); err != nil {
			code = pictureBroken
		}
	}
	os.Exit(code)
}

// redraw decodes and encodes. The sizes that a picture says it has are looked at
// before any memory is spent on it.
func redraw(raw []byte) ([]byte, int) {
	config, decode, moves := image.Config{}, png.Decode, false
	var err error
	upright := 1
	switch {
	case bytes.HasPrefix(raw, []byte(pngSignature)):
		config, err = png.DecodeConfig(bytes.NewReader(raw))
		moves = movingPNG(raw)
	case bytes.HasPrefix(raw, []byte{0xff, 0xd8, 0xff}):
		config, err = jpeg.DecodeConfig(bytes.NewReader(raw))
		decode, upright = jpeg.Decode, orientation(raw)
	case bytes.HasPrefix(raw, []byte("GIF8")):
		config, err = gif.DecodeConfig(bytes.NewReader(raw))
		decode, moves = gif.Decode, gifFrames(raw) > 1
	case len(raw) >= 12 && string(raw[:4]) == "RIFF" && string(raw[8:12]) == "WEBP":
		return nil, pictureWebP
	default:
		return nil, pictureUnknown
	}
	switch {
	case err != nil:
		return nil, pictureBroken
	case !pictureFits(int64(config.Width), int64(config.Height)):
		return nil, pictureTooLarge
	case moves:
		return nil, pictureMoves
	}
	decoded, err := decode(bytes.NewReader(raw))
	if err != nil || decoded.Bounds().Empty() {
		return nil, pictureBroken
	}
	if !pictureFits(int64(decoded.Bounds().Dx()), int64(decoded.Bounds().Dy())) {
		return nil, pictureTooLarge
	}
	plain := image.NewNRGBA(image.Rect(0, 0, decoded.Bounds().Dx(), decoded.Bounds().Dy()))
	draw.Draw(plain, plain.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, turned(plain, upright)); err != nil {
		return nil, pictureBroken
	}
	return b.Bytes(), 0
}

// movingPNG tells whether a PNG has more pictures than its first.
func movingPNG(raw []byte) bool {
	for kind := range pngChunks(raw) {
		if kind == "acTL" || kind == "fcTL" {
			return true
		}
	}
	return false
}

// gifFrames counts the pictures of a GIF, without decoding them.
func gifFrames(b []byte) (n int) {
	const header, descriptor = 13, 10
	table := func(flags byte) int {
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	skip := func(by int) bool {
		if len(b) < by {
			return false
		}
		b = b[by:]
		return true
	}
	blocks := func() bool {
		for len(b) > 0 {
			size := int(b[0])
			if !skip(1+size) || size == 0 {
				return size == 0
			}
		}
		return false
	}
	if len(b) < header || !skip(header+table(b[10])) {
		return 0
	}
	for len(b) > 0 {
		switch b[0] {
		case 0x21: // an extension
			if !skip(2) || !blocks() {
				return n
			}
		case 0x2c: // a picture
			n++
			if len(b) < descriptor || !skip(descriptor+table(b[9])+1) || !blocks() {
				return n
			}
		default:
			return n
		}
	}
	return n
}

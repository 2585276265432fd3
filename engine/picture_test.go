package engine

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// scene is a picture whose corners tell how it is turned.
func scene(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / w), uint8(255 * y / h), 60, 255})
		}
	}
	return m
}

func encoded(t *testing.T, kind string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	err := errors.ErrUnsupported
	switch kind {
	case "png":
		err = png.Encode(&b, m)
	case "jpeg":
		err = jpeg.Encode(&b, m, nil)
	case "gif":
		err = gif.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngOf writes a PNG of chunks, whatever they say.
func pngOf(chunks ...any) []byte {
	b := []byte(pngSignature)
	for i := 0; i < len(chunks); i += 2 {
		kind, data := chunks[i].(string), chunks[i+1].([]byte)
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		at := len(b)
		b = append(append(b, kind...), data...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	return b
}

func sized(w, h uint32) []byte {
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h), 8, 2, 0, 0, 0)
}

func deflated(n int) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(make([]byte, n))
	_ = w.Close()
	return b.Bytes()
}

// withExif puts an orientation, and a place that nobody shall learn, into a JPEG.
func withExif(b []byte, orientation byte) []byte {
	exif := slices.Concat([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), []byte{orientation}, []byte("\x00\x00\x00\x00\x00\x00GPS secret place"))
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(exif)+2))
	return slices.Concat(head, exif, b[2:])
}

// inJail decodes pictures in the jail. What it could not is a text instead.
func inJail(t *testing.T, pictures map[string][]byte) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	state, err := filepath.Abs("pictures-state") // one for all: what the jail found about this kernel is remembered
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "run"), state} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, raw := range pictures {
		if err := os.WriteFile(filepath.Join(dir, "in", name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), picturesProgram(t), dir, state).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := map[string][]byte{}
	for name := range pictures {
		b, err := os.ReadFile(filepath.Join(dir, "out", name))
		if errors.Is(err, fs.ErrNotExist) {
			b, err = os.ReadFile(filepath.Join(dir, "out", name+".why"))
		}
		if err != nil {
			t.Fatal(err)
		}
		got[name] = b
	}
	return got
}

// picturesProgram builds testdata/pictures, once.
func picturesProgram(t *testing.T) string {
	t.Helper()
	path, err := builtPictures()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builtPictures = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("pictures")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", path, "abaton.local/engine/testdata/pictures")
	cmd.Dir = sourceDir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestPictures(t *testing.T) {
	sent := map[string][]byte{
		"png": encoded(t, "png", scene(40, 30)), "jpeg": encoded(t, "jpeg", scene(40, 30)), "gif": encoded(t, "gif", scene(40, 30)),
		"16 bits": encoded(t, "png", image.NewNRGBA64(image.Rect(0, 0, 40, 30))), "grey": encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 40, 30))),
		"wide":         encoded(t, "png", image.NewPaletted(image.Rect(0, 0, 8192, 30), color.Palette{color.White})),
		"with words":   slices.Concat(encoded(t, "png", scene(40, 30))[:33], pngOf("tEXt", []byte("Comment\x00secret place"))[8:], encoded(t, "png", scene(40, 30))[33:]),
		"words behind": append(encoded(t, "png", scene(40, 30)), "secret place"...),
	}
	for name, b := range inJail(t, sent) {
		t.Run(name, func(t *testing.T) {
			m, err := png.Decode(bytes.NewReader(b))
			if err != nil || m.Bounds().Dy() != 30 || bytes.Contains(b, []byte("secret")) {
				t.Fatalf("%v: %.200s", err, b)
			}
			if name == "png" {
				for _, p := range []image.Point{{0, 0}, {39, 0}, {0, 29}, {20, 15}} {
					if m.At(p.X, p.Y) != color.Color(color.NRGBAModel.Convert(scene(40, 30).At(p.X, p.Y))) && color.NRGBAModel.Convert(m.At(p.X, p.Y)) != scene(40, 30).At(p.X, p.Y) {
						t.Errorf("another picture at %v", p)
					}
				}
			}
		})
	}
}

// A photograph is turned as it was held; where it was taken is gone.
func TestPicturesAreUpright(t *testing.T) {
	want, sent := map[byte]image.Point{1: {60, 16}, 2: {3, 16}, 3: {3, 16}, 4: {60, 16}, 5: {16, 60}, 6: {16, 60}, 7: {16, 3}, 8: {16, 3}, 9: {60, 16}}, map[string][]byte{}
	for o := range want {
		sent[strconv.Itoa(int(o))] = withExif(encoded(t, "jpeg", scene(64, 32)), o)
	}
	got := inJail(t, sent)
	for o, red := range want {
		b := got[strconv.Itoa(int(o))]
		m, err := png.Decode(bytes.NewReader(b))
		if err != nil || bytes.Contains(b, []byte("secret")) {
			t.Fatalf("%d: %v %.200s", o, err, b)
		}
		// What was at the right is reddest there.
		if r, _, _, _ := m.At(red.X, red.Y).RGBA(); r>>8 < 200 {
			t.Errorf("%d: %v: red is %d", o, m.Bounds(), r>>8)
		}
	}
}

func TestHostilePictures(t *testing.T) {
	moving := &gif.GIF{}
	for range 2 {
		moving.Image, moving.Delay = append(moving.Image, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})), append(moving.Delay, 5)
	}
	var moves bytes.Buffer
	if err := gif.EncodeAll(&moves, moving); err != nil {
		t.Fatal(err)
	}
	whole, photo := encoded(t, "png", scene(40, 30)), encoded(t, "jpeg", scene(40, 30))
	hugeGIF := bytes.Clone(encoded(t, "gif", scene(8, 8)))
	binary.LittleEndian.PutUint16(hugeGIF[6:], 65535)
	binary.LittleEndian.PutUint16(hugeGIF[8:], 65535)
	hugeJPEG := bytes.Clone(photo)
	at := bytes.Index(hugeJPEG, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(hugeJPEG[at+5:], 50000)
	binary.BigEndian.PutUint16(hugeJPEG[at+7:], 50000)
	cases := map[string]struct {
		raw []byte
		why int
	}{
		"nothing":             {nil, 0},
		"too many bytes":      {make([]byte, maxPicture+1), 0},
		"text":                {[]byte("hello"), pictureUnknown},
		"base64":              {[]byte("iVBORw0KGgoAAAANSUhEUg"), pictureUnknown},
		"svg":                 {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>`), pictureUnknown},
		"webp":                {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), pictureWebP},
		"bomb":                {pngOf("IHDR", sized(50000, 50000), "IDAT", deflated(1<<20), "IEND", []byte{}), pictureTooLarge},
		"bomb of a gif":       {hugeGIF, pictureTooLarge},
		"bomb of a jpeg":      {hugeJPEG, pictureTooLarge},
		"long and thin":       {pngOf("IHDR", sized(1, 1<<30), "IDAT", deflated(1<<20), "IEND", []byte{}), pictureTooLarge},
		"no size":             {pngOf("IHDR", sized(0, 8), "IDAT", deflated(100), "IEND", []byte{}), pictureBroken},
		"less than it says":   {pngOf("IHDR", sized(4000, 4000), "IDAT", deflated(1000), "IEND", []byte{}), pictureBroken},
		"no end":              {whole[:len(whole)-12], pictureBroken},
		"cut png":             {whole[:len(whole)/2], pictureBroken},
		"cut jpeg":            {photo[:len(photo)/2], pictureBroken},
		"cut head":            {whole[:20], pictureBroken},
		"wrong sum":           {bytes.Replace(whole, []byte("IDAT"), []byte("IDAU"), 1), pictureBroken},
		"moving gif":          {moves.Bytes(), pictureMoves},
		"moving png":          {slices.Concat(whole[:33], pngOf("acTL", make([]byte, 8))[8:], whole[33:]), pictureMoves},
		"only a beginning":    {[]byte{0xff, 0xd8, 0xff, 0xe1}, pictureBroken},
		"exif without an end": {[]byte("\xff\xd8\xff\xe1\xff\xffExif\x00\x00"), pictureBroken},
		// A bomb that fits the caps is only a large picture.
		"large": {pngOf("IHDR", sized(4096, 4096), "IDAT", deflated(4096*(1+3*4096)), "IEND", []byte{}), -1},
	}
	sent := map[string][]byte{}
	for name, c := range cases {
		sent[name] = c.raw
	}
	for name, b := range inJail(t, sent) {
		switch why := cases[name].why; {
		case why == -1:
			if !ourPNG(b) {
				t.Errorf("%s: %.200s", name, b)
			}
		case !strings.HasPrefix(string(b), "bad-request image: ") || why != 0 && !strings.Contains(string(b), pictureRefusals[why]):
			t.Errorf("%s: %.200q", name, b)
		}
	}
}

// What a child that was taken over could write instead.
func TestOnlyOurPNGLeavesTheJail(t *testing.T) {
	good, code := redraw(encoded(t, "png", scene(40, 30)))
	if code != 0 || !ourPNG(good) {
		t.Fatal(code)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another kind": encoded(t, "jpeg", scene(4, 4)), "more behind": append(bytes.Clone(good), 'x'), "cut": good[:len(good)-1],
		"words":      slices.Concat(good[:33], pngOf("tEXt", []byte("a\x00b"))[8:], good[33:]),
		"too large":  pngOf("IHDR", sized(50000, 50000), "IDAT", deflated(10), "IEND", []byte{}),
		"a palette":  pngOf("IHDR", append(sized(4, 4)[:8], 8, 3, 0, 0, 0), "IDAT", deflated(10), "IEND", []byte{}),
		"no pixels":  pngOf("IHDR", sized(4, 4), "IEND", []byte{}),
		"no head":    pngOf("IDAT", deflated(10), "IEND", []byte{}),
		"two ends":   append(bytes.Clone(good), pngOf("IEND", []byte{})[8:]...),
		"wrong sum":  bytes.Replace(good, []byte("IEND"), []byte("IENE"), 1),
		"long claim": append([]byte(pngSignature), 0xff, 0xff, 0xff, 0xff, 'I', 'H', 'D', 'R', 0, 0, 0, 0),
	} {
		if ourPNG(b) {
			t.Errorf("taken: %s", name)
		}
	}
}

func FuzzRedraw(f *testing.F) {
	var t testing.T
	for _, kind := range []string{"png", "jpeg", "gif"} {
		f.Add(encoded(&t, kind, scene(9, 5)))
	}
	f.Add(withExif(encoded(&t, "jpeg", scene(9, 5)), 6))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, code := redraw(raw)
		if code == 0 && !ourPNG(b) || code != 0 && b != nil || code != 0 && pictureRefusals[code] == "" {
			t.Errorf("%d, %d bytes", code, len(b))
		}
	})
}

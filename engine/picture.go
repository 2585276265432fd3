package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"abaton.local/sandbox"
)

// Caps of one picture. They are held by the child, and what it gives is held
// against them again.
const (
	maxPicture     = 20 << 20 // bytes as a program sends it
	maxPictureSide = 8192     // pixels
	maxPixels      = 16 << 20
	maxPicturePNG  = 4*maxPixels + 1<<20 // bytes encoded anew
	pictureMemory  = 1 << 30
	pictureWithin  = 30 * time.Second
)

// Picture decodes a picture that a program sent and encodes it anew, so that none
// of its bytes ever reach an engine. A child of ours does it, in a jail of policy
// go that it reads nothing but the picture in: decoders have had their faults. PNG,
// JPEG and GIF are taken, if they do not move; what they hold beside their pixels
// is gone after it, but for a photograph's orientation, which is applied.
func Picture(ctx context.Context, jail *sandbox.Jail, raw []byte) (Image, error) {
	if len(raw) == 0 || len(raw) > maxPicture {
		return Image{}, outOfRange("image", "it must have 1 byte to 20 MiB")
	}
	ctx, cancel := context.WithTimeout(ctx, pictureWithin)
	defer cancel()
	png, exit, err := decodeInJail(ctx, jail, raw)
	if err != nil {
		return Image{}, err
	}
	if exit.PolicyHit {
		return Image{}, &Fault{Kind: PolicyHit, What: "The decoder of a picture tried something that its jail forbids, and was ended.", Do: "Do not trust this picture, nor where it came from.", Detail: "picture: " + exit.String()}
	}
	if why, known := pictureRefusals[exit.Code]; known {
		return Image{}, outOfRange("image", why)
	}
	if exit.Code != 0 || !ourPNG(png) {
		return Image{}, outOfRange("image", "it could not be decoded")
	}
	return Image{PNG: png}, nil
}

// decodeInJail gives what the child wrote and how it ended.
func decodeInJail(ctx context.Context, jail *sandbox.Jail, raw []byte) ([]byte, sandbox.Exit, error) {
	program, libraries, err := jail.OwnProgram()
	if err != nil {
		return nil, sandbox.Exit{}, unstarted(err)
	}
	defer program.Opened.Close()
	in, feed, err := os.Pipe()
	if err != nil {
		return nil, sandbox.Exit{}, unstarted(err)
	}
	defer feed.Close()
	out, give, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, sandbox.Exit{}, unstarted(err)
	}
	defer out.Close()
	p, err := jail.Start(ctx, sandbox.Spec{
		Name: "picture", Program: program, Files: libraries, Policy: sandbox.Go, Memory: pictureMemory, Stdin: in, Stdout: give,
		Args: func(func(string) string) []string { return []string{pictureVerb} },
	})
	in.Close()
	give.Close()
	if err != nil {
		return nil, sandbox.Exit{}, unstarted(err)
	}
	defer p.RunDir().Close()
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() })
	defer stop()
	var fed sync.WaitGroup
	fed.Go(func() {
		_, _ = feed.Write(raw) // an error means that it ended, which its exit says
		_ = feed.Close()
	})
	png, err := io.ReadAll(io.LimitReader(out, maxPicturePNG+1))
	if len(png) > maxPicturePNG {
		_ = p.Kill()
	}
	<-p.Done()
	fed.Wait()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, sandbox.Exit{}, outOfRange("image", "it takes too long to decode")
	case ctx.Err() != nil:
		return nil, sandbox.Exit{}, ctx.Err()
	case err != nil:
		return nil, sandbox.Exit{}, fmt.Errorf("reading a picture from the jail: %w", err)
	}
	return png, p.Exit(), nil
}

// ourPNG tells whether b is what the child's encoder writes and nothing else: a
// header within the caps, pixels, an end. Its pixels are not looked at.
func ourPNG(b []byte) bool {
	if len(b) > maxPicturePNG {
		return false
	}
	chunks := 0
	end := false
	for kind, data := range pngChunks(b) {
		if data == nil || end {
			return false
		}
		switch {
		case chunks == 0:
			if kind != "IHDR" || len(data) != 13 {
				return false
			}
			w, h := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
			// 8 bits, with or without transparency, not interlaced.
			if !pictureFits(int64(w), int64(h)) || data[8] != 8 || data[9] != 2 && data[9] != 6 || data[10] != 0 || data[11] != 0 || data[12] != 0 {
				return false
			}
		case kind == "IEND":
			end = true
		case kind != "IDAT":
			return false
		}
		chunks++
	}
	return end && chunks > 2
}

func pictureFits(w, h int64) bool {
	return w > 0 && h > 0 && w <= maxPictureSide && h <= maxPictureSide && w*h <= maxPixels
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChunks walks over a PNG file. Data is nil, and the walk over, where the file
// is broken.
func pngChunks(b []byte) func(func(kind string, data []byte) bool) {
	return func(yield func(string, []byte) bool) {
		if len(b) < len(pngSignature) || string(b[:len(pngSignature)]) != pngSignature {
			yield("", nil)
			return
		}
		for b = b[len(pngSignature):]; len(b) > 0; {
			if len(b) < 12 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-12) {
				yield("", nil)
				return
			}
			n := int(binary.BigEndian.Uint32(b))
			if crc32.ChecksumIEEE(b[4:8+n]) != binary.BigEndian.Uint32(b[8+n:]) {
				yield("", nil)
				return
			}
			if !yield(string(b[4:8]), b[8:8+n:8+n]) {
				return
			}
			b = b[12+n:]
		}
	}
}

package gguf

import "strings"

// projector is the architecture of files that turn pictures and sound into
// tokens (mmproj). Their numbers lie one level deeper and are read by other
// code of the engine, clip.cpp.
const projector = "clip"

// projectorQuantities are read for pictures and sound only.
var projectorQuantities = map[string]quantity{
	"image_size":             {0, 1 << 16, false},
	"preproc_image_size":     {0, 1 << 16, false},
	"patch_size":             {1, 1 << 12, false}, // divides
	"projection_dim":         {0, 1 << 20, false},
	"attention.head_dim":     {0, 1 << 16, false},
	"spatial_merge_size":     {0, 1 << 12, false},
	"projector.scale_factor": {0, 1 << 12, false},
	"projector.stack_factor": {0, 1 << 12, false},
	"num_mel_bins":           {1, 1 << 12, false},
	"image_min_pixels":       {0, maxInt32, false},
	"image_max_pixels":       {0, maxInt32, false},
	"local_block_count":      {0, maxBlocks, false},
}

// projectorQuantity finds the bounds of a number by its key less "clip.".
func projectorQuantity(name string) (quantity, bool) {
	for _, part := range []string{"gen.", "vision.", "audio.", "sam."} {
		name = strings.TrimPrefix(name, part)
	}
	if q, ok := projectorQuantities[name]; ok {
		return q, true
	}
	q, ok := quantities[name]
	return quantity{0, q.most, false}, ok
}

// judgeProjector wants three colours where the engine takes three.
func (c *checker) judgeProjector() error {
	for _, key := range []string{"clip.vision.image_mean", "clip.vision.image_std"} {
		if typ, ok := c.meta.types[key]; !ok {
			continue
		} else if l := c.meta.lists[key]; typ != typeArray || l.element != typeFloat32 || l.length != 3 {
			return refuse(key, "is %v of %d, must be an array of 3 f32", typ, l.length)
		}
	}
	return nil
}

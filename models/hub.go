package models

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// hubAddress is where a hub serves a repository's file.
func (p *Puller) hubAddress(r Ref) string {
	parts := strings.Split(r.File, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return p.config.Hub + "/" + r.Repo + "/resolve/main/" + strings.Join(parts, "/")
}

// hubDigest asks the hub for a file's SHA-256 and size. Hugging Face keeps
// large files by that digest (Git LFS) and tells it in the headers of the
// redirect to its storage.
func (p *Puller) hubDigest(ctx context.Context, r Ref) (Digest, int64, error) {
	if p.door == nil {
		return Digest{}, -1, errNoDoor
	}
	header, err := p.door.Peek(ctx, p.hubAddress(r))
	if err != nil {
		return Digest{}, -1, fmt.Errorf("%s: %w", r.bare(), err)
	}
	d, err := ParseDigest(strings.Trim(header.Get("X-Linked-Etag"), `"`))
	if err != nil {
		return Digest{}, -1, fmt.Errorf("%s: the hub tells no SHA-256 of this file; add #sha256= and its 64 digits, as its publisher tells them", r.bare())
	}
	size, err := strconv.ParseInt(header.Get("X-Linked-Size"), 10, 64)
	if err != nil || size <= 0 {
		size = -1
	}
	return d, size, nil
}

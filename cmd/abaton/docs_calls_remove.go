package main

import (
	"context"

	"abaton.local/audit"
	"abaton.local/library"
	"abaton.local/vault"
)

// removeDocuments destroys documents, or a library with all of its documents.
func removeDocuments() call[removeIn, int] {
	return call[removeIn, int]{"docs/remove", func(ctx context.Context, h *home, s vault.Session, in removeIn) (int, error) {
		x, err := h.libraries(ctx, s)
		if err != nil {
			return 0, err
		}
		if in.Followed {
			return h.removeFollowing(ctx, s, x, in.IDs)
		}
		if in.Library == "" {
			if err := h.recordDocuments(audit.DocumentsRemoved, s.Person, uint32(len(in.IDs))); err != nil {
				return 0, err
			}
			return x.Remove(ctx, in.IDs...)
		}
		l, err := x.Library(in.Library)
		if err != nil {
			return 0, err
		}
		return h.removeLibrary(ctx, s, l.ID)
	}}
}

// removeLibrary puts it on record, and then destroys a library.
func (h *home) removeLibrary(ctx context.Context, s vault.Session, id vault.ID) (int, error) {
	x, err := h.libraries(ctx, s)
	if err != nil {
		return 0, err
	}
	list, err := x.Documents(id)
	if err != nil {
		return 0, err
	}
	if err := h.recordDocuments(audit.LibraryRemoved, s.Person, uint32(len(list))); err != nil {
		return 0, err
	}
	return x.RemoveLibrary(ctx, id)
}

type removeIn struct {
	IDs     []vault.ID `json:"ids,omitempty"`
	Library string     `json:"library,omitempty"` // all of it, instead
	// Followed says that a watch follows deletions on somebody's disk: they are
	// counted with what it adds, or the audit log would tell when its person works.
	Followed bool `json:"followed,omitempty"`
}

// removeFollowing removes what a watch found deleted.
func (h *home) removeFollowing(ctx context.Context, s vault.Session, x *library.Libraries, ids []vault.ID) (int, error) {
	k, err := h.shelf(s)
	if err != nil {
		return 0, err
	}
	n, err := x.Remove(ctx, ids...)
	k.arriving.Lock()
	defer k.arriving.Unlock()
	k.removed += uint32(n)
	return n, err
}

package models

import "time"

// Passport is what we know of one model file. It lies beside the file on the
// shelf, is shown by `abaton models show` and checked again at load.
type Passport struct {
	Name          string    `json:"name"`    // what people type; unique on the shelf
	Digest        Digest    `json:"sha256"`  // of the whole file
	Size          int64     `json:"size"`    // bytes
	Source        string    `json:"source"`  // the reference as it was asked for
	Mirrors       []string  `json:"mirrors"` // where the file was or could be fetched
	Licence       string    `json:"licence"` // SPDX identifier, or "unknown"
	Role          string    `json:"role"`    // "chat", "embed", or "eyes": a projector, by which a model sees
	Architecture  string    `json:"architecture"`
	Parameters    uint64    `json:"parameters"`           // sum of all tensor elements
	Quantisation  string    `json:"quantisation"`         // by the header's file type: "Q4_1"
	ContextLength uint64    `json:"context_length"`       // tokens the model was trained for
	Template      Digest    `json:"chat_template_sha256"` // zero when it has none
	Header        string    `json:"header_check"`         // "passed" and the checker's version
	Signature     string    `json:"signature"`            // "none": a warning of INT-01
	FetchedAt     time.Time `json:"fetched_at"`
	FetchedBy     string    `json:"fetched_by"`                // program version
	Projector     Digest    `json:"projector_sha256,omitzero"` // of the eyes that it was given; zero: it does not see
	Note          string    `json:"note,omitempty"`
}

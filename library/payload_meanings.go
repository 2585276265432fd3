package library

import (
	"encoding/hex"

	"abaton.local/library/vector"
	"abaton.local/vault"
)

// modelHead is a model whose vectors there are.
type modelHead struct {
	Schema  int    `json:"schema"`
	Digest  string `json:"model"` // SHA-256 of the file
	Pooling int    `json:"pooling,omitempty"`
	Query   string `json:"query,omitempty"`
	Passage string `json:"passage,omitempty"`
	Dims    int    `json:"dimensions"`
}

func (m *Model) payload() []byte {
	return encode(modelHead{schema, hex.EncodeToString(m.Digest[:]), m.Pooling, m.Query, m.Passage, m.Dims}, "")
}

func parseModel(b []byte) (m Model, err error) {
	var head modelHead
	rest, err := decode(b, &head)
	if err != nil {
		return m, err
	}
	digest, err := hex.DecodeString(head.Digest)
	if err != nil || len(digest) != len(m.Digest) || head.Pooling < 0 || head.Dims < 1 || rest != "" {
		return m, errPayload
	}
	return Model{[32]byte(digest), head.Pooling, head.Query, head.Passage, head.Dims}, nil
}

// A record of vectors is, as one of words, the form's number, the library and the
// segment.
func vectorsPayload(library vault.ID, s *vector.Segment) []byte {
	b := make([]byte, 0, 1+len(library)+len(s.Encoded()))
	return append(append(append(b, segmentForm), library[:]...), s.Encoded()...)
}

func parseVectors(b []byte) (library vault.ID, s *vector.Segment, err error) {
	if len(b) < 1+len(library) || b[0] != segmentForm {
		return library, nil, errPayload
	}
	copy(library[:], b[1:])
	s, err = vector.Decode(b[1+len(library):])
	return library, s, err
}

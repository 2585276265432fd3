package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"abaton.local/posture"
)

// Checks asks whether the models are what their passports say.
func Checks(s *Shelf) []posture.Check {
	return []posture.Check{{
		ID:    "INT-01",
		Title: "Every model is the file that its passport names",
		Maps:  []string{"PA102-R20", "PA102-R3", "PA102-R4", "PA102-R19"},
		Level: posture.Observed,
		Run:   s.integrity,
	}}
}

// integrity hashes every model anew, whatever was remembered. A file without a
// passport, another digest or a missing record fails; a model that nobody
// signed is a warning, for then a digest is trusted since its first use.
func (s *Shelf) integrity(ctx context.Context) posture.Finding {
	f := posture.Finding{Recheck: fmt.Sprintf("(cd '%s' && sha256sum sha256-*.gguf && cat sha256-*.json)", strings.ReplaceAll(s.dir, "'", `'\''`))}
	list, err := s.List()
	var problems, unsigned, seen []string
	if err != nil {
		problems = append(problems, err.Error())
	}
	known := make(map[Digest]bool)
	for _, p := range list {
		known[p.Digest] = true
		file, err := s.open(ctx, p, true)
		if ctx.Err() != nil {
			f.Status, f.Summary = posture.Unknown, "stopped before every model was read"
			return f
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		file.Close()
		seen = append(seen, fmt.Sprintf("%s %s %d bytes", p.Digest, p.Name, p.Size))
		if p.Source == "" || p.Licence == "" || p.FetchedAt.IsZero() || p.Header == "" {
			problems = append(problems, fmt.Sprintf("the passport of %s lacks source, licence, date or header check", p.Name))
		}
		if p.Signature == "" || p.Signature == "none" {
			unsigned = append(unsigned, p.Name)
		}
	}
	strays, err := s.strays(known)
	if err != nil {
		f.Status, f.Summary, f.Evidence = posture.Unknown, "the model folder could not be read", err.Error()
		return f
	}
	for _, n := range strays {
		problems = append(problems, shown(n)+" has no passport")
	}
	f.Evidence = strings.Join(append(problems, seen...), "\n")
	switch {
	case len(problems) > 0:
		f.Status, f.Summary = posture.Fail, fmt.Sprintf("%d models or files are not as recorded: %s", len(problems), problems[0])
		f.Fix = "take what is named off with `abaton models rm`, or delete it, and pull it again"
	case len(list) == 0:
		f.Status, f.Summary = posture.NA, "no model is on the shelf"
	case len(unsigned) > 0:
		f.Status = posture.Warn
		f.Summary = fmt.Sprintf("%d models have the digest and the record they were pulled with; nobody signed %s", len(list), strings.Join(unsigned, ", "))
		f.Fix = "compare the digest with what the model's publisher says: `abaton models show " + unsigned[0] + "`"
	default:
		f.Status, f.Summary = posture.Pass, fmt.Sprintf("%d models have the digest, signature and record they were pulled with", len(list))
	}
	return f
}

// strays lists what lies in the model folder and belongs to no listed model.
func (s *Shelf) strays(known map[Digest]bool) ([]string, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var strays []string
	for _, e := range entries {
		n := e.Name()
		model, isModel := digestIn(n, ".gguf")
		pass, isPassport := digestIn(n, ".json")
		switch {
		case n == incoming, n == lockName, n == verdictsName, n == "lost+found", strings.HasSuffix(n, ".new"):
		case isModel && known[model], isPassport && known[pass]:
		default:
			strays = append(strays, n)
		}
	}
	return strays, nil
}

package main

import (
	"fmt"

	"abaton.local/models"
)

// giveEyes lets a model see by a projector, or no more.
func giveEyes(p *program, shelf *models.Shelf, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usageError{"models", "models sees needs the name of a model, and that of its eyes, or nothing to take them away."}
	}
	eyes := ""
	if len(args) == 2 {
		eyes = args[1]
	}
	m, err := shelf.Attach(args[0], eyes)
	if err != nil {
		return tell(err)
	}
	what := "sees now, by what %s makes of pictures"
	if eyes == "" {
		what, eyes = "does not see any more%s", ""
	}
	_, err = fmt.Fprintf(p.screen.out, "%s "+what+". A running abaton serve takes it up when it is started anew.\n", cleanLine(m.Name), cleanLine(eyes))
	return err
}

func eyesOf(m models.Passport) string {
	if m.Projector.IsZero() {
		return ""
	}
	return m.Projector.String()
}

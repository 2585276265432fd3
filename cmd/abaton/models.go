package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"abaton.local/models"
)

func modelsVerb() verb {
	return verb{
		name: "models", args: "[show NAME | rm NAME | sees NAME EYES]", short: "list, show or remove the models on this machine",
		about: "Lists the models on this machine. `show` prints a model's passport: where it came from, what it is, and which " +
			"checks it passed. `rm` removes one. `sees` gives a model the eyes by which it reads pictures: the projector that its " +
			"publisher offers beside it (its name has mmproj in it), pulled like a model; without EYES it is blind again. A NAME is a model's name, its SHA-256, or the beginning of that.",
		examples: []string{"abaton models", "abaton models show smollm2-135m", "abaton models rm smollm2-135m --yes", "abaton models --json | jq -r '.[].name'"},
		codes:    []int{failed, unprotected, stopped},
		bind: func(fs *flag.FlagSet) action {
			asJSON := fs.Bool("json", false, "print JSON")
			yes := fs.Bool("yes", false, "remove without asking")
			return func(_ context.Context, p *program, args []string) error {
				return modelsAction(p, args, *asJSON, *yes)
			}
		},
	}
}

func modelsAction(p *program, args []string, asJSON, yes bool) error {
	word := "list"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	shelf, err := models.OpenShelf(p.cfg.Folders.Models)
	if err != nil {
		return tell(err)
	}
	switch word {
	case "list", "ls":
		if err := wantNothing("models", args); err != nil {
			return err
		}
		list, err := shelf.List()
		if err != nil {
			return tell(err)
		}
		if asJSON {
			if list == nil {
				list = []models.Passport{}
			}
			return printJSON(p.screen.out, list)
		}
		return listModels(p.screen.out, list, p.screen.width())
	case "show", "rm":
		if len(args) != 1 {
			return usageError{"models", fmt.Sprintf("models %s needs the name of one model.", word)}
		}
		m, err := shelf.Find(args[0])
		if err != nil {
			return tell(err)
		}
		if word == "rm" {
			return removeModel(p, shelf, m, yes)
		}
		if asJSON {
			return printJSON(p.screen.out, m)
		}
		return showModel(p.screen.out, m, p.screen.width())
	}
	if word == "sees" {
		return giveEyes(p, shelf, args)
	}
	near := nearest(word, []string{"list", "show", "rm", "sees"})
	if near == "" {
		return usageError{"models", fmt.Sprintf("models has no %q, only list, show, rm and sees.", word)}
	}
	return usageError{"models", fmt.Sprintf("models has no %q; did you mean `abaton models %s`?", word, near)}
}

// listModels prints a table that fits the width: columns that matter least go
// first, then the name is shortened.
func listModels(w io.Writer, list []models.Passport, width int) error {
	if len(list) == 0 {
		_, err := io.WriteString(w, "No models yet: `abaton pull` fetches a small one to begin with.\n")
		return err
	}
	rows := [][]string{{"NAME", "SIZE", "PARAMETERS", "QUANT", "CONTEXT", "LICENCE", "SHA-256"}}
	for _, m := range list {
		rows = append(rows, []string{
			cleanLine(m.Name), sizeOf(m.Size), parametersOf(m.Parameters), cleanLine(m.Quantisation),
			fmt.Sprint(m.ContextLength), cleanLine(m.Licence), m.Digest.String()[:12],
		})
	}
	return table(w, rows, width, []int{6, 3, 4, 5, 2})
}

// table prints rows in columns. drop says which columns to leave out, and in
// which order, until the rest fits.
func table(w io.Writer, rows [][]string, width int, drop []int) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	total := func() int {
		sum := -2
		for _, n := range widths {
			if n > 0 {
				sum += n + 2
			}
		}
		return sum
	}
	for _, column := range drop {
		if total() > width {
			widths[column] = 0
		}
	}
	if over := total() - width; over > 0 {
		widths[0] = max(widths[0]-over, 8)
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] > 0 {
				cell = clip(cell, widths[i])
				line.WriteString(cell + strings.Repeat(" ", widths[i]-textWidth(cell)+2))
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// showModel prints a passport.
func showModel(w io.Writer, m models.Passport, width int) error {
	template := "none: it cannot be talked to as a chat"
	if !m.Template.IsZero() {
		template = m.Template.String()
	}
	fields := [][2]string{
		{"name", m.Name + sizeRemark(m)},
		{"sha-256", m.Digest.String()},
		{"size", fmt.Sprintf("%s (%d bytes)", sizeOf(m.Size), m.Size)},
		{"source", m.Source},
		{"mirrors", strings.Join(m.Mirrors, " ")},
		{"licence", m.Licence},
		{"role", m.Role},
		{"eyes", eyesOf(m)},
		{"architecture", m.Architecture},
		{"parameters", parametersOf(m.Parameters)},
		{"quantisation", m.Quantisation},
		{"context", fmt.Sprintf("%d tokens", m.ContextLength)},
		{"chat template", template},
		{"header check", m.Header},
		{"signature", m.Signature},
		{"fetched", m.FetchedAt.UTC().Format(time.RFC3339) + " by " + m.FetchedBy},
		{"note", m.Note},
	}
	const column = 15
	for _, f := range fields {
		text := cleanLine(f[1])
		if text == "" {
			continue
		}
		lead := fmt.Sprintf("%-*s", column, f[0])
		if width < 60 {
			lead = f[0] + "\n  "
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", lead, wrapped(text, max(width-column, 30), strings.Repeat(" ", column))); err != nil {
			return err
		}
	}
	return nil
}

func removeModel(p *program, shelf *models.Shelf, m models.Passport, yes bool) error {
	if !yes {
		if !p.screen.inTTY {
			return usageError{"models", "nobody is there to ask: say --yes to remove " + cleanLine(m.Name) + "."}
		}
		fmt.Fprintf(p.screen.errs, "Remove %s (%s)? [y/N] ", cleanLine(m.Name), sizeOf(m.Size))
		line, _ := bufio.NewReader(io.LimitReader(p.in, 100)).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(line)); a != "y" && a != "yes" {
			p.screen.say("Nothing was removed.")
			return errStopped
		}
	}
	if err := shelf.Remove(m.Name); err != nil {
		return tell(err)
	}
	_, err := fmt.Fprintf(p.screen.out, "Removed %s (%s).\n", cleanLine(m.Name), sizeOf(m.Size))
	return err
}

// parametersOf is a number of parameters as models' names have it.
func parametersOf(n uint64) string {
	switch {
	case n == 0:
		return "unknown"
	case n < 1e6:
		return fmt.Sprintf("%.0f k", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.0f M", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f B", float64(n)/1e9)
}

// sizeRemark says what to expect of a very small model.
func sizeRemark(m models.Passport) string {
	switch {
	case m.Parameters == 0 || m.Parameters >= 1e9 || m.Role == "embed":
		return ""
	case m.Parameters >= 400e6:
		return " · a small model: check what it says"
	}
	return " · a tiny model: good to try things, often wrong"
}

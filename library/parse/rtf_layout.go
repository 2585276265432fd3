package parse

// layout takes the words that break and arrange text.
func (r *rtf) layout(word string, n int, on bool) error {
	if r.state.silent {
		return nil
	}
	switch word {
	case "par", "sect":
		return r.endLine()
	case "page":
		if err := r.endParagraph(); err != nil {
			return err
		}
		return r.j.turn(r.j.page + 1)
	case "line":
		r.put("\n")
	case "tab":
		r.put("\t")
	case "emdash":
		r.put("—")
	case "endash":
		r.put("–")
	case "bullet":
		r.put("•")
	case "lquote":
		r.put("‘")
	case "rquote":
		r.put("’")
	case "ldblquote":
		r.put("“")
	case "rdblquote":
		r.put("”")
	case "pard":
		r.state.level, r.state.list, r.state.table = 0, false, false
	case "outlinelevel":
		if n >= 0 && n < 9 {
			r.state.level = n + 1
		}
	case "ls":
		r.state.list = on
	case "intbl":
		r.state.table = true
	case "cell", "nestcell":
		r.row = append(r.row, r.j.take(r.text))
		if len(r.row) > maxColumns {
			return r.j.stop(TokenTooLong)
		}
	case "row", "nestrow":
		if r.rows == nil {
			r.rows = &grid{j: r.j, as: Record{Page: r.j.page, Flags: r.state.flags}}
		}
		row := r.row
		r.row = nil
		return r.rows.add(row, 0)
	}
	return nil
}

// aside begins text that stands beside the text: what was open goes on after it.
func (r *rtf) aside(f Flags) error {
	if r.state.silent || r.state.note || len(r.stack) == 0 {
		return nil
	}
	r.settle()
	r.beside = append(r.beside, [2]*builder{r.text, r.unseen})
	r.text, r.unseen = new(builder), new(builder)
	r.state.flags |= f
	r.state.note = true
	r.state.level, r.state.list, r.state.table = 0, false, false
	return nil
}

// endLine ends a paragraph, in a cell a line.
func (r *rtf) endLine() error {
	r.settle()
	if r.state.silent {
		return nil
	}
	if r.state.table {
		r.put("\n")
		return nil
	}
	return r.endParagraph()
}

func (r *rtf) endParagraph() error {
	r.settle()
	text, unseen := r.j.take(r.text), r.j.take(r.unseen)
	if !r.state.table && text != "" {
		if err := r.endTable(); err != nil {
			return err
		}
	}
	rec := Record{Flags: r.state.flags, Raw: text}
	switch {
	case r.state.level > 0:
		rec.Kind, rec.Level = Heading, r.state.level
	case r.state.list:
		rec.Flags |= List
		rec.Level = 1
	}
	if err := r.j.emit(rec); err != nil {
		return err
	}
	return r.j.emit(Record{Flags: r.state.flags | Hidden, Raw: unseen})
}

func (r *rtf) endTable() error {
	if len(r.row) > 0 {
		if r.rows == nil {
			r.rows = &grid{j: r.j, as: Record{Page: r.j.page}}
		}
		row := r.row
		r.row = nil
		if err := r.rows.add(row, 0); err != nil {
			return err
		}
	}
	if r.rows == nil {
		return nil
	}
	g := r.rows
	r.rows = nil
	return g.flush()
}

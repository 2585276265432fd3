package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"abaton.local/audit"
)

func logVerb() verb {
	return verb{
		name: "log", args: "[show | verify | key] [FOLDER]", short: "what was done here, and whether the record of it is whole",
		about: "Shows the audit log: who was let in, which keys changed, what was found broken; never what was said, nor who worked " +
			"when. People and things appear as pseudonyms. `verify` holds the whole log against its signatures and names the first " +
			"bad record; it needs no server and no secret, only a copy of the folder and the key that `log key` prints. Whoever has " +
			"the machine can put the whole folder back to an earlier state, or sign another history: only a checkpoint kept " +
			"elsewhere shows that, one saved by hand (--since) or one that `abaton witness` cosigned (--witness). Both `show` and " +
			"`verify` say up to where the witnesses cosigned that `witnesses` in abaton.toml names.",
		examples: []string{
			"abaton log", "abaton log show --since 1200 --json", "abaton log verify",
			"abaton log verify --key \"$(cat box.key)\" --since checkpoint.old /media/usb/audit", "abaton log key",
		},
		codes: []int{failed, found},
		bind: func(fs *flag.FlagSet) action {
			var o logOptions
			fs.BoolVar(&o.json, "json", false, "print JSON")
			fs.Var(&o.since, "since", "show: first record, a `NUMBER`; verify: a file with an older checkpoint (may be given again)")
			fs.StringVar(&o.key, "key", "", "verify: the log's `KEY`, as `abaton log key` printed it on that machine")
			fs.Var(&o.witnesses, "witness", "verify: the `KEY` of a witness that must have cosigned (may be given again)")
			return func(_ context.Context, p *program, args []string) error { return logAction(p, args, o) }
		},
	}
}

type logOptions struct {
	json             bool
	key              string
	since, witnesses texts
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string     { return "" }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// auditFolder is where this installation's audit log lies.
func auditFolder(p *program) string { return filepath.Join(p.cfg.Folders.State, "audit") }

func logAction(p *program, args []string, o logOptions) error {
	word := "show"
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	dir := auditFolder(p)
	switch {
	case len(args) > 1:
		return usageError{"log", fmt.Sprintf("log %s takes one folder, got %q as well.", word, args[1])}
	case len(args) == 1:
		dir = args[0]
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return tell(fmt.Errorf("there is no audit log in %s: it begins when `abaton serve` starts, or when a vault is set up", dir))
	}
	if err != nil {
		return tell(err)
	}
	defer root.Close()
	switch word {
	case "show", "list", "ls":
		return showLog(p, root.FS(), o)
	case "verify":
		return verifyLog(p, root.FS(), o)
	case "key":
		return logKey(p, root.FS())
	}
	if near := nearest(word, []string{"show", "verify", "key"}); near != "" {
		return usageError{"log", fmt.Sprintf("log has no %q; did you mean `abaton log %s`?", word, near)}
	}
	return usageError{"log", fmt.Sprintf("log has no %q, only show, verify and key.", word)}
}

// recordJSON is one record in `abaton log show --json`.
type recordJSON struct {
	audit.Record
	Word string `json:"detail_word,omitempty"`
}

func showLog(p *program, log fs.FS, o logOptions) error {
	from := int64(0)
	if len(o.since) > 0 {
		n, err := strconv.ParseInt(o.since[len(o.since)-1], 10, 62)
		if err != nil || n < 0 {
			return usageError{"log", "log show --since needs the number of a record, such as 1200."}
		}
		from = n
	}
	list := []recordJSON{}
	var bad error
	for r, err := range audit.Records(log, from) {
		if err != nil {
			bad = err // what came before is shown all the same
			break
		}
		list = append(list, recordJSON{r, r.What.DetailWord(r.Detail)})
	}
	var err error
	if o.json {
		err = printJSON(p.screen.out, list)
	} else {
		err = listRecords(p.screen.out, list, p.screen.width())
	}
	if err == nil {
		err = logTrouble(bad)
	}
	if err == nil && !o.json {
		err = showKept(p, log)
	}
	return err
}

// showKept says what the known witnesses cosigned.
func showKept(p *program, log fs.FS) error {
	cosigned, err := audit.Kept(log, p.cfg.Witnesses)
	if err != nil {
		return logTrouble(err)
	}
	_, err = io.WriteString(p.screen.out, wrapLines(vouched(cosigned, p.cfg.Witnesses), p.screen.width()))
	return err
}

// vouched says which witnesses cosigned, up to where, and who of those known
// did not.
func vouched(cosigned []audit.Cosigned, known []string) (lines []string) {
	for _, c := range cosigned {
		lines = append(lines, fmt.Sprintf("%s vouches for the first %d records, at %s.", c.Witness, c.Records, c.Time.Format(time.RFC3339)))
	}
	for _, key := range known {
		name, _, _ := strings.Cut(key, "+")
		if !slices.ContainsFunc(cosigned, func(c audit.Cosigned) bool { return c.Witness == name }) {
			lines = append(lines, name+" has handed in nothing that it cosigned: abaton witness --give-back there.")
		}
	}
	return lines
}

// logTrouble gives a bad record the exit code of a check that found something.
func logTrouble(err error) error {
	if _, ok := errors.AsType[*audit.Fault](err); ok {
		return told{err, found}
	}
	return tell(err)
}

func listRecords(w io.Writer, list []recordJSON, width int) error {
	if len(list) == 0 {
		_, err := io.WriteString(w, "No records.\n")
		return err
	}
	rows := [][]string{{"EVENT", "RECORD", "TIME (UTC)", "DETAIL", "RESULT", "BY", "ABOUT", "DIGEST"}}
	short := func(s string, zero bool) string {
		if zero {
			return ""
		}
		return s[:12]
	}
	for _, r := range list {
		detail := r.Word
		if detail == "" && r.Detail != 0 {
			detail = strconv.FormatUint(uint64(r.Detail), 10)
		}
		rows = append(rows, []string{
			r.What.String(), strconv.FormatInt(r.Index, 10), r.Time.Format(time.DateTime), detail, r.Result.String(),
			short(r.Actor.String(), r.Actor.IsZero()), short(r.Object.String(), r.Object.IsZero()),
			short(r.Digest.String(), r.Digest == audit.Digest{}),
		})
	}
	return table(w, rows, width, []int{7, 6, 5, 4, 1})
}

// verifyJSON is what `abaton log verify --json` prints.
type verifyJSON struct {
	Whole  bool          `json:"whole"`
	Report *audit.Report `json:"report,omitempty"`
	Fault  string        `json:"fault,omitempty"`
	Record *int64        `json:"record,omitempty"`      // the first bad one
	Last   *int64        `json:"last_record,omitempty"` // it lies between the two
}

func verifyLog(p *program, log fs.FS, o logOptions) error {
	check := audit.Check{Key: strings.TrimSpace(o.key), Witnesses: o.witnesses, Known: p.cfg.Witnesses}
	if check.Key != "" {
		if _, err := audit.ParseKey(check.Key); err != nil {
			return usageError{"log", "--key: " + err.Error()}
		}
	}
	for _, w := range check.Witnesses {
		if _, err := audit.ParseWitnessKey(w); err != nil {
			return usageError{"log", "--witness: this is no public key of a witness: `abaton witness key` prints it there"}
		}
	}
	for _, name := range o.since {
		b, err := readSmall(name)
		if err != nil {
			return tell(err)
		}
		check.Since = append(check.Since, b)
	}
	r, err := audit.Verify(log, check)
	fault, bad := errors.AsType[*audit.Fault](err)
	if err != nil && !bad {
		return tell(err)
	}
	if o.json {
		out := verifyJSON{Whole: err == nil}
		if err == nil {
			out.Report = &r
		} else {
			out.Fault = fault.Error()
			if fault.Record != audit.None {
				out.Record, out.Last = &fault.Record, &fault.Last
			}
		}
		if err := printJSON(p.screen.out, out); err != nil {
			return err
		}
		if bad {
			return checksFailed{}
		}
		return nil
	}
	if bad {
		return told{err, found}
	}
	_, err = io.WriteString(p.screen.out, wrapLines(verdict(r, o, p.cfg.Witnesses), p.screen.width()))
	return err
}

// verdict says what was seen, and what could not be.
func verdict(r audit.Report, o logOptions, known []string) []string {
	lines := []string{fmt.Sprintf("The audit log is whole: %d records, signed %d times by %s.", r.Records, r.Checkpoints, r.Origin)}
	if r.Records > 0 {
		lines = append(lines, fmt.Sprintf("First %s, last %s.", r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339)))
	}
	if r.Unsigned > 0 {
		lines = append(lines, fmt.Sprintf("%d further records are in order and not signed yet.", r.Unsigned))
	}
	if r.CutShort {
		lines = append(lines, "At its end a writing was cut short; nobody was told that it was done.")
	}
	lines = append(lines, vouched(r.Cosigned, known)...)
	if len(o.since) > 0 {
		lines = append(lines, "It has grown from each checkpoint given with --since.")
	}
	if o.key == "" {
		lines = append(lines, "The key was the one in its own folder: give the one you noted earlier with --key.")
	}
	switch {
	case len(o.since) > 0:
	case len(r.Cosigned) > 0:
		lines = append(lines, "Not seen this way: the whole folder put back to an earlier state, what was cosigned along with it. "+
			"The witness itself remembers; or compare with a checkpoint kept elsewhere: --since.")
	default:
		lines = append(lines, "Not seen this way: the whole folder put back to an earlier state, or another history signed with the "+
			"same key. Compare with a checkpoint kept elsewhere: --since, or --witness.")
	}
	return lines
}

func wrapLines(lines []string, width int) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(wrapped(cleanLine(l), width, "") + "\n")
	}
	return b.String()
}

func logKey(p *program, log fs.FS) error {
	b, err := fs.ReadFile(log, "key")
	if err != nil {
		return tell(err)
	}
	key := strings.TrimSpace(string(b))
	if _, err := audit.ParseKey(key); err != nil {
		return told{errors.New("the file `key` of the audit log is damaged"), found}
	}
	_, err = fmt.Fprintln(p.screen.out, key)
	return err
}

// readSmall reads a file that a person named, which cannot be large.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const largest = 64 << 10
	b, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(b) > largest {
		err = fmt.Errorf("%s is larger than what belongs there", name)
	}
	return b, err
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"unicode/utf8"

	"abaton.local/chat"
	"abaton.local/engine"
)

func askVerb() verb {
	return verb{
		name: "ask", args: "QUESTION", short: "ask one question; standard input is the material",
		about: "Asks one question and prints the answer as it is made. What standard input holds, where it is not a terminal, " +
			"is the material that the question is about; without a question, it is the question. Nothing is kept: whoever asks here is a guest. " +
			"With --docs it answers from your own documents (see `abaton docs`): which passages were read stands before it, each quotation was looked up in them, and what no passage supports is marked. " +
			"Models with fewer than 3,000,000,000 parameters do not write, for they invent: then the passages stand there word for word, those first that a model of 1,000,000,000 or more finds to answer, and --generate has it write all the same.",
		examples: []string{
			`abaton ask "What is the capital of France?"`,
			`abaton ask "what is the notice period?" < contract.txt`,
			`abaton ask --json "Name three rivers." | jq -r .answer`,
			`abaton ask --docs "What is the notice period of my lease?"`,
			`abaton ask --library mail "When does the train leave?"`,
			`abaton ask --whole 3f9a1c20 "What does it say about repairs?"`,
		},
		settings: append(slices.Clone(roomSettings), "person"),
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			asJSON := fs.Bool("json", false, "print one JSON object: answer, model, finish, usage; with --docs passages, sentences, outcome")
			docs := fs.Bool("docs", false, "answer from your own documents")
			var o askDocsOptions
			fs.StringVar(&o.library, "library", "", "as --docs, from the library of this `NAME` alone")
			fs.Func("whole", "as --docs, from the document of this `ID` or name, read whole where it fits; may stand several times", func(id string) error {
				o.whole = append(o.whole, id)
				return nil
			})
			fs.BoolVar(&o.generate, "generate", false, "with --docs: have the model write the answer, however small it is")
			fs.BoolVar(&o.extract, "extract", false, "with --docs: passages alone, word for word; no model is asked")
			return func(ctx context.Context, p *program, args []string) error {
				o.json = *asJSON
				if *docs || o.library != "" || len(o.whole) > 0 {
					return askDocs(ctx, p, args, o)
				}
				if o.generate || o.extract {
					return usageError{"ask", "--generate and --extract say how documents answer: give --docs, too."}
				}
				return ask(ctx, p, args, *asJSON)
			}
		},
	}
}

// largestMaterial bounds what is read from standard input, in bytes.
const largestMaterial = 1 << 20

func ask(ctx context.Context, p *program, args []string, asJSON bool) error {
	material, err := readMaterial(p.in)
	if err != nil {
		return tell(err)
	}
	question := strings.TrimSpace(strings.Join(args, " "))
	if question == "" {
		question, material = strings.TrimSpace(material), ""
	}
	if question == "" {
		return usageError{"ask", "there is no question."}
	}
	if err := checkText("the question", question); err != nil {
		return tell(err)
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	context.AfterFunc(ctx, release) // a second Ctrl-C ends the program at once
	answers, err := openAnswers(ctx, p, asWhom{guest: true})
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer answers.close()
	how := mannerFor(p.cfg, answers.model)
	request := how.ask(engine.Message{Role: engine.User, Content: question})
	if material != "" {
		request = chat.WithMaterial(question, material)
		request.Model, request.Options = how.model, how.options
	}
	r, err := printAnswer(ctx, p, answers, request, asJSON)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	if r.finish == engine.Length {
		p.screen.complain("the answer was cut off: question and answer fill the model's context.")
	}
	return nil
}

func printAnswer(ctx context.Context, p *program, a answerer, request chat.Ask, asJSON bool) (reply, error) {
	var r reply
	out := newPrinter(p.screen)
	for e, err := range a.Answer(ctx, request) {
		if err != nil {
			return r, errors.Join(err, out.end())
		}
		r.text += e.Text
		r.model, r.finish, r.usage = e.Model, e.Finish, e.Usage
		if asJSON {
			continue
		}
		if err := out.show(e.Text); err != nil {
			return r, err
		}
	}
	if asJSON {
		return r, printJSON(p.screen.out, answerJSON{
			Answer: r.text, Model: r.model, Finish: string(r.finish),
			Usage: usageJSON{r.usage.PromptTokens, r.usage.AnswerTokens},
		})
	}
	return r, out.end()
}

type answerJSON struct {
	Answer string    `json:"answer"`
	Model  string    `json:"model"`
	Finish string    `json:"finish"`
	Usage  usageJSON `json:"usage"`
}

type usageJSON struct {
	Prompt int `json:"prompt_tokens"`
	Answer int `json:"answer_tokens"`
}

// readMaterial reads standard input where it is a pipe or a file. A terminal
// or another device is not read: nobody would know what it waits for.
func readMaterial(in *os.File) (string, error) {
	info, err := in.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return "", nil // a closed standard input holds nothing
	}
	b, err := io.ReadAll(io.LimitReader(in, largestMaterial+1))
	if err != nil {
		return "", fmt.Errorf("cannot read standard input: %w", err)
	}
	if len(b) > largestMaterial {
		return "", fmt.Errorf("standard input is larger than %d bytes, the most that is read as material: send the part that matters", largestMaterial)
	}
	return string(b), checkText("standard input", string(b))
}

// checkText refuses what is no text before an engine hears it.
func checkText(what, s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return fmt.Errorf("%s is not text: there is a NUL byte at position %d", what, i)
	}
	if !utf8.ValidString(s) {
		i := 0
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return fmt.Errorf("%s is not UTF-8 text: look at position %d", what, i)
	}
	return nil
}

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"abaton.local/leak/corpus"
)

// TEMPORARY until leak/corpus ships recordings.
func loadCorpus(path string) (c leakCorpus, err error) {
	c.about = corpus.About{Version: "dev", Model: "dev-model", Engine: "dev", Machine: "dev"}
	words := strings.Fields("the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there")
	for l, label := range []string{"noise", "hiv", "law", "protest", "whistle"} {
		for i := range 100 {
			id := fmt.Sprintf("%s-%d", label, i)
			r := rand.New(rand.NewPCG(uint64(l), uint64(i)))
			c.prompts = append(c.prompts, corpus.Prompt{ID: id, Set: corpus.Topics, Label: label, Text: strings.Repeat("why ", 3+r.IntN(5))})
			for s := range 4 {
				rec := corpus.Recording{Prompt: id, Seed: uint64(s), PromptTokens: 20}
				at := time.Duration(50+r.IntN(60)) * time.Millisecond
				for range 20 + 15*l + r.IntN(50) {
					at += time.Duration(15+r.IntN(20)) * time.Millisecond
					rec.Pieces = append(rec.Pieces, corpus.Piece{Text: " " + words[(r.IntN(20)+l*3)%len(words)], At: at})
				}
				rec.Stopped = at + time.Millisecond
				c.recordings = append(c.recordings, rec)
			}
		}
	}
	return c, nil
}

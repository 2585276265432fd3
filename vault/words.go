package vault

import (
	"crypto/rand"
	_ "embed"
	"encoding/binary"
	"math/big"
	"strings"
)

// wordList has 7,776 short English words, one a line: the large list that the
// Electronic Frontier Foundation published in 2016 for passphrases
// (eff.org/dice), under the Creative Commons Attribution 3.0 licence, as it
// stands there but without the numbers of the dice.
//
//go:embed words.txt
var wordList string

const (
	phraseWords = 6    // 77 bits
	listWords   = 7776 // in wordList
)

// NewPhrase draws a passphrase of six words. Each word is as likely as any
// other, so it has 77 bits: with Argon2id in front of it no guessing reaches
// it, even where the device secret was stolen along with the data.
func NewPhrase() Once {
	words := strings.Fields(wordList)
	var phrase []byte
	for i := range phraseWords {
		if i > 0 {
			phrase = append(phrase, ' ')
		}
		phrase = append(phrase, words[below(listWords)]...)
	}
	return newOnce(phrase)
}

// digestWords is how many words 128 bits need: each is worth 12.9.
const digestWords = 10

// DigestWords says the first 128 bits of a digest in words of the list, for
// people who compare it by eye or aloud. The bits are one number, written with
// 7,776 digits, the most significant first: whoever wants another file with the
// same words has to try 2^128.
func DigestWords(sum [32]byte) string {
	list, spoken := strings.Fields(wordList), make([]string, digestWords)
	rest, base, digit := new(big.Int).SetBytes(sum[:16]), big.NewInt(listWords), new(big.Int)
	for i := range spoken {
		rest.DivMod(rest, base, digit)
		spoken[digestWords-1-i] = list[digit.Int64()]
	}
	return strings.Join(spoken, " ")
}

// below draws a number from 0 to n-1, all equally likely.
func below(n uint32) uint32 {
	var b [4]byte
	for {
		rand.Read(b[:]) // never fails: it ends the program instead
		v := binary.BigEndian.Uint32(b[:])
		// The highest, incomplete run of n numbers would favour small ones.
		if limit := ^uint32(0) - (^uint32(0)%n+1)%n; v <= limit {
			return v % n
		}
	}
}

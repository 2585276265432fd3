package vault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func parsed(s string) ([recoveryGroups * groupData]byte, error) {
	var b [recoveryGroups * groupData]byte
	err := parseRecoveryCode(&b, []byte(s))
	return b, err
}

func TestRecoveryCodeIsReadHoweverItIsTyped(t *testing.T) {
	code := string(newRecoveryCode().Reveal())
	want, err := parsed(code)
	if err != nil || len(code) != 41 {
		t.Fatalf("%d characters, %v", len(code), err)
	}
	for name, typed := range map[string]string{
		"lower case":     strings.ToLower(code),
		"no hyphens":     strings.ReplaceAll(code, "-", ""),
		"spaces":         strings.ReplaceAll(code, "-", "  "),
		"O for 0":        strings.ReplaceAll(code, "0", "O"),
		"l and i for 1":  strings.ReplaceAll(strings.ReplaceAll(code, "1", "l"), "l", "i"),
		"line break":     code[:20] + "\r\n" + code[20:] + "\n",
		"hyphens astray": "-" + code + "-",
	} {
		if got, err := parsed(typed); err != nil || got != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every slip is not only seen: the group in which it is, is named.
func TestRecoveryCodeNamesTheGroupOfASlip(t *testing.T) {
	code := string(newRecoveryCode().Reveal())
	seen := 0
	for i := range code {
		group := i/6 + 1
		if code[i] == '-' {
			continue
		}
		for _, c := range recoveryDigits {
			if byte(c) == code[i] {
				continue
			}
			typed := code[:i] + string(c) + code[i+1:]
			if _, err := parsed(typed); !errors.Is(err, ErrRecoveryCode) || !strings.Contains(err.Error(), fmt.Sprintf("group %d ", group)) {
				t.Fatalf("one wrong character in group %d: %v", group, err)
			}
			seen++
		}
		if i+1 < len(code) && code[i+1] != '-' && code[i] != code[i+1] {
			typed := code[:i] + string(code[i+1]) + string(code[i]) + code[i+2:]
			if _, err := parsed(typed); err == nil {
				t.Fatalf("two characters swapped in group %d", group)
			}
			seen++
		}
	}
	if seen < 35*31 {
		t.Errorf("only %d slips tried", seen)
	}
	for i := range recoveryGroups {
		for j := range i {
			groups := strings.Split(code, "-")
			if groups[i] == groups[j] {
				continue
			}
			groups[i], groups[j] = groups[j], groups[i]
			if _, err := parsed(strings.Join(groups, "-")); err == nil {
				t.Errorf("groups %d and %d swapped", i+1, j+1)
			}
		}
	}
	for typed, want := range map[string]string{
		"":                        "0 characters",
		code[:40]:                 "34 characters",
		code + "A":                "36 characters",
		code[:7] + "U" + code[8:]: "group 2",
		code[:7] + "é" + code[9:]: "group 2",
	} {
		if _, err := parsed(typed); !errors.Is(err, ErrRecoveryCode) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %s", len(typed), err, want)
		}
	}
}

func FuzzRecoveryCode(f *testing.F) {
	f.Add("00001-00002-00003-00004-00005-00006-00007")
	f.Add(string(newRecoveryCode().Reveal()))
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		b, err := parsed(typed)
		if err != nil {
			if len(typed) >= 12 && strings.Contains(err.Error(), typed) {
				t.Error("the error repeats what was typed")
			}
			return
		}
		// What is read is one code, and its own spelling reads back as itself.
		var again strings.Builder
		for g := range recoveryGroups {
			var values [groupData]byte
			for i := range groupData {
				c := b[g*groupData+i]
				values[i] = byte(strings.IndexByte(recoveryDigits, c))
				again.WriteByte(c)
			}
			again.WriteByte(recoveryDigits[groupCheck(g, values)])
		}
		if got, err := parsed(again.String()); err != nil || got != b {
			t.Errorf("%v", err)
		}
	})
}

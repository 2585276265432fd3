package vault

import (
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// A recovery code is seven groups of five characters: four that count, 20 bits,
// and one that checks them, so that a slip of the pen is named by its group.
// 140 bits need no stretching, and it is the one secret that the device secret
// is not mixed into: it opens the vault on a new machine.
const (
	recoveryGroups = 7
	groupData      = 4
	groupSize      = groupData + 1
	// recoveryDigits are Crockford's: no I, L, O (read as 1, 1, 0) and no U.
	recoveryDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// newRecoveryCode draws a code, and gives it as people see it.
func newRecoveryCode() Once {
	code := make([]byte, 0, recoveryGroups*(groupSize+1))
	for g := range recoveryGroups {
		if g > 0 {
			code = append(code, '-')
		}
		var group [groupData]byte
		for i := range group {
			group[i] = byte(below(32))
			code = append(code, recoveryDigits[group[i]])
		}
		code = append(code, recoveryDigits[groupCheck(g, group)])
	}
	return newOnce(code)
}

// groupCheck computes a group's last character in the field of 32 elements: the
// four values times the first four powers of its generator, plus the group's
// number. So any one wrong character, any two swapped and any two groups
// swapped are seen.
func groupCheck(g int, group [groupData]byte) byte {
	sum := byte(g + 1)
	for i, v := range group {
		for range i + 1 {
			if v <<= 1; v&0x20 != 0 {
				v ^= 0x25 // x⁵ + x² + 1
			}
		}
		sum ^= v
	}
	return sum
}

// ErrRecoveryCode says that what was typed is no recovery code; the error that
// wraps it says where to look.
var ErrRecoveryCode = errors.New("this is not a recovery code")

// parseRecoveryCode reads what a person typed into the 28 characters that
// count, in dst. Hyphens, spaces and the case of letters do not matter.
func parseRecoveryCode(dst *[recoveryGroups * groupData]byte, typed []byte) error {
	var values [recoveryGroups * groupSize]byte
	defer clear(values[:])
	n := 0
	for _, c := range typed {
		v, skip, ok := recoveryDigit(c)
		switch {
		case skip:
			continue
		case !ok:
			return fmt.Errorf("%w: in group %d is a character that never stands in one; look again at what was written down", ErrRecoveryCode, min(n/groupSize, recoveryGroups-1)+1)
		case n < len(values):
			values[n] = v
		}
		n++
	}
	if n != len(values) {
		return fmt.Errorf("%w: it has %d characters, and a recovery code has %d in %d groups", ErrRecoveryCode, n, len(values), recoveryGroups)
	}
	for g := range recoveryGroups {
		group := values[g*groupSize : (g+1)*groupSize]
		if groupCheck(g, [groupData]byte(group)) != group[groupData] {
			return fmt.Errorf("%w: group %d has a typing error, or stands in the wrong place", ErrRecoveryCode, g+1)
		}
		for i := range groupData {
			dst[g*groupData+i] = recoveryDigits[group[i]]
		}
	}
	return nil
}

// recoveryDigit gives a character's value; skip says that it does not count.
func recoveryDigit(c byte) (v byte, skip, ok bool) {
	switch {
	case c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		return 0, true, false
	case 'a' <= c && c <= 'z':
		c -= 'a' - 'A'
	}
	switch c {
	case 'O':
		c = '0'
	case 'I', 'L':
		c = '1'
	}
	for i := range len(recoveryDigits) {
		if recoveryDigits[i] == c {
			return byte(i), false, true
		}
	}
	return 0, false, false
}

func (s *slotSet) newRecoverySlot(root *seal.Key, code []byte) (slot, error) {
	x := slot{kind: SlotRecovery, id: NewID(), since: s.version}
	var secret [recoveryGroups * groupData]byte
	defer clear(secret[:])
	if err := parseRecoveryCode(&secret, code); err != nil {
		return slot{}, err
	}
	s.wrap(&x, secret[:], nil, root)
	return x, nil
}

func (s *slotSet) openRecoverySlot(dst []byte, x slot, code []byte) error {
	var secret [recoveryGroups * groupData]byte
	defer clear(secret[:])
	if err := parseRecoveryCode(&secret, code); err != nil {
		return err
	}
	return s.unwrap(dst, x, secret[:], nil)
}

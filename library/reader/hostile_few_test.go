//go:build !soak

package reader

import "time"

// How many hostile files are made of PDF, and of all other formats.
const hostilePDF, hostileOther = 120, 250

// How long a child may be silent, and a file take in all, if that is asked: where the
// machine has other work, a clock tells nothing.
const hostilePatience, hostileWithin = 5 * time.Minute, 0 * time.Second

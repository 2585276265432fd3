//go:build soak

package reader

import "time"

// How many hostile files are made of PDF, and of all other formats.
const hostilePDF, hostileOther = 1000, 1200

// How long a child may be silent, as anywhere, and a file take in all.
const hostilePatience, hostileWithin = idleWithin, 30 * time.Second

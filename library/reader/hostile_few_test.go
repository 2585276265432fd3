//go:build !soak

package reader

// How many hostile files are made of PDF, and of all other formats.
const hostilePDF, hostileOther = 120, 250

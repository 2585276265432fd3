//go:build !soak

package main

// smallFiles is how many are added at once, killRounds how often who adds is killed.
const smallFiles, killRounds = 2000, 20

//go:build !linux

package enginepack

// bootID is not to be had: nothing is remembered, every start hashes.
func bootID() string { return "" }

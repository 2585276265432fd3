//go:build !linux

package models

// bootID is not to be had: no verdict is kept beyond the process.
func bootID() string { return "" }

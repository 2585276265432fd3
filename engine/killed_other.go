//go:build !linux

package engine

// oomKills is not known here.
func oomKills() (int64, bool) { return 0, false }

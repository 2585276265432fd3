//go:build !linux

package gateway

func childMain(string) (code int, is bool) { return 0, false }

//go:build !linux

package main

import "errors"

// become refuses: leaving root for good on all threads is tried on Linux only.
func become(account) error {
	return errors.New("leaving root is not known to be safe on this system: start as an ordinary account")
}

// closeOnExec is never reached: become refused.
func closeOnExec() error { return become(account{}) }

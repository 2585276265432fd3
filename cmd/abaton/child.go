package main

import "abaton.local/sandbox"

// becomeChildIfAsked turns this process into the stub of a jail, if that is
// what it was started as. It comes first, before anything is read or opened.
func becomeChildIfAsked() {
	if sandbox.IsChild() {
		sandbox.Child()
	}
}

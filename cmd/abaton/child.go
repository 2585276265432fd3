package main

import (
	"abaton.local/engine"
	"abaton.local/library/reader"
	"abaton.local/sandbox"
)

// becomeChildIfAsked turns this process into the stub of a jail, or into what
// runs in one, if that is what it was started as. It comes first, before anything is read or opened.
func becomeChildIfAsked() {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	if engine.IsPictureChild() {
		engine.PictureChild()
	}
	if reader.IsChild() {
		reader.Child()
	}
}

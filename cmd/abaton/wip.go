package main

import (
	"context"
	"flag"
)

func becomeChildIfAsked()                              {}
func wantsTools(*flag.FlagSet) bool                    { return false }
func prepareAsRoot(context.Context, *program) error    { return nil }
func showVersion(context.Context, *program, bool) error { return nil }

package main

import "context"

func (o *leakOptions) lookThrough(ctx context.Context, p *program) error { return nil }
func (o *leakOptions) attackFile(ctx context.Context, p *program) error  { return nil }

//go:build goexperiment.runtimesecret

package vault

import "runtime/secret"

// guarded runs f so that whatever it leaves in registers, on the stack and, once
// unreachable, on the heap is wiped. What f gives back must be copied into
// memory that its caller made.
func guarded(f func()) { secret.Do(f) }

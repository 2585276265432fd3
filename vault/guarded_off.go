//go:build !goexperiment.runtimesecret

package vault

// guarded runs f. This toolchain cannot wipe what f leaves behind: the program
// is built with GOEXPERIMENT=runtimesecret where that exists.
func guarded(f func()) { f() }

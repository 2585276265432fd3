//go:build soak

package parse

const mutants = 20_000

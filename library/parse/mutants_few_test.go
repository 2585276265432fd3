//go:build !soak

package parse

const mutants = 400

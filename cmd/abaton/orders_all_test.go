//go:build soak

package main

const orderEvery = 1

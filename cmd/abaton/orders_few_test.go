//go:build !soak

package main

// orderEvery is which part of the injection set goes the whole way: one in so many.
const orderEvery = 10

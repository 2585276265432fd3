// Command abaton is a private AI server: it runs open language models on your
// own machine, behind walls. This package holds the verbs a person types, and
// opens the rooms of the house in order; what the rooms do is theirs.
package main

func main() {}

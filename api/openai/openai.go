// Package openai translates between bytes of the OpenAI chat completions
// dialect and package chat, and does nothing else: no sockets, no clocks, no
// state. Facts follow OpenAI's published OpenAPI document; how failures are
// told follows what the official client libraries read.
package openai

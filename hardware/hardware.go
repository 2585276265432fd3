// Package hardware tells facts about this machine: cores, memory, processor
// features. It gives no advice.
package hardware

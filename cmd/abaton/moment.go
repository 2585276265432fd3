package main

import "time"

// moment is a time as people read it, in their own time zone.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

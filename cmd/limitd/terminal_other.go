//go:build !unix

package main

// ignoreTerminalStop does nothing: there is no job control.
func ignoreTerminalStop() {}

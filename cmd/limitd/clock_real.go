//go:build !faultclock

package main

// faultClock does nothing: the clock is the system's.
func faultClock() {}

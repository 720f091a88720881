//go:build race

package masktest

const raceEnabled = true

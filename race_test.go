//go:build race

package satra_test

const raceEnabled = true

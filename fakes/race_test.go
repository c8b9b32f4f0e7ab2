//go:build race

package fakes_test

const raceDetector = true

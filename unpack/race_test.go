//go:build race

package unpack

// raceDetector is true where memory is the detector's, not ours.
const raceDetector = true

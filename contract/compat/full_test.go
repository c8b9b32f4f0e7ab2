package compat_test

import "os"

// full is the one switch of this package's tests: with EVENTPROOF_FULL=1 they
// run on everything, which takes many minutes. Without it they run on a part,
// drawn in a fixed way: every so manyth pair of the corpus, fewer seeds.
func full() bool { return os.Getenv("EVENTPROOF_FULL") == "1" }

// either is the one number where tests run on everything, the other in the
// default run.
func either(everything, part int) int {
	if full() {
		return everything
	}
	return part
}

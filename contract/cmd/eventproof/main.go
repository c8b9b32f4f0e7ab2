// Command eventproof checks events against their contracts.
//
//	eventproof validate contracts               are the contracts and their examples sound?
//	eventproof validate contracts events.jsonl  do these events keep them?
//	eventproof init                             write a first contract, with a test
//
// It exits with 0 when there is nothing to say, 100 when there are findings,
// 1 when it could not do its work. See eventproof help.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

package main

import (
	"fmt"
	"strings"
	"testing"
)

// line is an event as go tool test2json writes it.
func line(action, test, output string) string {
	return fmt.Sprintf(`{"Action":%q,"Test":%q,"Output":%q,"Elapsed":0.5}`+"\n", action, test, output)
}

func TestReadResults(t *testing.T) {
	const name = "daprd/pubsub/http/basic"
	test := suitePrefix + name
	begun := line("run", "TestSuite", "") + line("run", test, "") + line("pause", test, "") + line("cont", test, "")
	tests := []struct {
		name, input string
		want        outcome
		message     string
		reason      string
	}{
		{"passed", begun + line("pass", test+"/run", "") + line("pass", test, ""), passed, "", "what its subtests say is in it"},
		{"skipped in its body", begun + line("skip", test+"/run", "") + line("pass", test, ""), skipped, "", "go test calls a test passed of which a subtest is skipped"},
		{"skipped in its set-up", begun + line("skip", test, ""), skipped, "", "there is no body then"},
		{"a part skipped", begun + line("skip", test+"/run/windows", "") + line("pass", test+"/run", "") + line("pass", test, ""), passed, "", "the rest of the body has run"},
		{"failed", begun +
			line("output", test+"/run", "    basic.go:80: \n") +
			line("output", test+"/run", "        \tError Trace:\t/m/dapr@v1.16.0/tests/integration/framework/process/daprd/daprd.go:222\n") +
			line("output", test+"/run", "        \t            \t\t\t\t/m/dapr@v1.16.0/tests/integration/suite/daprd/pubsub/http/basic.go:80\n") +
			line("output", test+"/run", "        \tError:      \tNot equal: \n") +
			line("output", test+"/run", "        \t            \texpected: 1\n") +
			line("output", test+"/run", "        \t            \tactual  : 2\n") +
			line("output", test+"/run", "        \tTest:       \tTestSuite/daprd/pubsub/http/basic/run\n") +
			line("output", test+"/run", "        \tMessages:   \tof the topic\n") +
			line("output", test+"/run", "        \tError Trace:\tsecond.go:1\n") +
			line("fail", test+"/run", "") + line("fail", test, ""),
			failed, "daprd/pubsub/http/basic.go:80: Not equal: expected: 1 actual  : 2 (of the topic)", "the first assertion, at the case's own line"},
		{"failed in a loop", begun +
			line("output", test+"/run", "        \tError Trace:\t/m/tests/integration/suite/daprd/pubsub/http/basic.go:9\n") +
			line("output", test+"/run", "        \tError:      \tconnection refused\n") +
			line("output", test+"/run", "    basic.go:80: \n") +
			line("output", test+"/run", "        \tError Trace:\tother.go:1\n") +
			line("fail", test, ""),
			failed, "daprd/pubsub/http/basic.go:9: connection refused", "what EventuallyWithT collects names no test at its end"},
		{"failed without testify", begun +
			line("output", test, "    basic.go:70: starting\n") + line("output", test, "    basic.go:80: no answer\n") + line("fail", test, ""),
			failed, "basic.go:80: no answer", "the last that was logged"},
		{"stuck", begun +
			line("output", test+"/run", "SIGQUIT: quit\n") +
			line("output", test+"/run", "\t/m/dapr@v1.16.0/tests/integration/suite/daprd/pubsub/http/basic.go:99 +0x11\n") +
			line("fail", "TestSuite", ""),
			noEnd, "waits without end at daprd/pubsub/http/basic.go:99", "the stack says where"},
		{"stuck elsewhere", begun +
			line("output", test+"/run", "\t/m/dapr@v1.16.0/tests/integration/suite/daprd/pubsub/http/other.go:9 +0x11\n"),
			noEnd, "waits without end, here or in a case beside it: daprd/pubsub/http/other.go:9", "files are not always named as their cases"},
		{"panicked", begun + line("output", "TestSuite/x", "panic: send on closed channel\n"), noEnd, "the suite ended: panic: send on closed channel", "whichever case it was"},
		{"not begun", line("run", test, "") + line("pause", test, "") + line("output", "TestSuite", "no room\n"), notBegun, "no room", "announced is not begun"},
		{"another case alike", begun + line("pass", suitePrefix+name+"2", ""), noEnd, "waits without end", "a name that begins as this one is another case"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			results, err := readResults(strings.NewReader(tt.input), []string{name})
			if err != nil {
				t.Fatal(err)
			}
			if got := results[name]; got.outcome != tt.want || got.message != tt.message {
				t.Errorf("%s\nwant %q %q\n got %q %q", tt.reason, tt.want, tt.message, got.outcome, got.message)
			}
		})
	}
}

func TestReadResultsOfNoJSON(t *testing.T) {
	if _, err := readResults(strings.NewReader("flag provided but not defined\n"), []string{"a"}); err == nil {
		t.Error("want an error for lines that are not test2json's")
	}
}

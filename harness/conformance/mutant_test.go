package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mutant is a change of one condition of the fake, which some case must notice.
type mutant struct {
	file     string // in fakes
	old, new string // old occurs once
	breaks   string
}

// mutants are run by `make mutants`: see mutantrun_test.go.
func mutants() []mutant {
	return []mutant{
		// The answers of an app.
		{"call.go", "case code >= 200 && code <= 299:", "case code >= 200 && code <= 399:", "a redirect is an error"},
		{"call.go", "			return outcome{kind: handled, answer: journal.Success}\n		}\n		return byStatus(answer.Status)", "			return outcome{kind: failed, answer: journal.Success}\n		}\n		return byStatus(answer.Status)", "a body that is not JSON is success"},
		{"call.go", "	case code == http.StatusNotFound:\n		return outcome{kind: forgotten", "	case code == http.StatusNotFound:\n		return outcome{kind: refused", "404 has no dead letter"},
		{"call.go", "case \"\", journal.Success:", "case journal.Success:", "no status is success"},
		{"call.go", "return outcome{kind: refused, answer: journal.Drop}", "return outcome{kind: failed, answer: journal.Drop, code: noCode}", "DROP is not tried again"},
		{"call.go", "default: // RETRY, and what daprd does not know\n		return outcome{kind: failed,", "default: // RETRY, and what daprd does not know\n		return outcome{kind: handled,", "RETRY is a failure"},
		{"call.go", "		return outcome{kind: failed, answer: text, code: noCode}", "		return outcome{kind: failed, answer: text, code: 500}", "no matching list excludes RETRY"},
		{"call.go", "if code == codes.Unimplemented {\n			o.kind = forgotten", "if code == codes.NotFound {\n			o.kind = forgotten", "Unimplemented is acknowledged"},
		{"call.go", "return outcome{kind: failed, answer: fmt.Sprintf(\"status %d\", s), code: noCode}", "return outcome{kind: handled, answer: fmt.Sprintf(\"status %d\", s), code: noCode}", "an unknown gRPC status is a failure"},
		{"call.go", "answer: fmt.Sprintf(\"HTTP %d\", code), code: code, body", "answer: fmt.Sprintf(\"HTTP %d\", code), code: noCode, body", "matching looks at the HTTP status"},
		{"call.go", "code: int(code), grpc: true, note: status.Convert(err).Message()}", "code: noCode, grpc: true, note: status.Convert(err).Message()}", "matching looks at the gRPC code"},
		{"delivery.go", "	o := outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: note}\n	if d.sub.protocol", "	o := outcome{kind: handled, answer: journal.NoAnswer, code: noCode, note: note}\n	if d.sub.protocol", "a lost answer is a failure"},
		// The policy.
		{"call.go", "if timeout <= 0 {", "if timeout >= 0 {", "the policy's timeout ends an attempt"},
		{"call.go", "return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: timedOutNote}", "return outcome{kind: unusable, answer: journal.NoAnswer, code: noCode, note: timedOutNote}", "a timeout is tried again"},
		{"send.go", "attempts > r.MaxRetries)", "attempts >= r.MaxRetries)", "maxRetries more attempts than one"},
		{"send.go", "return time.Duration(float64(r.Duration) * scale), true", "return time.Duration(float64(r.Duration) * scale / 2), true", "the interval of a constant policy"},
		{"delivery.go", "d.outcome.code != noCode && !r.Matches(", "d.outcome.code == noCode && !r.Matches(", "a matching list excludes codes"},
		{"send.go", "if r.Policy != resources.PolicyExponential {", "if r.Policy != resources.PolicyConstant {", "a constant policy is not exponential"},
		{"send.go", "*interval = r.InitialInterval", "*interval = r.InitialInterval * 4", "the first interval of an exponential policy"},
		{"send.go", "math.Min(float64(*interval)*r.Multiplier, float64(r.MaxInterval)*scale)", "math.Max(float64(*interval)*r.Multiplier, float64(r.MaxInterval)*scale) * 2", "maxInterval bounds the wait"},
		{"delivery.go", "	case unusable, failed, barred:\n		if d.expiredAtBroker() || !d.deadLetter() {", "	case unusable, failed, barred:\n		if d.expiredAtBroker() || d.sub.deadLetter == \"\" {", "what fails is dead-lettered before it is acknowledged"},
		// Dead letters, time to live.
		{"delivery.go", "if d.outcome.kind == refused && d.sub.deadLetter != \"\" && !d.deadLetter() {", "if d.outcome.kind == refused && d.sub.deadLetter == \"\" && !d.deadLetter() {", "DROP is dead-lettered, and lost without a dead letter topic"},
		{"delivery.go", "		d.last = d.record(journal.Entry{Kind: journal.Expired})\n		d.deadLetter()\n", "		d.last = d.record(journal.Entry{Kind: journal.Expired})\n", "an expired event is dead-lettered"},
		{"delivery.go", "	case unrouted:\n		if !d.deadLetter() {", "	case unrouted:\n		if d.sub.deadLetter == \"\" || len(d.sub.rules) > 0 {", "what matches no rule is dead-lettered"},
		{"delivery.go", "		d.drop(fmt.Sprintf(\"%s: %s acknowledges it without a dead letter\", d.outcome.answer, d.world.version))", "		d.deadLetter()", "what 404 loses is not dead-lettered"},
		{"delivery.go", "	if expired(event) {", "	if !expired(event) && event[\"expiration\"] != nil {", "an event is overdue after its time to live"},
		{"delivery.go", "store(d.world, c, d.sub.deadLetter, &m)", "store(d.world, c, d.sub.deadLetter+\".x\", &m)", "the dead letter topic is the subscription's"},
		{"envelope.go", "at.UTC().Before(time.Now().UTC())", "at.UTC().Before(time.Now().UTC().Add(-time.Hour))", "a time to live that has passed has passed"},
		{"envelope.go", "return time.Duration(seconds) * time.Second, true", "return time.Duration(seconds) * time.Minute, true", "a bare time to live is in seconds"},
		// Decoding and routing.
		{"delivery.go", "	raw, err := rawPayload(map[string]string{\"rawPayload\": d.sub.rawPayload})\n	if err != nil {\n		return outcome", "	raw, err := rawPayload(map[string]string{\"rawpayload\": d.sub.rawPayload})\n	if err != nil {\n		return outcome", "a raw subscription takes bytes"},
		{"delivery.go", "return outcome{kind: unusable, note: \"not a CloudEvent: \" + err.Error()}", "return outcome{kind: unrouted, note: \"not a CloudEvent: \" + err.Error()}", "what is no CloudEvent stays pending"},
		{"delivery.go", "return outcome{kind: unusable, note: \"routing rule: \" + err.Error()}", "return outcome{kind: unrouted, note: \"routing rule: \" + err.Error()}", "an event whose rule fails stays pending"},
		{"subscription.go", "for _, r := range s.rules {", "for i := range s.rules {\n		r := s.rules[len(s.rules)-1-i]", "rules are asked in their order"},
		{"subscription.go", "		if matches {", "		if !matches {", "a rule takes what matches"},
		{"subscription.go", "		if err != nil {\n			return \"\", false, err\n		}\n		matches", "		if err != nil {\n			continue\n		}\n		matches", "a rule that fails does not fall through"},
		{"subscription.go", "	}\n	return \"\", false, nil\n}\n", "	}\n	return s.rules[0].path, true, nil\n}\n", "without a default what matches no rule has no route"},
		{"programmatic.go", "if path := item.Routes.Default; path != \"\" {", "if path := item.Routes.Default; path == \"-\" {", "the default route over HTTP"},
		{"programmatic.go", "if path := item.GetRoutes().GetDefault(); path != \"\" {", "if path := item.GetRoutes().GetDefault(); path == \"-\" {", "the default route over gRPC"},
		{"programmatic.go", "rawPayload: item.GetMetadata()[\"rawPayload\"], kind:", "rawPayload: item.GetMetadata()[\"raw\"], kind:", "a gRPC app's raw subscription"},
		{"subscription.go", "s := &subscription{component: r.PubSub, topic: r.Topic, deadLetter: r.DeadLetterTopic,", "s := &subscription{component: r.PubSub, topic: r.Topic, deadLetter: r.Name,", "a declared dead letter topic"},
		// The envelope.
		{"envelope.go", "	case isContentType(contentType, \"application/json\"):", "	case strings.Contains(contentType, \"json\"):", "JSON under another name is a string"},
		{"envelope.go", "binary := isContentType(contentType, \"application/octet-stream\")", "binary := isContentType(contentType, \"application/bytes\")", "bytes go out as data_base64"},
		{"envelope.go", "cmp.Or(contentType, \"text/plain\")", "cmp.Or(contentType, \"application/json\")", "no content type is text"},
		{"envelope.go", "event[\"topic\"], event[\"pubsubname\"] = topic, pubsub", "event[\"pubsubname\"] = pubsub", "the topic of a CloudEvent of the app's own is set"},
		{"envelope.go", "		if event[attribute] == nil {\n			event[attribute] = value", "		if event[attribute] != nil {\n			event[attribute] = value", "what a CloudEvent of the app's own lacks is filled in"},
		{"envelope.go", "if parent := o.values[4]; parent != \"\" {", "if parent := o.values[4]; parent == \"-\" {", "traceparent can be set"},
		{"envelope.go", "cmp.Or(source, app)", "cmp.Or(\"\", app)", "the source is the app, or what it sets"},
		{"envelope.go", "\"id\": w.newID(), \"specversion\"", "\"id\": \"raw\", \"specversion\"", "a raw event has a new id at each delivery"},
		{"envelope.go", "	d.UseNumber()\n", "", "numbers keep their text"},
		{"envelope.go", "strings.Cut(strings.ToLower(contentType), \";\")", "strings.Cut(strings.ToLower(contentType), \"!\")", "a content type is compared without parameters"},
		{"envelope.go", "strings.Cut(strings.ToLower(contentType), \";\")", "strings.Cut(contentType, \";\")", "a content type is compared without case"},
		{"envelope.go", "strings.EqualFold(key, name)", "strings.HasPrefix(key, name)", "publish metadata is read without case"},
		{"envelope.go", "if _, ok := event[\"traceid\"]; !ok {", "if _, ok := event[\"traceparent\"]; !ok {", "without traceid a traceparent is overwritten"},
		{"topicevent.go", "	case string(data) == \"null\":\n	case strings.HasPrefix(strings.ToLower(contentType), \"text/\"), isContentType(contentType, \"application/xml\"):", "	case string(data) == \"null\":\n	case strings.HasPrefix(strings.ToLower(contentType), \"text/\"):", "XML reaches a gRPC app"},
		{"topicevent.go", "	case string(data) == \"null\":\n	case strings.HasPrefix(strings.ToLower(contentType), \"text/\"), isContentType", "	case string(data) == \"null\":\n	case strings.HasPrefix(strings.ToLower(contentType), \"text/html\"), isContentType", "text reaches a gRPC app"},
		{"topicevent.go", "		r.Data = []byte(text)\n	case isContentType(contentType, \"application/json\"), isContentType", "		r.Data = []byte(text)\n	case strings.Contains(contentType, \"json\"), isContentType", "JSON under another name is lost on a gRPC app"},
		{"call.go", "if !strings.EqualFold(name, \"Content-Length\") {", "if strings.EqualFold(name, \"Content-Length\") {", "publish metadata reaches an HTTP app"},
		// Publishing and scopes.
		{"publish.go", "if !a.mayPublish(p.pubsub, p.topic) {", "if !a.mayPublish(p.pubsub, p.topic) && raw {", "an app publishes to the topics of its scope only"},
		{"publish.go", "if _, ok := a.components[p.pubsub]; !ok {", "if _, ok := a.components[p.pubsub]; !ok && p.topic == \"\" {", "an unknown pubsub is refused"},
		{"stream.go", "if !c.MaySubscribe(a.id, in.GetTopic()) {", "if in.GetTopic() == \"\" && !c.MaySubscribe(a.id, in.GetTopic()) {", "a stream subscribes within its scope only"},
		// The broker.
		{"broker.go", "		if p.queued == 0 {\n			p.rounds++", "		if p.queued != 0 {\n			p.rounds++", "what is pending comes again after processingTimeout"},
		{"broker.go", "		g.next = g.topic.gone\n", "		g.next = g.topic.end()\n", "a new group begins at the topic's beginning"},
		{"broker.go", "	s := slices.MinFunc(g.subs, earlier)", "	s := slices.MaxFunc(g.subs, earlier)", "who has waited longest is served"},
		{"broker.go", "	g.blocked = append(g.blocked, s)\n", "", "the read of a stream that has ended takes an event"},
		{"subscription.go", "s.app.busy[s.component] < s.concurrency", "s.app.busy[s.component] < s.concurrency+9", "concurrency bounds what is delivered at once"},
		// Bulk deliveries.
		{"bulksubscribe.go", "	case len(b.collected) >= b.most:", "	case len(b.collected) > b.most:", "a batch goes out when it is full"},
		{"bulksubscribe.go", "	n := min(len(b.collected), b.most)", "	n := len(b.collected)", "a batch has maxMessagesCount entries at most"},
		{"bulkcall.go", "take(bulkStatus{e.id, failed, \"the app's answer does not name this entry\"})", "take(bulkStatus{e.id, handled, \"the app's answer does not name this entry\"})", "an entry that is not named is a failure"},
		{"bulkcall.go", "case code < 200 || code > 299:", "case code < 200 || code > 399:", "a redirect is an error of a batch"},
		{"bulkcall.go", "answer: text, bulk: all(members, forgotten, text, fmt.Sprintf(", "answer: text, bulk: all(members, refused, text, fmt.Sprintf(", "404 loses a batch"},
		{"bulkcall.go", "		return outcome{kind: failed, answer: text, code: int(code), grpc: true, note: note, bulk", "		return outcome{kind: failed, answer: text, code: noCode, grpc: true, note: note, bulk", "matching looks at the gRPC code of a batch"},
		{"bulksubscribe.go", "		case e.failed && t.err:", "		case e.failed:", "an entry whose rule fails is lost with its batch"},
		{"bulksubscribe.go", "		if e.failed {\n			p.members", "		if !e.failed {\n			p.members", "a policy tries again with the entries that failed"},
		{"bulksubscribe.go", "			victim := attempted[i]", "			victim := e", "a DROP after a retry dead-letters another entry"},
		{"bulksubscribe.go", "	buried := t.anyError && t.buryAll(bad)", "	buried := t.err && t.buryAll(bad)", "what fails alone in a batch is dead-lettered"},
		{"bulk.go", "cause: cause, raw: raw})", "cause: cause, raw: !raw})", "rawPayload of a bulk publish is the request's"},
		// Streams.
		{"stream.go", "return outcome{kind: failed, answer: fmt.Sprintf(\"status %d\", s), code: noCode}", "return outcome{kind: handled, answer: fmt.Sprintf(\"status %d\", s), code: noCode}", "an unknown status on a stream is a failure"},
		{"stop.go", "const afterLast = 400 * time.Millisecond", "const afterLast = 0 * time.Millisecond", "a stream ends 400 ms after its last delivery"},
		{"stream.go", "if timeout := d.sub.policy.Timeout; timeout > 0 {", "if timeout := d.sub.policy.Timeout; timeout < 0 {", "the policy's timeout ends an attempt on a stream"},
		{"stream.go", "rawPayload: in.GetMetadata()[\"rawPayload\"], kind:", "rawPayload: in.GetMetadata()[\"raw\"], kind:", "a stream's raw subscription"},
		// The circuit breaker.
		{"breaker.go", "		b.counts.consecutiveFailures = 0\n", "", "a success ends a row of failures"},
		{"breaker.go", "if b.state == breakerHalfOpen || b.trips() {", "if b.trips() {", "when half open one failure opens it"},
		{"breaker.go", "b.counts.requests >= int64(b.maxRequests):", "b.counts.requests > int64(b.maxRequests):", "when half open maxRequests are let through"},
		{"breaker.go", "b.counts.consecutiveSuccesses >= int64(b.maxRequests) {", "b.counts.consecutiveSuccesses >= 1 {", "it closes after maxRequests successes"},
		{"breaker.go", "if b.after(d.generation, d.outcome.kind != failed, time.Now()) {", "if b.after(d.generation, d.outcome.kind == handled, time.Now()) {", "DROP and 404 are successes"},
		{"breaker.go", "case b.state == breakerClosed && b.interval > 0:", "case b.state == breakerClosed && b.interval < 0:", "the counts are cleared after interval"},
		{"breaker.go", "		b.expiry = now.Add(b.timeout)", "		b.expiry = now.Add(100 * b.timeout)", "it is half open after timeout"},
		{"breaker.go", "policy = a.resources.Outbound(a.id, component)", "policy = a.resources.Inbound(a.id, component)", "each direction names its breaker"},
		{"delivery.go", "	d.count()\n	if d.outcome.kind == failed {", "	d.count()\n	if d.outcome.kind == failed || d.outcome.kind == barred {", "an open breaker ends the retries"},
	}
}

// source is the file of the fake, and what it is with the mutant in it.
func (m mutant) source(t *testing.T) (path, changed string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "fakes", m.file))
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(data), m.old), "%s has changed: of the mutant %q the text to replace is to be there once:\n%s", m.file, m.breaks, m.old)
	return path, strings.Replace(string(data), m.old, m.new, 1)
}

func TestMutantsHaveTheirPlace(t *testing.T) {
	if _, err := os.Stat(filepath.Join("..", "..", "fakes")); err != nil {
		t.Skip("this program runs without the sources of the fake: run it in its folder")
	}
	require.GreaterOrEqual(t, len(mutants()), 40)
	seen := make(map[string]bool)
	for _, m := range mutants() {
		require.False(t, seen[m.breaks], m.breaks)
		seen[m.breaks] = true
		_, changed := m.source(t)
		require.NotEmpty(t, changed)
	}
}

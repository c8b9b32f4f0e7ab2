package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// daprType is the type of all events that are published to Dapr as plain data.
const daprType = "com.dapr.event.sent"

// recording is an event of the file.
type recording struct {
	index int
	place string // file:line
	event contract.Event
	data  *schema.Node
}

// kindOf are the events of one contract.
type kindOf struct {
	pubsub, topic string
	unplaced      bool   // one of them names no topic
	typ           string // "" where it says nothing
	contentType   string
	recordings    []recording
}

// names are what the flags --event and --topic say.
type names struct{ event, topic string }

// leftOut is an event that is not taken, with the reason.
type leftOut struct {
	index int
	why   string
}

// fromEvents makes contracts of recorded events that all of them keep. skipped says
// which events are no part of that, and why, in their order.
func fromEvents(dir, file string, stdin io.Reader, say names) (p planned, skipped []string, err error) {
	inputs, err := read(file, stdin)
	if err != nil {
		return p, nil, fmt.Errorf("init: %w", err)
	}
	var recordings []recording
	var out []leftOut
	for i, in := range inputs {
		r, why := record(in, say)
		if r.index = i; why != "" {
			out = append(out, leftOut{i, in.place + ": " + why})
			continue
		}
		recordings = append(recordings, r)
	}
	for {
		if len(recordings) == 0 {
			return p, nil, fmt.Errorf("init: no event is left to make a contract of:\n  %s", strings.Join(inTheirOrder(out), "\n  "))
		}
		kinds, others := grouped(recordings, say)
		out = append(out, others...)
		contracts, err := contractsOf(kinds, say)
		if err != nil {
			return p, nil, err
		}
		if p, err = plan(dir, contracts); err != nil {
			return p, nil, err
		}
		// Every event that was taken must keep the contract that it led to. One that
		// breaks CloudEvents itself, or says too little to be placed, is taken out.
		kept, broken, err := keeping(p.catalog, kinds)
		if err != nil {
			return p, nil, err
		}
		if len(broken) == 0 {
			return p, inTheirOrder(out), nil
		}
		out, recordings = append(out, broken...), kept
	}
}

func inTheirOrder(all []leftOut) (why []string) {
	slices.SortStableFunc(all, func(a, b leftOut) int { return a.index - b.index })
	for _, one := range all {
		why = append(why, one.why)
	}
	return why
}

// record reads an event, or says why it is not taken.
func record(in input, say names) (r recording, why string) {
	e, err := contract.ParseEvent(in.text)
	var bad *contract.EventError
	switch {
	case errors.As(err, &bad):
		return r, bad.Violation.What
	case err != nil:
		return r, err.Error()
	case e.DataBase64 != nil:
		return r, "its data is binary (data_base64): a schema is made of JSON data only"
	case e.Data == nil:
		return r, "it has no data"
	case !isJSONType(e.DataContentType):
		return r, fmt.Sprintf("its data is %s: a schema is made of JSON data only", e.DataContentType)
	case e.Topic == "" && e.Type == "" && say.topic == "":
		return r, "it names neither a topic nor a type: say the topic with --topic"
	case e.Topic == "" && e.Type == daprType && say.topic == "":
		return r, "it names no topic, and its type is Dapr's own: say the topic with --topic"
	}
	data, err := schema.ReadJSON(e.Data)
	var refused schema.Refused
	if errors.As(err, &refused) {
		return r, "its data: " + refused[0].What
	}
	return recording{place: in.place, event: e, data: data}, ""
}

func isJSONType(contentType string) bool {
	if contentType == "" {
		return true
	}
	media := mediaOf(contentType)
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

func mediaOf(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return media
}

// grouped puts events together that fall under one contract: of one pubsub, topic
// and type. others are those of another content type than the first.
func grouped(recordings []recording, say names) (kinds []*kindOf, others []leftOut) {
	for _, r := range recordings {
		typ := r.event.Type
		if typ == daprType {
			typ = ""
		}
		pubsub, topic := cmp.Or(r.event.PubSub, "pubsub"), cmp.Or(r.event.Topic, say.topic, typ)
		i := slices.IndexFunc(kinds, func(k *kindOf) bool { return k.pubsub == pubsub && k.topic == topic && k.typ == typ })
		media := mediaOf(cmp.Or(r.event.DataContentType, "application/json"))
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, &kindOf{pubsub: pubsub, topic: topic, typ: typ, contentType: media})
		}
		k := kinds[i]
		if media != k.contentType {
			others = append(others, leftOut{r.index, fmt.Sprintf("%s: its data is %s, and that of the first such event %s: one contract has one content type", r.place, media, k.contentType)})
			continue
		}
		k.unplaced = k.unplaced || r.event.Topic == ""
		k.recordings = append(k.recordings, r)
	}
	return kinds, others
}

// contractsOf makes a contract for each kind.
func contractsOf(kinds []*kindOf, say names) ([]newContract, error) {
	if len(kinds) > 1 && say.event != "" {
		return nil, fmt.Errorf("init: --event names one contract, and the events are of %d kinds (%s): leave it out, or give the events of one kind", len(kinds), list(kinds))
	}
	for _, k := range kinds {
		if i := slices.IndexFunc(k.recordings, func(r recording) bool { return r.event.Topic != "" }); say.topic != "" && k.topic != say.topic {
			return nil, fmt.Errorf("init: --topic is %s, and %s names topic %s: leave it out", say.topic, k.recordings[i].place, k.topic)
		}
	}
	var all []newContract
	for _, k := range kinds {
		n := newContract{topic: k.topic, match: map[string]string{}}
		n.event = uniqueName(eventName(cmp.Or(say.event, k.typ, n.topic)), all)
		if k.pubsub != "pubsub" {
			n.pubsub = k.pubsub
		}
		if k.contentType != "application/json" {
			n.contentType = k.contentType
		}
		shared := slices.ContainsFunc(kinds, func(o *kindOf) bool { return o != k && o.topic == k.topic && o.pubsub == k.pubsub })
		if shared || k.unplaced && n.event != k.typ {
			n.match["type"] = cmp.Or(k.typ, daprType)
		}
		var seen shape
		for _, r := range k.recordings {
			seen.add(r.data)
		}
		n.schema = described(seen.schema())
		n.examples = examplesOf(k.recordings)
		all = append(all, n)
	}
	return all, nil
}

func list(kinds []*kindOf) string {
	var all []string
	for _, k := range kinds {
		all = append(all, cmp.Or(k.typ, k.topic))
	}
	return strings.Join(all, ", ")
}

func uniqueName(name string, others []newContract) string {
	taken := func(s string) bool {
		return slices.ContainsFunc(others, func(o newContract) bool { return strings.EqualFold(o.event, s) })
	}
	unique := name
	for n := 2; taken(unique); n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	return unique
}

// examplesOf are the first event, the one with the fewest parts and the one with
// the most, each once.
func examplesOf(recordings []recording) []newExample {
	least, most := recordings[0], recordings[0]
	for _, r := range recordings {
		if parts(r.data) < parts(least.data) {
			least = r
		}
		if parts(r.data) > parts(most.data) {
			most = r
		}
	}
	var all []newExample
	for _, x := range []newExample{{"recorded-1", recordings[0].event.Data}, {"minimal", least.event.Data}, {"maximal", most.event.Data}} {
		if !slices.ContainsFunc(all, func(o newExample) bool { return bytes.Equal(o.data, x.data) }) {
			all = append(all, x)
		}
	}
	return all
}

// parts counts the values in a value.
func parts(n *schema.Node) int {
	count := 1
	for _, item := range n.Items {
		count += parts(item)
	}
	for _, m := range n.Members {
		count += parts(m.Value)
	}
	return count
}

// keeping checks the events by their contracts.
func keeping(c *contract.Catalog, kinds []*kindOf) (kept []recording, broken []leftOut, err error) {
	for _, k := range kinds {
		for _, r := range k.recordings {
			violations := c.Check(r.event)
			if len(violations) == 0 {
				kept = append(kept, r)
				continue
			}
			for _, v := range violations {
				switch v.Rule {
				case contract.RuleSchema, contract.RuleUndeclared:
					return nil, nil, fmt.Errorf("init: %s does not keep the contract that was made of it, which is a defect of eventproof: please report it\n%s", r.place, v)
				}
			}
			broken = append(broken, leftOut{r.index, r.place + ": " + violations[0].What})
		}
	}
	return kept, broken, nil
}

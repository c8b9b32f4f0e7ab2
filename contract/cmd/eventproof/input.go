package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// input is the text of one event, or of what should be one.
type input struct {
	place string // file:line
	text  []byte
}

// read reads the events of a file: JSON values, one after the other, an array
// being its items. Where that fails, each line is one; where no line is JSON,
// the file is a single event that is broken.
func read(file string, stdin io.Reader) ([]input, error) {
	var text []byte
	var err error
	if file == "-" {
		file = "standard input"
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("the events cannot be read: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s holds no event: write one CloudEvent in JSON a line", file)
	}
	inputs, ok := values(file, text)
	if !ok {
		inputs = lines(file, text)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%s holds no event: its array is empty", file)
	}
	return inputs, nil
}

func values(file string, text []byte) (inputs []input, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return inputs, true
		}
		if err != nil {
			return nil, false
		}
		start := int(d.InputOffset()) - len(raw)
		if raw[0] != '[' {
			inputs = append(inputs, input{place(file, text, start), raw})
			continue
		}
		items := json.NewDecoder(bytes.NewReader(raw))
		if _, err := items.Token(); err != nil {
			return nil, false
		}
		for items.More() {
			var item json.RawMessage
			if err := items.Decode(&item); err != nil {
				return nil, false
			}
			inputs = append(inputs, input{place(file, text, start+int(items.InputOffset())-len(item)), item})
		}
	}
}

func lines(file string, text []byte) []input {
	var inputs []input
	offset, good := 0, false
	for line := range bytes.Lines(text) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			inputs = append(inputs, input{place(file, text, offset), trimmed})
			good = good || trimmed[0] == '{' && json.Valid(trimmed)
		}
		offset += len(line)
	}
	if !good {
		return []input{{file, text}}
	}
	return inputs
}

func place(file string, text []byte, offset int) string {
	return fmt.Sprintf("%s:%d", file, 1+bytes.Count(text[:offset], []byte("\n")))
}

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/eventproof/eventproof/fakes"
)

// follow writes the host's journal to a file as it happens, until stop.
func follow(host *fakes.Host, file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	out, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("--journal: %w", err)
	}
	end := host.Journal().StreamTo(out)
	return func() error {
		if err := errors.Join(end(), out.Close()); err != nil {
			return fmt.Errorf("--journal: %w", err)
		}
		return nil
	}, nil
}

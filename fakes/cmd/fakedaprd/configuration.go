package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// recordsErrorCodes reads the one setting of a Configuration that takes effect.
// daprd reads it under both names.
//
// Source: dapr v1.16.0 pkg/config/configuration.go.
func recordsErrorCodes(files []string) (bool, error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return false, fmt.Errorf("--config: %w", err)
		}
		type metric struct {
			RecordErrorCodes bool `json:"recordErrorCodes"`
		}
		var in struct {
			Kind string `json:"kind"`
			Spec struct {
				Metric  metric `json:"metric"`
				Metrics metric `json:"metrics"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(data, &in); err != nil {
			return false, fmt.Errorf("--config %s: want a Dapr Configuration: %w", file, err)
		}
		if in.Spec.Metric.RecordErrorCodes || in.Spec.Metrics.RecordErrorCodes {
			return true, nil
		}
	}
	return false, nil
}

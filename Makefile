# eventproof. `make help` explains the targets.
#
# Everything here is plain `go` underneath: a service repository needs no make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Modules of their own: see "Modules" in README.md.
MODULES := . examples fakes/bench harness/images harness/conformance/daprsuite
# The race detector needs a C compiler.
RACE := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)
# The cases on real Dapr wait for its clocks: some seven minutes.
TESTFLAGS ?= -shuffle=on -timeout=30m $(RACE)
FUZZTIME ?= 5m
DURATION ?= 10m

.PHONY: help demo test short corpus mutants contained conformance differential images lint fmt tidy fuzz bench golden

help: ## this list
	@echo "eventproof: event contract testing for Go services on Dapr pub/sub"
	@echo
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | awk -F'|' '{printf "%-19s %s\n", $$1, $$2}'
	@echo
	@echo "Settings, from the environment:"
	@echo "  EVENTPROOF_REAL     auto (default): tests on real Dapr run where there is a container engine and"
	@echo "                      are skipped, with the reason, where there is none; required: no skipping; off: never"
	@echo "  EVENTPROOF_CORPUS   folder of public schemas and events that some tests run against"
	@echo "  EVENTPROOF_FULL     1: the tests of compat on all of what they otherwise take a part of (an hour)"
	@echo "  EVENTPROOF_SEED     draw other ids and jitter than those that follow from a test's name"
	@echo "  EVENTPROOF_DAPRD_IMAGE, EVENTPROOF_REDIS_IMAGE   other images than daprio/daprd:1.16.0 and redis:7"
	@echo "  EVENTPROOF_APP_HOST the address at which containers reach an app of the test process"

demo: ## the main job in a few seconds, on the fake: one broken service failing, its sound twin passing
	@$(GO) -C examples run ./demo

test: ## all tests of all modules; what was skipped is repeated at the end
	@skipped=$$(mktemp); trap 'rm -f "$$skipped"' EXIT; failed=; \
	export EVENTPROOF_SKIPPED="$$skipped"; \
	for module in $(MODULES); do \
		echo "== $$module"; \
		$(GO) -C $$module test $(TESTFLAGS) ./... || failed="$$failed $$module"; \
	done; \
	echo; \
	if [ -s "$$skipped" ]; then \
		echo "Skipped on real Dapr: $$(wc -l < "$$skipped" | tr -d ' ') tests. Why, and how to get them:"; \
		sed 's/^[^:]*: //' "$$skipped" | sort | uniq -c | sort -rn | sed 's/^ */  /'; \
	fi; \
	if [ -n "$$failed" ]; then echo "FAILED in:$$failed"; exit 1; fi; \
	if [ -s "$$skipped" ]; then echo "All other tests passed."; else echo "All tests passed; none on real Dapr was skipped."; fi

short: ## the tests that need no container engine
	@EVENTPROOF_REAL=off $(MAKE) --no-print-directory test

corpus: ## what takes too long under the race detector, on the public schemas of EVENTPROOF_CORPUS
	@$(GO) test -count=1 ./contract/compat
	@$(GO) test -count=1 -v -run '^TestWebhooks$$' ./contract/gate | grep -v '^===\|^---'

mutants: ## change one condition of the fake after another: some case must notice each (5 minutes)
	@$(GO) test -v -tags mutants -count=1 -timeout=60m -run '^TestMutants' ./harness/conformance

# The long plays wait for Dapr's clocks and add nothing here: make test runs them.
contained: ## the harness's tests with the test process itself in a container beside the engine (Docker on Linux)
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"; docker rmi -f eventproof/contained:test >/dev/null 2>&1 || true' EXIT; mkdir -m 1777 "$$dir/tmp"; \
	for package in harness harness/conformance; do CGO_ENABLED=0 $(GO) test -c -o "$$dir/$$(basename $$package).test" ./$$package; done; \
	tar -C "$$dir" -c . | docker import - eventproof/contained:test >/dev/null; \
	for test in harness conformance; do \
		echo "== $$test"; docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -e EVENTPROOF_REAL=required eventproof/contained:test /$$test.test -test.skip 'OnRealDapr$$'; \
	done

differential: ## random scenarios on the fake and on real Dapr, for DURATION (10m); then planted defects, each to be found
	@EVENTPROOF_REAL=required $(GO) test -count=1 -v -timeout=0 -run '^TestBothWorldsAgree$$' ./harness/conformance/differential -duration $(DURATION) | grep -v '^ *--- PASS\|^=== '
	@EVENTPROOF_REAL=required $(GO) test -count=1 -timeout=0 -run '^TestPlantedDefectsAreFound$$' ./harness/conformance/differential -planted

# daprd is the one of harness/images. TIMES and GROUP (pubsub,outbox,…) may be given.
TIMES ?= 3
GROUP ?=
conformance: ## Dapr's own integration tests on daprd and on fakedaprd, side by side (5 minutes to compile the first time)
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	ln -s "$$($(GO) -C harness/images run . -program)" "$$dir/daprd"; \
	$(GO) build -o "$$dir/fakedaprd" ./fakes/cmd/fakedaprd; \
	$(GO) -C harness/conformance/daprsuite run . -times $(TIMES) -group '$(GROUP)' "$$dir/daprd" "$$dir/fakedaprd"

images: ## build the daprd and redis images for a machine that cannot pull them (about 4 minutes the first time)
	@$(GO) -C harness/images run .

lint: ## gofmt, go vet, go mod tidy, golangci-lint where it is installed
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	@for module in $(MODULES); do echo "== $$module: vet, tidy"; $(GO) -C $$module vet ./...; $(GO) -C $$module mod tidy -diff; done
	@if command -v golangci-lint >/dev/null 2>&1; then \
		for module in . examples; do echo "== $$module: golangci-lint"; (cd $$module && golangci-lint run ./...); done; \
	else echo "golangci-lint is not installed: left out (https://golangci-lint.run)"; fi

fmt: ## gofmt -w
	@gofmt -w $$(git ls-files '*.go')

tidy: ## go mod tidy in every module
	@for module in $(MODULES); do $(GO) -C $$module mod tidy; done

fuzz: ## each fuzz test for FUZZTIME (5m)
	@for target in $$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z]+' contract fakes | sed 's/func //' | sort -u); do \
		package=$$(grep -rlE --include='*_test.go' "^func $$target\(" contract fakes | head -1 | xargs dirname); \
		echo "== $$target ($$package), $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$package; \
	done

bench: ## the benchmarks, each once
	@for module in . examples fakes/bench; do $(GO) -C $$module test -run '^$$' -bench . -benchtime 1x ./...; done

golden: ## write the golden files anew; read the diff before you commit it
	@for module in . examples; do $(GO) -C $$module test $$($(GO) -C $$module list -f '{{if .XTestGoFiles}}{{.Dir}}{{end}}' ./... | xargs grep -lsE '"update"' --include='*_test.go' -r | xargs -n1 dirname | sort -u) -update; done

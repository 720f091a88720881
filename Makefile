# Every target here runs in CI at least once, in its smallest form.
.DEFAULT_GOAL := help
SHELL := /bin/bash

GO ?= go
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X github.com/lethedb/lethe/internal/buildinfo.version=$(VERSION)
# Two packages at a time: each with a database test starts a server of its own.
TESTFLAGS ?= -p 2
FUZZTIME ?= 5s

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/lethe, static, with its version
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/lethe ./cmd/lethe

.PHONY: demo
demo: build ## The whole story on a PostgreSQL of its own, in under a minute
	@bin/lethe demo

.PHONY: test
test: ## Every test, against a real PostgreSQL (LETHE_TEST_REQUIRE=1 refuses skips)
	$(GO) test $(TESTFLAGS) ./...

.PHONY: race
race: ## The packages with goroutines, under the race detector
	$(GO) test -race $(TESTFLAGS) -short ./anonymize/... ./internal/copybinary ./internal/copytext ./internal/ledger ./internal/masked ./internal/state ./scheduler/...

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME (default 5s; 1000x for so many inputs)
	@.ci/fuzz $(FUZZTIME)

.PHONY: crash
crash: ## Kill lethe, sessions, servers and connections at SEEDS random moments (default 200) and at every step
	LETHE_CRASH_SEEDS=$(or $(SEEDS),200) $(GO) test -count=1 -timeout 60m -v -run 'Killed|Accident|Pooler|Interrupt|OneRun|FullDisk' ./cmd/lethe/cli

.PHONY: long
long: crash ## What is too long for make test: make crash, values of 200 MB, 16 MB and ten million inputs for masks (PROOF.md has the last results)
	LETHE_HUGE_MB=200 $(GO) test -count=1 -v -run HugeValues ./cmd/lethe/cli
	LETHE_MASK_MB=16 $(GO) test -count=1 -timeout 60m ./anonymize/builtin
	LETHE_INPUTS=10000000 $(GO) test -count=1 -timeout 60m -v -run UniqueMasksKeep ./anonymize/builtin

# At SCALE=0.1 a round takes under a minute; PERFORMANCE.md shows SCALE=1, which takes five minutes a round.
.PHONY: bench
bench: build ## A refresh beside unmasked clones (SCALE=0.1 ROUNDS=3 BENCH=flags), as a table
	$(GO) run ./cmd/bench -scale $(or $(SCALE),0.1) -rounds $(or $(ROUNDS),3) $(BENCH)

.PHONY: bench-go
bench-go: ## Benchmarks of masks, codec and compile (BENCHTIME=1s)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(or $(BENCHTIME),1s) ./anonymize/... ./internal/copytext ./rules
	$(GO) test -run '^$$' -bench Part -benchtime 3x ./internal/pg

# Taken by every go build of cmd/lethe: it says which calls of the masks and the codec are hot.
.PHONY: pgo
pgo: ## Profile masks and codec, for the compiler (cmd/lethe/default.pgo)
	$(GO) test -run '^$$' -bench 'Masks/(full_name|email|phone|street|date_shift|redact_text|token)' -cpuprofile bin/masks.prof -o bin/masks.test ./anonymize/builtin
	$(GO) test -run '^$$' -bench Forms -cpuprofile bin/forms.prof -o bin/forms.test ./anonymize
	$(GO) tool pprof -proto -output cmd/lethe/default.pgo bin/masks.prof bin/forms.prof

.PHONY: test-versions
test-versions: ## The laws on other PostgreSQL versions, where a Docker engine answers
	$(GO) test -tags containers -timeout 90m -run Containers ./internal/pgtest/...

.PHONY: masks
masks: ## Write MASKS.md, the catalogue of masks
	$(GO) run ./cmd/lethe masks --markdown >MASKS.md

.PHONY: lint
lint: ## golangci-lint, pinned, and the map of packages
	$(LINT) run ./...

.PHONY: vet
vet: ## go vet, for this system and the others we build for
	$(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...

.PHONY: check
check: ## Exactly what CI runs
	.ci/run

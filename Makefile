# Everything that is built, run and checked. "make" alone says what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PLUGINS := paygram cryptogram payplay exchanger paygrt
MODULES := $(PLUGINS:%=build/plugins/%.wasm)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -ldflags "-s -w -X main.version=$(VERSION)"
# Everything is built as what ships, so that nothing is compiled twice.
export GOFLAGS += -trimpath
LINT := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
BUF ?= go tool -modfile=tools/buf/go.mod buf

.PHONY: help run test plugins build generate lint bench chaos simulate swapstorm newman fuzz-plugins clean FORCE

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build plugins ## start the router beside simulated providers, and print a curl line that works
	@exec build/router serve --sandbox --data build/data

test: ## run every test
	go test ./...

plugins: $(MODULES) ## build the five plugins to build/plugins/*.wasm

build/plugins/%.wasm: FORCE
	@mkdir -p build/plugins
	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags "-s -w -buildid=" -o $@ ./plugins/$*

build: ## build the router to build/router
	@mkdir -p build
	go build $(LDFLAGS) -o build/router ./cmd/router

generate: ## generate the contract's Go code, the plugins' schemas, the OpenAPI document and the table of endpoints
	$(BUF) generate
	go generate ./plugins/... ./cmd/router/scaffold/newpay
	go run ./cmd/router openapi > docs/openapi.json
	go test ./cmd/router -run TestCoverage -count 1 -args -update

lint: ## format check, vet and linters
	$(LINT) run ./...

bench: ## print the figures of docs/performance.md
	go test -run '^$$' -bench . -benchtime 2s ./plugins/paygram ./host/store/sqlite ./host/wasm

chaos: build plugins ## kill a router under load, and compare what clients, journal and providers say (CHAOS="-payments 300 -kills 12 -seed 7")
	go run ./chaos/run $(CHAOS)

simulate: ## run 10,000 seeds of the simulator, and say how often each fault struck (SIMULATE="-seeds 100 -seed 7 -trace")
	go test ./simulation -run TestPromises -timeout 0 -v -args -seeds 10000 $(SIMULATE)

swapstorm: build plugins ## swap plugins and edit rules under load, and check every payment (STORM="-rate 1000 -seconds 60 -swaps 100 -edits 100")
	go run ./storm/run $(STORM)

newman: build ## run two providers' own Postman collections against the simulated providers (needs node and npm)
	tools/newman/run build/router

fuzz-plugins: ## fuzz what the plugins read, each of their targets for so long (FUZZ=5m)
	tools/fuzz plugins -test.fuzztime $(or $(FUZZ),5m) -test.fuzzminimizetime 10x

clean: ## remove what was built
	rm -rf build

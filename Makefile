# Everything that is built, run and checked. "make" alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PLUGINS := paygram cryptogram payplay exchanger paygrt
MODULES := $(PLUGINS:%=build/plugins/%.wasm)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -ldflags "-s -w -X main.version=$(VERSION)"
ROUTER ?= build/router
# The router is a static binary. Everything is built with its flags, so that nothing is compiled twice.
export CGO_ENABLED ?= 0
export GOFLAGS += -trimpath
# The version is in the binary already. What Go would add differs between a clone and an archive of one commit.
BUILD := go build -buildvcs=false
LINT := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
SBOM := go tool -modfile=tools/sbom/go.mod cyclonedx-gomod
BUF ?= go tool -modfile=tools/buf/go.mod buf

.PHONY: help run test check plugins build generate lint bench chaos simulate swapstorm slowclients hostile newman
.PHONY: fuzz-plugins vuln sbom reproducible clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build plugins ## start the router beside simulated providers, and print a curl line that works
	@exec build/router serve --sandbox --make-key --data build/data

test: ## run every test
	go test -timeout 60m ./...

check: ## run what CI checks, without installing anything: a missing tool is named
	INSTALL=no .ci/run

plugins: $(MODULES) ## build the five plugins to build/plugins/*.wasm

build/plugins/%.wasm: FORCE
	@mkdir -p build/plugins
	GOOS=wasip1 GOARCH=wasm $(BUILD) -buildmode=c-shared -ldflags "-s -w -buildid=" -o $@ ./plugins/$*

build: ## build the router, a static binary, to build/router
	@mkdir -p $(dir $(ROUTER))
	$(BUILD) $(LDFLAGS) -o $(ROUTER) ./cmd/router

generate: ## generate the contract's Go code, the plugins' schemas, the OpenAPI document and the table of endpoints
	$(BUF) generate
	go generate ./plugins/... ./cmd/router/scaffold/newpay
	go run ./cmd/router openapi > docs/openapi.json
	go test ./cmd/router -run 'TestCoverage|TestActsOfProviders' -count 1 -args -update

lint: ## format check, vet and linters
	$(LINT) run ./...

bench: build plugins ## measure router, plugin calls and journal, and write docs/performance.md (BENCH="-only calls")
	cd test/bench && go run ./run $(BENCH)

chaos: build plugins ## kill a router under load, and audit what is left (CHAOS="-payments 300 -kills 12 -seed 7")
	go run ./test/chaos/run $(CHAOS)

simulate: ## run 10,000 seeds of the simulator (SIMULATE="-seeds 100 -seed 7 -trace")
	go test ./test/simulation -run TestPromises -timeout 0 -v -args -seeds 10000 $(SIMULATE)

swapstorm: build plugins ## swap plugins and edit rules under load (STORM="-rate 1000 -seconds 60 -swaps 100")
	go run ./test/storm/run $(STORM)

slowclients: build plugins ## pay beside 1,000 slow connections (SLOWCLIENTS="-rounds 5 -phase 20s -slow 1000")
	go run ./test/slowclients/run $(SLOWCLIENTS)

hostile: build plugins ## pay beside plugins that misbehave (HOSTILE="-rounds 3 -phase 10s -only slow-parser")
	go run ./test/hostile/run $(HOSTILE)

newman: build ## run two providers' own Postman collections against the simulated providers (needs node and npm)
	tools/newman/run build/router

fuzz-plugins: ## fuzz the plugins' parsers, each target for so long (FUZZ=5m)
	tools/fuzz plugins -test.fuzztime $(or $(FUZZ),5m) -test.fuzzminimizetime 10x

vuln: ## look for known vulnerabilities in what the code calls (VULNDB=file:///a/copy/of/the/database)
	@tools/vuln

sbom: build ## list what the router is made of in build/router.cdx.json (CycloneDX), and check the list
	$(SBOM) bin -json -noserial -notimestamp -std -version $(VERSION) -output build/router.cdx.json $(ROUTER)
	go test ./test/review -run TestBillOfMaterials -count 1 -args -router $(abspath $(ROUTER)) \
	  -sbom $(CURDIR)/build/router.cdx.json

reproducible: build plugins ## build everything again in another folder, without a cache, and compare
	tools/reproduce $(VERSION)

clean: ## remove what was built
	rm -rf build

# Curfew: `make` lists what there is to do.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/curfew-auth/curfew/internal/version.stamped=$(VERSION)
# How long the fault runs keep each fault up.
CHAOS_DURATION ?= 60s

.DEFAULT_GOAL := help
.PHONY: run test build lint spec bench chaos cluster clean help

run: build ## Set up and start everything on this machine, in one process
	@exec bin/curfew up

test: ## Set up and run every test, under the race detector
	@scripts/ensure-redis
	@scripts/ensure-cc
	@scripts/ensure-chromium
	@scripts/ensure-promtool
	@scripts/ensure-proxies
	$(GO) vet ./...
	CGO_ENABLED=1 $(GO) test -race -timeout 25m ./...
	cd api/contract && $(GO) vet ./... && CGO_ENABLED=1 $(GO) test -race -timeout 5m ./...

build: ## Build bin/issuer, bin/edge and bin/curfew
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

lint: ## Check formatting, go vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these:" >&2; echo "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	cd bench && $(GO) vet ./...
	cd api/contract && $(GO) vet ./...
	$(GO) tool staticcheck ./...

spec: ## Check the models of the protocol with Spin; DEEP=1 for larger bounds
	@scripts/ensure-spin
	@DEEP=$(DEEP) spec/run

bench: ## Measure Curfew beside its peers and write docs/performance.md
	@scripts/ensure-redis
	cd bench && $(GO) run . -write ../docs/performance.md

chaos: ## Run the long fault runs, CHAOS_DURATION=60s for each fault
	@scripts/ensure-redis
	@scripts/ensure-cc
	CGO_ENABLED=1 CURFEW_CHAOS=long CHAOS_DURATION=$(CHAOS_DURATION) $(GO) test -race -count=1 -timeout 0 -v -run TestLong ./chaos

cluster: build ## Start NATS, Redis, two issuers and three edges as processes; TLS=1 encrypts everything
	@scripts/ensure-redis
	@$(GO) build -o bin/cluster ./deploy/cluster
	@exec bin/cluster $(if $(TLS),-tls)

clean: ## Delete what was built
	rm -rf bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

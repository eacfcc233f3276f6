# `make help` lists the targets. Everything but Go itself is set up by them.

VERSION := 0.1.0
GOFUMPT := mvdan.cc/gofumpt@v0.12.0
# Release 2026.2.2 by its Go version.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SQUAWK := tests/js/node_modules/.bin/squawk
GO_FOLDERS := $(wildcard cmd proxy replication sql plpgsql tests docs)
# No cached results: the tests drive node and Postgres, whose files Go does not watch.
# Four at once, because many wait for another process.
TEST_FLAGS ?= -race -count=1 -timeout 15m -parallel 4
# What the second run, on Postgres 18, would only repeat: tests that choose their
# own version, because of tools that only Debian's 15 has, or need none; those of pages
# in a browser, of generated types, of fluxbase dev and of the documentation's commands;
# hostile input, and what is about the process and not about what Postgres answers.
ONCE := TestSQL$$|TAP|BodiesOfFunctions|EveryPostgresBetween|IsDownloadedOnce|FormADiamond|InChromium|TypesOfTheSDK|InTypeScript|TypedClient|TestSDK|TestDev|Page$$|FirstApp|Hostile|FuzzedRequests|GoesSilent|HintsEndAt|InConstantMemory|PresenceOutlives|ASlowClient|PrivateCluster|DroppedAfterItsTest
PG_CONFIG ?= pg_config

.PHONY: help build test test-pg18 lint fmt docs bench soak extension install-extension dev clean tools
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## a running backend: private Postgres, demo schema, server on http://127.0.0.1:8080
	@mkdir -p dist
	@echo "building"
	@go build -o dist/fluxbase ./cmd/fluxbase
	@exec dist/fluxbase dev

build: ## the static binary, dist/fluxbase
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o dist/fluxbase ./cmd/fluxbase

test: tools tests/js/node_modules/.stamp sdk/js/node_modules/.stamp ## all tests, as CI runs them: on Postgres 15, again on 18, smoke on 16 and 17
	go test $(TEST_FLAGS) ./...
	@echo "again on Postgres 18"
	FLUXBASE_TEST_PG=18 go test $(TEST_FLAGS) -skip '$(ONCE)' ./tests/...

test-pg18: tests/js/node_modules/.stamp sdk/js/node_modules/.stamp ## only the part that runs on Postgres 18
	FLUXBASE_TEST_PG=18 go test $(TEST_FLAGS) -skip '$(ONCE)' ./tests/...

lint: tests/js/node_modules/.stamp ## what CI lints: format, vet, staticcheck, migrations
	@echo "gofumpt"
	@unformatted="$$(go run $(GOFUMPT) -l $(GO_FOLDERS))"; \
	if [ -n "$$unformatted" ]; then echo "make fmt mends these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	@echo "squawk"
	@rm -rf dist/squawk && mkdir -p dist/squawk
	@for file in sql/[0-9]*.sql; do sed '/^---- create above/,$$d' "$$file" > "dist/squawk/$${file##*/}"; done
	@$(SQUAWK) --assume-in-transaction --pg-version 15 \
		--exclude require-lock-timeout,require-statement-timeout dist/squawk/*.sql

fmt: ## format the Go files
	go run $(GOFUMPT) -w $(GO_FOLDERS)

docs: ## write docs/reference from the sources; a test keeps it so
	go test ./cmd/fluxbase ./tests -count=1 -run ReferenceIsCurrent -update

bench: ## load on loopback beside pgbench, as ratios
	go run ./tests/load

soak: ## the same load, one minute a side; ten minutes of hostile requests, and of crashes around the change stream
	go run ./tests/load -seconds 60 -rounds 1
	go test ./tests -count=1 -v -timeout 3h -run 'TestFuzzedRequests|TestTenThousandHostileTexts|TablesOwnHistory|BulkLoad|SnapshotsThenChanges|KeepCopies|HearWhatPoliciesShow|RevokedMembers|PagesUnderConcurrentWrites|EvaluatorAgrees' -soak 10m

extension: ## dist/extension: the same database code for create extension
	@mkdir -p dist/extension
	cp sql/fluxbase.control dist/extension/
	go run ./cmd/fluxbase install-sql --extension > dist/extension/fluxbase--$(VERSION).sql
	@echo "built; make install-extension copies it to the Postgres of $(PG_CONFIG) (or of PG_CONFIG=...)"

install-extension: extension ## copy it into a Postgres (PG_CONFIG=, DESTDIR=)
	install -d "$(DESTDIR)$$($(PG_CONFIG) --sharedir)/extension"
	install -m 644 dist/extension/fluxbase* "$(DESTDIR)$$($(PG_CONFIG) --sharedir)/extension/"

clean: ## remove what was built and installed here; the data in .fluxbase stays
	rm -rf dist tests/js/node_modules sdk/js/dist sdk/js/node_modules

tools:
	@.ci/tools

# Install scripts stay off; the one thing those of the Postgres packages do is to
# link their libraries.
tests/js/node_modules/.stamp: tests/js/package-lock.json
	@command -v npm >/dev/null || { echo "the tests need Node 20 or newer, with npm"; exit 1; }
	@echo "npm packages: the real client, Postgres 16 to 18, squawk, playwright (about 230 MB)"
	cd tests/js && npm ci --ignore-scripts --no-progress --loglevel=error
	@for pg in tests/js/node_modules/pg*; do (cd "$$pg" && node scripts/hydrate-symlinks.js); done
	@touch $@

sdk/js/node_modules/.stamp: sdk/js/package-lock.json
	cd sdk/js && npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

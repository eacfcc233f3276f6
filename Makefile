# `make help` lists the targets. Everything but Go itself is set up by them.

VERSION := 0.1.0
GOFUMPT := mvdan.cc/gofumpt@v0.12.0
# Release 2026.2.2 by its Go version.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SQUAWK := tests/js/node_modules/.bin/squawk
GO_FOLDERS := $(wildcard cmd proxy replication sql plpgsql tests docs)
# No cached results: the tests drive node and Postgres, whose files Go does not watch.
# Five at once, because many wait for another process. What vet says, make lint says.
TEST_FLAGS ?= -race -count=1 -timeout 15m -parallel 5 -vet=off
# What the second run, on Postgres 18, would only repeat: tests that choose their
# own version, because of tools that only Debian's 15 has, or need none; those of pages
# in a browser, of generated types, of fluxbase dev and of the documentation's commands;
# hostile input, what is about the sources or the process and not about what Postgres
# answers, and what the client in JavaScript hears of changes, which Go asks of 18 too.
ONCE := TestSQL$$|TAP|BodiesOfFunctions|EveryPostgresBetween|IsDownloadedOnce|FormADiamond|InChromium|TypesOfTheSDK|InTypeScript|TypedClient|TestSDK|TestDev|Page$$|FirstApp|Hostile|FuzzedRequests|GoesSilent|HintsEndAt|InConstantMemory|InLittleMemory|ImportsUnderWay|PresenceOutlives|ASlowClient|PrivateCluster|DroppedAfterItsTest|TestReadme|QueryMore|TestStreamChanges|GuardTheAPI|MovingFromPostgREST|TrustAnIssuer|MigrationsInCI|RealtimeChangesOfTables|RealtimePresence|CatalogReloadsUnderLoad|CatalogOfFiveHundred|LooksLikeTheHouse|QuotedInOnePlace|ReferenceIsCurrent|DocsNameWhatExists|ProofsOfTheContract|FailedDownload|SecondDev|DropInMetrics|DropInLogs|DropInListens|DropInMistakes|PortIsShared|MetricsAreOnTheirOwnPort|WrongCalls|ExplainShowsTheServers|AlertRules|CachesKeep|ByTLS|TestBadInput|TestBodies$$|LimitsInRedis|ErrorsAreMade|ProofsOfSecurity|FollowARequest|ClientWithServiceKeys|AuthClientByMail|Templates|MailServers|WithoutAMailServer|MailsWait|MailsAreSent|KilledSenders|MailsThroughAHook|StrangersAtTheCallback|IDTokenOfAnother|ClientSignsInAtProviders|AdminAPIOfSupabase|NoAnswerTells|EachLinkHasAPage|WeakPasswords|ImportedPasswords|ACrowdAtTheSignIn|GuessesEnd|SecondFactorsHaveBounds|LimitsOfSecondFactors|SecretsOfSecondFactors|SettingsOfAuth|ClientsOfAuthRead|AuthWantsItsKeys|UsersKeepTheirPasskeys|EncryptionKeyIsRotated|PublishedKeysVerify|RefreshTokensThatAreNone|AStolenRefresh|UsersAreListed|RecoveryCodes|ATraceGoes|TracesOfStrangers|DoNotNeedACollector|PeopleShow|AuthClientByPhone|NoAnswerWaits|NoInputBreaks|NobodyMakes|ARecoveryDoes|WhoSignedInLongAgo|ANewPasswordTakes|ACodeAlone|NoAccountIsThere|CronAgrees|HostileCron|PeopleShow|AuthClientByPhone|NoAnswerWaits|JobsThatArePosts|JobsSurviveARestore|CallsOfFunctions|ManyFunctions|FunctionsAreDeployed|OperatorsOfFunctions|FunctionsFromTheCommandLine|FunctionsDoJobs|HaveTheirEffect|AnswersOfTheQueue|NeverReachedTheDatabase|WhatWasSetBefore|AProcessThatSlept|RulesOfJobsOverHTTP|WhoMayDoWhatWithJobs|IsSentAgainEnqueues
PG_CONFIG ?= pg_config

.PHONY: help build test test-pg18 lint fmt docs bench bench-jobs soak extension install-extension dev clean tools
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

test: tools tests/js/node_modules/.stamp sdk/js/node_modules/.stamp ## all tests, as CI runs them: on Postgres 15, again on 18 with a server that looks for races, smoke on 16 and 17
	go test $(TEST_FLAGS) ./...
	@echo "again on Postgres 18"
	FLUXBASE_TEST_PG=18 FLUXBASE_TEST_RACE=1 go test $(TEST_FLAGS) -skip '$(ONCE)' ./tests/...

test-pg18: tests/js/node_modules/.stamp sdk/js/node_modules/.stamp ## only the part that runs on Postgres 18
	FLUXBASE_TEST_PG=18 FLUXBASE_TEST_RACE=1 go test $(TEST_FLAGS) -skip '$(ONCE)' ./tests/...

lint: tests/js/node_modules/.stamp ## what CI lints: format, vet, staticcheck, migrations
	@echo "gofumpt"
	@unformatted="$$(go run $(GOFUMPT) -l $(GO_FOLDERS))"; \
	if [ -n "$$unformatted" ]; then echo "make fmt mends these:"; echo "$$unformatted"; exit 1; fi
	go vet -tags dex ./...
	go -C tests/load/jobs vet ./...
	go run $(STATICCHECK) -tags dex ./...
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

bench-jobs: tests/load/jobs/node_modules/.stamp ## the job queue beside River and graphile-worker
	go run -C tests/load/jobs .

soak: dist/dex ## the same load, one minute a side; ten minutes of hostile requests, and of crashes around the change stream; sign-in at dex; an hour of functions
	go run ./tests/load -seconds 60 -rounds 1
	go test ./tests -tags dex -count=1 -v -timeout 3h -run 'TestBadInput|TestFuzzedRequests|TestTenThousandHostileTexts|TablesOwnHistory|BulkLoad|SnapshotsThenChanges|KeepCopies|HearWhatPoliciesShow|RevokedMembers|PagesUnderConcurrentWrites|EvaluatorAgrees|ARevokedKeyIsDead|AnEndedSessionIsDead|KilledInTheMiddleOfRevocations|KilledProcessesLeave|SignInAtDex|TestCron|HostileCron|EveryCommittedJob|HaveTheirEffect|ClaimsStayFlat|ManyFunctions$$' -soak 10m
	go test ./proxy/functions/worker -count=1 -v -timeout 2h -run MemoryStaysFlat -soak 1h

# An OpenID provider whose dependencies are many times ours: a module of its own, built
# one package after the other, in about a quarter of an hour the first time.
dist/dex: tests/dex/go.mod tests/dex/go.sum
	cd tests/dex && CGO_ENABLED=0 GOFLAGS=-p=1 nice go build -o ../../dist/dex github.com/dexidp/dex/cmd/dex

extension: ## dist/extension: the same database code for create extension
	@mkdir -p dist/extension
	cp sql/fluxbase.control dist/extension/
	go run ./cmd/fluxbase install-sql --extension > dist/extension/fluxbase--$(VERSION).sql
	@echo "built; make install-extension copies it to the Postgres of $(PG_CONFIG) (or of PG_CONFIG=...)"

install-extension: extension ## copy it into a Postgres (PG_CONFIG=, DESTDIR=)
	install -d "$(DESTDIR)$$($(PG_CONFIG) --sharedir)/extension"
	install -m 644 dist/extension/fluxbase* "$(DESTDIR)$$($(PG_CONFIG) --sharedir)/extension/"

clean: ## remove what was built and installed here; the data in .fluxbase stays
	rm -rf dist tests/js/node_modules tests/load/jobs/node_modules sdk/js/dist sdk/js/node_modules

tools:
	@.ci/tools

# Install scripts stay off; the one thing those of the Postgres packages do is to
# link their libraries.
tests/js/node_modules/.stamp: tests/js/package-lock.json
	@command -v npm >/dev/null || { echo "the tests need Node 20 or newer, with npm"; exit 1; }
	@echo "npm packages: the real client, Postgres 16 to 18, Deno, squawk, playwright (about 330 MB)"
	cd tests/js && npm ci --ignore-scripts --no-progress --loglevel=error
	@for pg in tests/js/node_modules/pg*; do (cd "$$pg" && node scripts/hydrate-symlinks.js); done
	@touch $@

tests/load/jobs/node_modules/.stamp: tests/load/jobs/package-lock.json
	cd tests/load/jobs && npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

sdk/js/node_modules/.stamp: sdk/js/package-lock.json
	cd sdk/js && npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

# limitd: build, test, check. Go alone does for `make build` and `make test`;
# `make check` wants a C compiler for the race detector.

GO      ?= go
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo 0.1.0-dev+$$(git rev-parse --short HEAD 2>/dev/null || echo unknown))
# raft and memberlist count into hashicorp/go-metrics with this tag; without it
# they use a compatible older package. Both work.
TAGS    := hashicorpmetrics
TOOL    := $(GO) tool -modfile=tools/go.mod
FUZZ    ?= 5s
HOURS   ?= 1
BENCH   ?= .
BENCHFLAGS ?=

.PHONY: all build test check proof fmt vet lint notices-check race fuzz bench gobench faultclock show docs man notices clean \
	sim sim-ci sim-det sim-replay jepsen jepsen-ci jepsen-soak mutants soak-limit search

all: build test

## build: the static binary bin/limitd
build:
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags "-s -w -X main.stamped=$(VERSION)" -o bin/limitd ./cmd/limitd

## test: what the README tells a newcomer to run
test:
	$(GO) test ./...

## check: all that has to hold before a change lands; CI runs this
check: fmt vet lint notices-check race rules scenes

## proof: new seeds of the simulator, the planted bugs, and faults on the real binary; about ten minutes
proof: sim-ci mutants jepsen-ci

## fmt: gofmt, and gofumpt, which is stricter
fmt:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt these:"; echo "$$bad"; exit 1; fi
	@bad=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "go tool -modfile=tools/go.mod gofumpt -w these:"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet -tags $(TAGS) ./...
	$(GO) -C tools vet ./...
	$(GO) -C tools/bench vet ./...
	$(GO) -C tools/rules vet ./...

## lint: staticcheck, and imports by depguard (layers_test.go checks them all)
lint:
	$(TOOL) staticcheck ./...
	$(TOOL) depguard ./...

## race: every test under the race detector, the longer parts too; LONG= leaves those out
LONG ?= 1
race:
	CGO_ENABLED=1 LIMITD_LONG=$(LONG) $(GO) test -tags $(TAGS) -race -timeout 20m -json ./... | $(GO) -C tools run ./count

## fuzz: every fuzz target for FUZZ each; their committed seeds run with every test (to make an input small may not take the time)
fuzz:
	@set -e; for file in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "fuzz $$name in $$(dirname $$file)"; \
			$(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZ) -fuzzminimizetime 20x; \
		done; done

## bench: limitd beside etcd, and Redis where there is one, on this machine; an hour. BENCHFLAGS='-rounds 1 -for 2s' is a look
bench: build bin/etcd bin/bench
	bin/bench $(BENCHFLAGS)

## bench-growth: what a write costs beside up to a million limits and leases and 100,000 waiters; memory, snapshots, restarts; ten minutes
.PHONY: bench-growth
bench-growth: build bin/bench
	bin/bench -parts growth -rounds 3 -for 2s $(BENCHFLAGS)

.PHONY: bin/bench
bin/bench:
	$(GO) -C tools/bench build -o ../../bin/bench .

# The server as its Go module asks for it, apart from what limitd depends on.
bin/etcd: tools/bench/etcd/go.mod
	CGO_ENABLED=0 $(GO) -C tools/bench/etcd build -trimpath -o ../../../bin/etcd go.etcd.io/etcd/server/v3

## gobench: the Go benchmarks that match BENCH
gobench:
	$(GO) test -tags $(TAGS) -run '^$$' -bench '$(BENCH)' -benchmem ./...

## faultclock: bin/limitd-faultclock, whose wall clock a test can step
faultclock:
	jepsen/faultclock/build.sh

## show: the real binary through the scenes of jepsen/show; about ten minutes
show: build faultclock
	$(GO) run ./jepsen/show -bin bin/limitd workers rate rate-kill queue failover term members recover strangers backup security bounds disk overload metrics
	$(GO) run ./jepsen/show -bin bin/limitd-faultclock clock

## show-upgrade: the same, of restarts and upgrades alone, in every order: to the version to come (a build with a tag), and from BEFORE to this one; two minutes
BEFORE ?= 64f9d44
.PHONY: show-upgrade bin/limitd-next
show-upgrade: build bin/limitd-next bin/limitd-$(BEFORE)
	$(GO) run ./jepsen/show -bin bin/limitd -next bin/limitd-next -before bin/limitd-$(BEFORE) rolling upgrade-first upgrade-middle upgrade-last upgrade-before

# What plays the version to come (fsm/command/next.go).
bin/limitd-next:
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS),limitd_next -ldflags "-s -w -X main.stamped=$(VERSION)-next" -o $@ ./cmd/limitd

# limitd as it was at a commit.
bin/limitd-$(BEFORE):
	rm -rf bin/$(BEFORE) && mkdir -p bin/$(BEFORE)
	git archive $(BEFORE) | tar -x -C bin/$(BEFORE)
	cd bin/$(BEFORE) && CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags "-s -w -X main.stamped=$(BEFORE)" -o ../limitd-$(BEFORE) ./cmd/limitd
	rm -rf bin/$(BEFORE)

## show-members: the same, of the membership alone; a minute
.PHONY: show-members
show-members: build
	$(GO) run ./jepsen/show -bin bin/limitd members recover strangers

## show-SCENE: one of them at full length: show-backup
show-%: build
	$(GO) run ./jepsen/show -bin bin/limitd $*

## scenes: what operators trust, on the real binary, each scene in its short form; CI runs this. docs/operations.md
.PHONY: scenes
scenes: build
	$(GO) run ./jepsen/show -bin bin/limitd -scale 0.1 backup security bounds disk overload metrics

## sim: SEEDS seeds of the simulator, on all cores; one that fails prints what runs it again
SEEDS ?= 1000
sim:
	$(GO) run ./jepsen/sim/seeds -n $(SEEDS)

## sim-ci: the known seeds, and as many of this commit as fit in 90 seconds
sim-ci:
	$(GO) run ./jepsen/sim/seeds -fresh -for 90s

## sim-det: 20 seeds twice: are they the same run?
sim-det:
	$(GO) run ./jepsen/sim/seeds -twice 20

## sim-replay: one seed again: make sim-replay SEED=5
sim-replay:
	$(GO) run ./jepsen/sim/seeds -replay $(SEED)

## jepsen: faults and callers on clusters of the real binary; about a quarter of an hour, reports in out/jepsen
jepsen: build bin/limitd-next faultclock bin/jepsen prefect-environment
	bin/jepsen matrix

## jepsen-ci: the same in three minutes, for every change
jepsen-ci: build faultclock bin/jepsen
	bin/jepsen ci

## jepsen-soak: random combinations of them for HOURS
jepsen-soak: build bin/limitd-next faultclock bin/jepsen
	bin/jepsen soak -hours $(HOURS)

.PHONY: bin/jepsen
bin/jepsen:
	$(GO) build -o bin/jepsen ./jepsen/run

# Python with the newest Prefect, for jepsen; where it cannot be had, that is told, and jepsen does without.
.PHONY: prefect-environment
prefect-environment:
	$(GO) -C tools run ./prefect -only-environments -versions $(firstword $(subst $(comma), ,$(PREFECT)))

comma := ,

## test-prefect: real clients of Prefect against three nodes, the leader killed meanwhile; their environments are kept in ~/.cache/limitd. PREFECT=all writes the table of docs/prefect.md, FLOWS=false needs no Prefect server
PREFECT ?= 3.9.1,2.20.25
FLOWS   ?= true
.PHONY: test-prefect
test-prefect: build
	$(GO) -C tools run ./prefect -bin ../bin/limitd -versions $(PREFECT) -flows=$(FLOWS) $(if $(filter all,$(PREFECT)),-table ../docs/prefect.md)

## rules: what deploy/ gives to Prometheus, by promtool's parser and on series; the first run builds Prometheus' own code
.PHONY: rules
rules:
	$(GO) -C tools/rules test ./...

## bench-prefect: limitd beside a real Prefect server, on SQLite and on PostgreSQL where there is one; 25 minutes. BENCHFLAGS=-quick is a look
bench-prefect: build bin/bench-prefect
	bin/bench-prefect $(BENCHFLAGS)

.PHONY: bench-prefect bin/bench-prefect
bin/bench-prefect:
	$(GO) -C tools/bench build -o ../../bin/bench-prefect ./prefect

## mutants: planted bugs, each of which the judges must convict; a table
mutants:
	$(GO) run ./jepsen/mutants

## docs: write the tables of docs/cli.md anew, after a change of commands or flags; a test compares them
docs:
	$(GO) run ./cmd/limitd __docs cli docs/cli.md

## man: man pages, in out/man
man:
	$(GO) run ./cmd/limitd __docs man out/man

## notices: write THIRD_PARTY_NOTICES anew, after a change of go.mod
notices:
	$(GO) -C tools run ./notices -root .. -tags $(TAGS) > THIRD_PARTY_NOTICES.new
	mv THIRD_PARTY_NOTICES.new THIRD_PARTY_NOTICES

notices-check:
	@$(GO) -C tools run ./notices -root .. -tags $(TAGS) | cmp - THIRD_PARTY_NOTICES || { echo "THIRD_PARTY_NOTICES is out of date: make notices"; exit 1; }

clean:
	rm -rf bin data

## soak-limit: the state machine against its reference model, for hours
soak-limit:
	$(GO) test ./fsm/limit -run 'TestDrive|TestDecayExtremes' -rapid.checks=100000 -rapid.nofailfile -timeout 0

## search: every state of the queue in small scopes (docs/queue-search.md); about half an hour of one core
search:
	$(GO) test ./fsm/limit -run TestSearch -search.full -search.walks=50 -timeout 0 -v

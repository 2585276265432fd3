# Four daily targets: run, check, quick, fuzz. What is decided is decided in Go and in tools/prepare.
GO         ?= go
VERSION    ?= 0.1.0-dev
CHECK_HOME ?= $(if $(filter 0,$(shell id -u)),/var/cache/abaton-check,$(HOME)/.cache/abaton-check)
DATA       ?=

# Secrets are wiped by the runtime where it can: see vault/guarded_on.go.
export GOEXPERIMENT = runtimesecret

BUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
# What tests are told: where the prepared engine and models are, and the program to drive.
TELL  = ABATON_CHECK_HOME=$(CHECK_HOME)/own ABATON_CHECK_MODELS=$(CHECK_HOME)/own/models \
        ABATON_CHECK_CACHE=$(CHECK_HOME)/cache ABATON_BIN=$(CURDIR)/bin/abaton DATA=$(DATA)
REPORT = bin/slowest
# Of the rooms with heavy counts the race detector gets what runs at once; the rest would take it half an hour.
AT_ONCE = AtOnce|Concurrent|ManyWriters|Loops
# pdfium compiles ten times slower under it, and has nothing that runs at once; nor has the evaluation.
LIBRARY = $$($(GO) list ./library/... | grep -v -e /pdf$$ -e /reader$$ -e /eval$$)
TOOL   = $(GO) tool -modfile=tools/go.mod

.PHONY: build run check quick lint test race clients shots bench eval soak leak-page fuzz base release

build:
	@mkdir -p bin
	@$(BUILD) -o bin/abaton ./cmd/abaton

run: build ## build, fetch what is missing, chat
	@bin/abaton chat --install-tools

check: build base bin/slowest ## every test: this is what CI runs
	@$(MAKE) --no-print-directory lint
	@$(TELL) $(REPORT) -- $(GO) test -json -count=1 -timeout 20m ./... \
	  -- $(GO) test -json -count=1 -timeout 15m -tags release -run 'TestTwoBuilds' . \
	  -- $(GO) test -json -count=1 -timeout 15m -race ./posture ./egress ./chat/... $(LIBRARY) ./api/... ./shaper ./leak ./gateway ./engine ./web \
	  -- $(GO) test -json -count=1 -timeout 15m -race -run '$(AT_ONCE)' ./vault/... ./audit ./library/reader \
	  -- $(GO) -C twins test -json -count=1 -timeout 15m ./... \
	  -- $(GO) -C clients test -json -count=1 -timeout 15m ./... \
	  -- $(GO) -C browsers test -json -count=1 -timeout 10m ./...

quick: build ## for daily work: what changed, and the house
	@$(GO) vet ./... && test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	@$(TELL) $(GO) test -timeout 4m ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@$(GO) vet ./... && GOARCH=arm64 $(GO) vet ./... && GOOS=darwin $(GO) vet ./...
	@$(GO) -C clients vet ./... && $(GO) -C clients vet -tags long ./... && $(GO) -C twins vet ./... && $(GO) -C browsers vet ./...
	@$(GO) fix -diff ./...
	@$(GO) mod verify >/dev/null && $(GO) mod tidy -diff
	@$(TOOL) staticcheck ./...

base: build ## what tests need: compilers, clients' runtimes, the real engine, the real model
	@GO=$(GO) tools/prepare $(CHECK_HOME)

bin/slowest: tools/slowest/main.go
	@$(GO) -C tools build -o ../bin/slowest ./slowest

clients: build base ## long: everybody's libraries and programs, installed from their registries, against the real engine
	@$(TELL) $(GO) -C clients test -tags long -count=1 -timeout 90m -v ./...

shots: build base ## pictures of every page, light, dark and as a phone shows it, into bin/shots
	@$(TELL) ABATON_SHOTS=$(CURDIR)/bin/shots $(GO) -C browsers test -count=1 -timeout 10m ./...

bench: build base ## both sides in one run, ratio printed
	@$(TELL) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench
	@$(TELL) $(GO) test -run '^$$' -bench . -timeout 30m ./sandbox ./models/... ./engine
	@$(TELL) $(GO) test -run '^$$' -bench . -timeout 30m ./vault/... ./audit ./library/... ./chat/history

eval: build base ## how well documents are found, with a real embedding model; DATA=folder of collections, UPDATE=1 embeds the question set anew, BIPIA=checkout asks its attacks, READER=file the model that reads, too
	@$(if $(UPDATE),$(TELL) $(GO) test -tags eval -count=1 -timeout 60m -run '^TestVectors$$' -v ./library/eval -update)
	@$(TELL) $(GO) test -tags eval -count=1 -timeout 60m -v ./library/eval
	@$(TELL) $(GO) test -tags eval -count=1 -timeout 60m -v -run TestObedience ./chat/grounded
	@$(if $(READER),$(TELL) READER=$(abspath $(READER)) $(GO) test -tags eval -count=1 -timeout 60m -v -run TestReadingAnew ./chat/grounded $(if $(UPDATE),-update))
	@$(if $(BIPIA),BIPIA=$(abspath $(BIPIA)) $(GO) test -tags eval -count=1 -timeout 60m -v -run TestBIPIA ./chat/grounded)

soak: build base ## long: the shared-library engine built and installed, the whole matrix again and again; needs tshark and nginx
	@$(TELL) $(GO) test -tags soak -count=1 -timeout 120m ./models/enginepack ./engine ./sandbox
	@$(TELL) $(GO) test -tags soak -count=1 -timeout 120m ./vault/... ./audit ./chat/history
	@$(GO) test -tags soak -count=1 -timeout 10m -run RelayAgrees -v ./leak
	@$(TELL) $(GO) test -tags soak -count=1 -timeout 10m -run '^TestNginx$$' -v ./cmd/abaton
	@$(GO) test -tags soak -count=1 -timeout 20m -run Mutants -v ./library/parse
	@$(GO) test -tags soak -count=1 -timeout 30m -run Hostile -v ./library/reader
	@$(TELL) $(GO) test -tags soak -count=1 -timeout 90m -run 'ManySmallFiles|KilledInAMerge|KilledInARemoval|OrdersWholeWay' -v ./cmd/abaton

leak-page: ## docs/leak.md and its plot from docs/leak.json, the report of a full run
	@$(GO) test -count=1 -run '^TestPage$$' ./leak -update

FUZZTIME ?= 60s
fuzz: ## each target for FUZZTIME
	@$(GO) test -run '^$$' -fuzz FuzzCheck -fuzztime $(FUZZTIME) ./models/internal/gguf
	@for f in FuzzDecode FuzzCompletion FuzzEmbedding FuzzRerank FuzzResponse; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./api/openai || exit 1; done
	@for f in FuzzOpen FuzzUnpad FuzzStream FuzzBox; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./vault/internal/seal || exit 1; done
	@for f in FuzzLeaf FuzzCheckpoint FuzzTail; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./audit || exit 1; done
	@for f in FuzzDecode FuzzText; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./library/bm25 || exit 1; done
	@$(GO) test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $(FUZZTIME) ./library/vector
	@for f in FuzzParse FuzzNormalise FuzzDecode; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./library/parse || exit 1; done
	@for f in FuzzSlots FuzzRecoveryCode FuzzToken FuzzRemembered; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./vault || exit 1; done
	@$(GO) test -run '^$$' -fuzz '^FuzzPayload$$' -fuzztime $(FUZZTIME) ./chat/history
	@$(GO) test -run '^$$' -fuzz '^FuzzMarkup$$' -fuzztime $(FUZZTIME) ./web/markup
	@for f in FuzzForm FuzzWebForm; do $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./gateway || exit 1; done
	@$(GO) test -run '^$$' -fuzz '^FuzzStrictly$$' -fuzztime $(FUZZTIME) ./cmd/abaton

release: ## what we would hand out, byte-equal wherever it is built
	@mkdir -p bin/release
	@for a in amd64 arm64; do GOOS=linux GOARCH=$$a $(BUILD) -o bin/release/abaton-linux-$$a ./cmd/abaton; done
	@cd bin/release && sha256sum abaton-* > SHA256SUMS && cat SHA256SUMS

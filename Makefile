# Cellway: everything starts here. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run up down logs test test-system test-containers test-crash chaos lint build add-cell drain-cell undrain-cell remove-cell restart status demo bench bench-move clean tools-postgres

NAME ?=
WEIGHT ?= 1
VOLUMES ?=
CUSTOMERS ?= 20000
MINUTES ?= 5
SEED ?= 1
GO ?= go
BIN := bin/cellway
need_name = @test -n "$(NAME)" || { echo "make $@: which one? Say it as NAME=$(1)" >&2; exit 2; }

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  add-cell, restart and the like act on the system that runs: that of 'make run' or that of 'make up'. Where both run,"
	@echo "  CELLWAY_SYSTEM=dev or CELLWAY_SYSTEM=compose chooses. CELLWAY_ROUTER_ADDR, CELLWAY_ADMIN_ADDR, CELLWAY_CONSUL_ADDR and"
	@echo "  CELLWAY_STATE_DIR say where it is; see docs/OPERATIONS.md."

run: build tools-postgres ## Run the whole system on this machine until Ctrl-C (no Docker needed)
	@exec $(BIN) dev

up: build ## Run the whole system in containers (docker compose), and return when it is ready
	@exec $(BIN) up

down: build ## Stop and remove the containers; the data stays [VOLUMES=1: it goes too]
	@exec $(BIN) down $(if $(filter 1,$(VOLUMES)),--volumes)

logs: build ## Follow what the containers print [NAME=cell-a]
	@exec $(BIN) logs $(NAME)

build: ## Build bin/cellway
	@command -v $(GO) >/dev/null || { echo "Cellway is built with Go 1.26 or newer: install it from https://go.dev/dl/" >&2; exit 1; }
	@[ -x $(BIN) ] || echo "building $(BIN) (about a minute the first time)"
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/cellway

tools-postgres:
	@tools/postgres

add-cell: build ## Add a cell to the running system: NAME=cell-d [WEIGHT=2]
	$(call need_name,cell-d)
	@exec $(BIN) add-cell "$(NAME)" --weight "$(WEIGHT)"

drain-cell: build ## Move everything off a cell: NAME=cell-b
	$(call need_name,cell-b)
	@exec $(BIN) drain "$(NAME)"

undrain-cell: build ## Give a drained cell its share again: NAME=cell-b
	$(call need_name,cell-b)
	@exec $(BIN) undrain "$(NAME)"

remove-cell: build ## Stop and forget a drained cell: NAME=cell-b
	$(call need_name,cell-b)
	@exec $(BIN) remove-cell "$(NAME)"

restart: build ## Restart a part of the running system, dead or alive: NAME=mover-1 (cell-a, router, consul, postgres)
	$(call need_name,mover-1)
	@exec $(BIN) restart "$(NAME)"

status: build ## Show cells, map and rebalance of the running system
	@exec $(BIN) status

demo: build ## Add a cell under load and report what moved and what customers saw: [NAME=cell-d] [CUSTOMERS=20000]
	@exec $(BIN) demo --customers "$(CUSTOMERS)" $(if $(NAME),--cell "$(NAME)")

test: build tools-postgres ## Run every test: unit, integration with real Postgres and Consul, and the whole system
	@tools/test

test-system: build tools-postgres ## Run the tests of the whole system alone
	@$(GO) test -race -count=1 -timeout 30m -v ./internal/systemtest

test-containers: build ## Run the tests of the system in containers alone
	@$(GO) test -count=1 -timeout 30m -v ./internal/containertest

test-crash: tools-postgres ## Kill every part of a system at every step of a move: [CELLWAY_CRASH_SEED=1] [CELLWAY_CRASH_CASE=17]
	@$(GO) test -count=1 -timeout 30m -v ./internal/crashtest

chaos: build tools-postgres ## Soak a whole system under faults and report: [MINUTES=5] [SEED=1]
	@CELLWAY_CHAOS_MINUTES="$(MINUTES)" CELLWAY_CHAOS_SEED="$(SEED)" $(GO) test -count=1 -timeout 0 -v -run '^TestChaos$$' ./internal/chaos

lint: ## Check format, lint rules, import walls, go.mod and known vulnerabilities
	@tools/lint

bench: ## Measure lookup beside the ring library, the planner, and the map's size
	$(GO) test -run '^$$' -bench . -benchmem ./placement ./cell/gate

bench-move: build tools-postgres ## Measure moves: rate beside raw COPY, and pauses under load [PART=rate|pauses] [PARALLEL=4] [CUSTOMERS=1000] [WRITES=500]
	@$(GO) run ./bench/move -part "$(or $(PART),all)" -parallel "$(or $(PARALLEL),0)" -writes "$(or $(WRITES),500)" -customers "$(if $(filter file,$(origin CUSTOMERS)),1000,$(CUSTOMERS))"

clean: ## Remove what was built (the state of `make run` stays: rm -r .cellway)
	rm -rf bin

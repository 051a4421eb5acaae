# Every target brings what it needs, from nothing but a Python 3.11 and make, and may be run again at any time.
# ARGS is handed on: make run ARGS="--port 9000", make test ARGS="-k ledger".

ARGS ?=
RUNS ?= 10
RUN := .venv/bin/hydrobit demo --data ./data
TEST_TOOLS := strace mosquitto mosquitto-clients:mosquitto_rr chromium-headless-shell
SAMPLES_TOOLS := curl nodejs:node python3 openjdk-17-jdk-headless:javac mono-mcs:mcs mono-runtime:mono libmono-system-net-http4.0-cil: \
	php-cli:php php-curl: golang-go:go ruby r-base-core:Rscript r-cran-httr: r-cran-jsonlite:
BENCH_TOOLS := wrk mosquitto

# Python keeps what it compiled, whatever the machine says: with it a start takes a third of the time, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test test-ha samples check bench clean

help: ## say what there is (what `make` alone does)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name what; do printf '  make %-7s %s\n' "$$name" "$$what"; done

setup: .venv/ready ## fetch uv and build .venv from uv.lock

run: .venv/ready ## serve on http://127.0.0.1:8080 with a demo morning in ./data, until Ctrl-C
	@exec $(RUN) $(ARGS)

test: .venv/ready ## run every test, in one process more than there are cores
	@scripts/install_tool.sh $(TEST_TOOLS)
	.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-ha: .venv/ready-ha ## kill the leader of three Patroni nodes under load, RUNS times, and take the database away for 20 s
	RUNS=$(RUNS) .venv/bin/python -m pytest tests/ha -v -s $(ARGS)

samples: .venv/ready ## run each operation's sample in ten languages with the real tools, and keep what ran
	@scripts/install_tool.sh $(SAMPLES_TOOLS)
	.venv/bin/python -m tests.samples $(ARGS)

check: .venv/ready ## look at format, lint, types and import rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

bench: .venv/ready-bench ## measure, and write bench/results/latest.json
	@scripts/install_tool.sh $(BENCH_TOOLS)
	.venv/bin/python -m bench $(ARGS)

clean: ## remove what was built; never ./data, which holds records
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .pictures dist
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp names the folder .venv was built in. Where that is not here (the folder was moved), or its Python is gone, build again.
ifneq ($(shell test -x .venv/bin/python && cat .venv/ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/ready
endif

.venv/ready: pyproject.toml uv.lock scripts/bootstrap.py
	@for python in python3.11 python3 python3.12 python3.13 python3.14; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exec $$python scripts/bootstrap.py; fi; \
	done; \
	echo 'Hydrobit needs Python 3.11 or newer, found as python3 (Debian: apt-get install python3).' >&2; exit 1

# What a target needs besides is a group of pyproject.toml; those that other targets have brought stay.
.venv/ready-%: .venv/ready
	@.venv/bin/python scripts/bootstrap.py $(patsubst .venv/ready-%,--group %,$(sort $@ $(wildcard .venv/ready-*)))
	@touch $@

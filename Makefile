# The few commands of every day. Each gets what it needs by scripts/bootstrap first.
JOBS ?= $(shell nproc)
CAFKA := build/release/bin/cafka

SEEDS ?= 1:10000

.PHONY: help demo check test simulate soak bench docs settings format tidy clean

help: ## Show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## Build the command line and let it tell its story on an embedded broker
	@scripts/bootstrap
	@echo "demo: building $(CAFKA)"
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target cafka_cli
	@$(CAFKA) demo

check: ## The fast tests, without Kafka
	@scripts/test check

test: ## Every test: a real Kafka, the sanitizers, fuzzing
	@scripts/test

simulate: ## Lives of whole clients with a cluster that fails, by seed; SEEDS=FROM:COUNT
	@scripts/bootstrap
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target cafka_simulate
	@nice build/release/bin/cafka-simulate --seeds $(SEEDS)

soak: ## What takes long: a million records through brokers that fail
	@scripts/test soak

bench: ## Measure, and print the tables
	@scripts/bootstrap bench
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)
	@bench/run

docs: ## Make the API documentation, in build/docs/html
	@scripts/bootstrap docs
	@cmake -P cmake/cafka_docs.cmake
settings: ## Write the documentation's tables of settings and configs/defaults.conf anew
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target app_tests
	@CAFKA_WRITE_DOCS=1 build/release/bin/app_tests "[settings-docs]"

format: ## Format all sources
	@scripts/bootstrap clang
	@git ls-files -z '*.cpp' '*.hpp' | xargs -0 clang-format -i

tidy: ## Lint all sources
	@scripts/bootstrap clang
	@cmake --preset release
	@scripts/lint tidy all

clean: ## Remove the build directory; the cache directory stays
	@scripts/kafka down
	@rm -rf build

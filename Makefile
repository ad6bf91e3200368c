# `make help` lists what there is.
SHELL := /bin/bash
CONFIGURATION ?= debug
BIN := .build/$(CONFIGURATION)
JOBS ?= $(shell nproc)
SWIFT_SOURCES := Package.swift Sources Plugins Tests Benchmarks

.PHONY: help setup setup-tests launcher build run test unit system browser vm-template test-vm sim bench \
	bench-coordinator deb deb-reproducible apt-repo test-packages format lint protocol clean

help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

setup: ## Installs what a build needs (as root; otherwise says what is missing).
	@Packaging/setup build

setup-tests: ## Installs what the tests need besides.
	@Packaging/setup build test

launcher: $(BIN)/mesos-launcher

# A static C program of its own: linked as a Swift product it would be ten times the size.
$(BIN)/mesos-launcher: Sources/Launcher/launcher.c
	@mkdir -p $(BIN)
	cc -O2 -static -Wall -Wextra -Werror $< -o $@

build: setup ## Builds the programs.
	swift build -c $(CONFIGURATION) -j $(JOBS) $(BUILD_FLAGS)
	@$(MAKE) --no-print-directory launcher

run: build ## Starts the whole stack on 127.0.0.1 with a sample app; Ctrl-C ends it.
	$(BIN)/mesos-programs mesos-local --sample $(ARGS)

test: setup-tests unit system browser ## Runs all tests.

unit: ## Runs the Swift tests alone.
	swift build --build-tests -j $(JOBS)
	@$(MAKE) --no-print-directory launcher
	swift test --skip-build

system: ## Runs the system tests alone: real processes, third-party clients and servers.
	swift build -j $(JOBS)
	@$(MAKE) --no-print-directory launcher
	Tests/System/run $(PYTEST)

browser: ## Runs the tests of the web pages in headless Chromium alone.
	swift build -j $(JOBS)
	@$(MAKE) --no-print-directory launcher
	Tests/Browser/run $(PYTEST)

vm-template: ## Makes what the virtual machines of `make test-vm` start from, which does so itself if need be.
	@Packaging/setup packaging vm
	Packaging/vm/machines.py template

test-vm: ## Installs the packages in virtual machines and tries them there (as root, after `make apt-repo`).
	@Packaging/setup packaging vm
	Tests/VM/run $(PYTEST)

sim: ## Runs the simulation; SEED=n replays one run.
	SEED=$(SEED) swift test --filter Simulation

bench: ## Measures start, size and launch latency (release build).
	@$(MAKE) --no-print-directory build CONFIGURATION=release BUILD_FLAGS=--static-swift-stdlib
	Benchmarks/stack .build/release

bench-coordinator: ## Compares the coordinator with Apache ZooKeeper (release build).
	@$(MAKE) --no-print-directory build CONFIGURATION=release BUILD_FLAGS=--static-swift-stdlib
	cc -O2 -Wall -Wextra -Werror Benchmarks/coordinator/load.c -o .build/load
	Benchmarks/coordinator/run .build/release .build/load

deb: ## Builds the Debian packages into .build-deb; BUILD=n is their revision.
	@Packaging/setup build packaging
	BUILD=$(BUILD) Packaging/build-deb

deb-reproducible: ## Builds the Debian packages twice, in different folders, and compares them.
	@Packaging/setup build packaging
	Packaging/reproducible

apt-repo: ## Makes a signed apt repository of the packages that were built, and prints its line for apt.
	@Packaging/setup packaging
	@Packaging/apt-repo

test-packages: deb ## Tests the packages, as root: lintian, units, install, upgrade, removal.
	Tests/Packages/run

format: ## Formats the Swift sources.
	swift format -i -r $(SWIFT_SOURCES)

lint: ## Checks format and style.
	swift format lint -r --strict $(SWIFT_SOURCES)
	Tests/Style/check

protocol: ## Writes the generated protocol sources again.
	python3 Sources/MesosProtocol/Schema/generate.py

clean: ## Removes what was built.
	rm -rf .build .build-* .venv-*

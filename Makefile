# Everything a user types. The build itself is CMake's (see CMakePresets.json).
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: all deps demo web test test-long bench coverage lint clean

all:
	@./scripts/deps build
	@./scripts/build release

deps:
	@./scripts/deps test

demo: all
	@build/release/limpet demo

# The npm package, into web/dist; packages are installed again only when the lock has changed.
web: web/node_modules/.package-lock.json
	@cd web && node build.mjs

web/node_modules/.package-lock.json: web/package-lock.json
	@./scripts/deps web
	@cd web && npm ci --no-audit --no-fund
	@touch $@

test: deps
	@./scripts/test quick

test-long: deps
	@./scripts/test long

bench: all
	@python3 bench/run.py --build build/release

coverage: deps
	@./scripts/coverage

lint: deps
	@./scripts/lint

clean:
	rm -rf build web/build web/dist

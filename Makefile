# Everything a user types. The build itself is CMake's (see CMakePresets.json).
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: all web docs deb test-deb deps demo test test-long fuzz bench coverage lint clean

all:
	@./scripts/deps build
	@./scripts/build release

web:
	@./scripts/deps web
	@./scripts/web build

docs:
	@./scripts/deps docs
	@./scripts/docs reference

deps:
	@./scripts/deps test

demo: all
	@build/release/limpet demo

test: deps
	@./scripts/test quick

test-long: deps
	@./scripts/test long

# make fuzz TARGET=url SECONDS=60; alone it says which targets there are.
fuzz:
	@./scripts/deps test
	@./scripts/fuzz $(TARGET) $(SECONDS)

bench:
	@./scripts/deps bench
	@./scripts/build release
	@./scripts/build release bench-peers
	@python3 bench/run.py --build build/release --runs 7
	@python3 bench/peers/side_by_side.py --build build/release

coverage: deps
	@./scripts/coverage

lint: deps
	@./scripts/lint

clean:
	rm -rf build

deb:
	@./scripts/deps deb
	@./scripts/deb

test-deb: deb
	@./scripts/test-deb

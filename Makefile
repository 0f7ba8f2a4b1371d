# Each target does its own set-up on a fresh Debian machine that has a Swift toolchain.
PREFIX ?= /usr/local
PYTHON := .venv/bin/python
SWIFT_TEST := swift test -c release -Xswiftc -enable-testing --scratch-path .build-test -Xswiftc -num-threads -Xswiftc 2
RELEASE := .build/release

.PHONY: help build demo test conformance fuzz sanitize bench lint format docs install packages clean

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

packages:
	@scripts/install-packages.sh

# What the tests compare with: ONNX Runtime, NumPy... in an environment of their own.
.venv: scripts/requirements.txt scripts/setup-venv.sh | packages
	@scripts/setup-venv.sh

# Swift's libraries are linked in: loading them takes longer than opening a model (docs/decisions/start-up.md).
build: packages ## Build csn-convert and csn-run for release.
	swift build -c release --static-swift-stdlib --product csn-convert
	swift build -c release --static-swift-stdlib --product csn-run

demo: build ## Fuse the sample pairs with the model the repository ships.
	@scripts/demo.sh $(RELEASE)

test: packages .venv ## Build and run every test.
	$(SWIFT_TEST)

conformance: packages .venv ## Run the ONNX standard's own test suite, whole.
	CSN_CONFORMANCE=all $(SWIFT_TEST) --filter ConformanceTests

fuzz: packages ## Feed mutated files to the readers for a minute (FUZZ_SECONDS).
	CSN_FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(SWIFT_TEST) --filter Fuzz

sanitize: packages ## Run the tests under the address sanitizer, then under the thread sanitizer.
	LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/leaks.supp swift test --sanitize=address --scratch-path .build-asan
	swift test --sanitize=thread --scratch-path .build-tsan

bench: build ## Measure kernels and models, rivals in the same run.
	@scripts/bench.sh $(RELEASE)

lint: ## Check the formatting.
	@git ls-files '*.swift' | xargs swift-format lint --strict --parallel --configuration .swift-format

format: ## Format the Swift sources.
	@git ls-files '*.swift' | xargs swift-format format -i --parallel --configuration .swift-format

docs: packages ## Check that the public documentation builds.
	@scripts/docs.sh

install: build ## Install csn-convert and csn-run under PREFIX.
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(RELEASE)/csn-convert $(RELEASE)/csn-run $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf .build .build-docs .build-test .build-asan .build-tsan .venv demo

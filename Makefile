# What a newcomer needs: `make demo` and `make test`. Both install the Debian packages that they need.

.DEFAULT_GOAL := help
SHELL := /bin/bash

# Compiling and linking; what the tests run beside the build.
BUILD_PACKAGES := libsqlite3-dev libyaml-dev zlib1g-dev
# Well-known messages of protocol buffers come in libprotobuf-dev; the compiler only recommends it.
TEST_PACKAGES := python3-venv chromium chromium-driver protobuf-compiler libprotobuf-dev openssl procps
GENERATE_PACKAGES := protobuf-compiler libprotobuf-dev
# Linking statically, and stripping.
RELEASE_PACKAGES := g++ binutils
FRESH_PACKAGES := debootstrap
SBOM_PACKAGES := python3
# What the image's base has, and what looks at it from outside.
IMAGE_PACKAGES := ca-certificates tzdata curl iproute2 openssl python3 libpq5 libmariadb3
# h2load, which sends requests at little cost.
BENCH_PACKAGES := nghttp2-client

RELEASE := .build-release
STATIC := $(RELEASE)/static
STATIC_LIBRARIES := libstdc++.a libz.a libsqlite3.a libyaml.a
SBOM := $(RELEASE)/sbom.spdx.json
RELEASE_BINARY := $(RELEASE)/release/kfmd
# With PATH_INDEPENDENT=1 no path of the build is in the binary: debug information and __FILE__ begin with this folder,
# and the build id is a hash over both, which stripping keeps.
PATH_INDEPENDENT ?=
PATH_FLAGS := $(if $(PATH_INDEPENDENT),-Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=. \
	-Xcc -ffile-prefix-map=$(CURDIR)=. -Xcxx -ffile-prefix-map=$(CURDIR)=. -Xlinker --build-id=none)
# One binary that needs libm and libc only. These flags stay out of Package.swift, where SwiftPM
# would refuse them in a dependency.
RELEASE_FLAGS := -c release --scratch-path $(RELEASE) --static-swift-stdlib \
	-Xlinker -L$(CURDIR)/$(STATIC) -Xlinker -lsqlite3 -Xlinker -lyaml \
	-Xswiftc -Xclang-linker -Xswiftc -static-libgcc -Xlinker --no-export-dynamic $(PATH_FLAGS)

PYTHON_VENV := .venv
PYTHON_REQUIREMENTS := Tests/clients/requirements.txt
PYTHON_REQUIREMENTS_NO_DEPS := Tests/clients/requirements-no-deps.txt

# The browser's driver asks for another urllib3 than the REST client.
BROWSER_VENV := .venv-browser
BROWSER_REQUIREMENTS := Tests/browser/requirements.txt
BROWSER_REQUIREMENTS_NO_DEPS := Tests/browser/requirements-no-deps.txt
TEST_ENVIRONMENT = KFMD_PYTHON=$(CURDIR)/$(PYTHON_VENV)/bin/python KFMD_BROWSER_PYTHON=$(CURDIR)/$(BROWSER_VENV)/bin/python

# $(call packages,NAMES): installs the Debian packages that are missing, as root or through sudo.
define packages
	@missing=""; for package in $(1); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "Installing Debian packages:$$missing"; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

.PHONY: help
help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Replay a recorded cluster into a store, and open its pages
	.build/debug/kfmd demo

.PHONY: build
build: packages-build ## Build kfmd for development, in .build
	swift build --product kfmd

# Which tests, as a regular expression; all by default.
TESTS ?=

.PHONY: test
test: packages-build packages-test venv lint test-sbom ## Run the whole suite, or TESTS=PATTERN of it
	swift build --build-tests
	@set -o pipefail; status=0; \
	if [ -n "$(TESTS)" ]; then \
	  $(TEST_ENVIRONMENT) swift test --skip-build --filter "$(TESTS)" 2>&1 \
	    | tee .build/test.log || status=1; \
	  python3 Tests/summary.py .build/test.log || status=1; exit $$status; \
	fi; \
	swift test --skip-build --skip EndToEndTests --skip 'soak\(\)' 2>&1 | tee .build/test.log || status=1; \
	$(TEST_ENVIRONMENT) swift test --skip-build --filter EndToEndTests --skip BrowserTests --skip 'soak\(\)' 2>&1 \
	  | tee -a .build/test.log || status=1; \
	$(TEST_ENVIRONMENT) swift test --skip-build --filter BrowserTests 2>&1 | tee -a .build/test.log || status=1; \
	python3 Tests/summary.py .build/test.log || status=1; exit $$status

.PHONY: test-sbom
test-sbom: packages-test
	python3 Tests/release/test_sbom.py

.PHONY: fresh
fresh: ## Run the README's two commands in a bare Debian 12, as a new user's machine is
	$(call packages,$(FRESH_PACKAGES))
	Tests/fresh/run.sh 'KFMD_DEMO_EXIT=1 make demo' 'make test TESTS="$(TESTS)"'

# How long, in minutes.
MINUTES ?= 30

.PHONY: soak
soak: packages-build venv ## Break things at random for MINUTES=30, tell them in any order, and check that nothing is lost or doubled
	swift build --build-tests
	KFMD_SOAK_MINUTES=$(MINUTES) swift test --skip-build --filter "FaultTests|OrderTests"

.PHONY: release
release: packages-build packages-release ## Build the one static binary, in .build-release
	@mkdir -p $(STATIC)
	@for library in $(STATIC_LIBRARIES); do \
	  ln -sf "$$(gcc -print-file-name=$$library)" $(STATIC)/$$library; done
	swift build $(RELEASE_FLAGS) --product kfmd
	cp $(RELEASE_BINARY) $(RELEASE)/kfmd
	strip $(RELEASE)/kfmd
	@echo "needs:"; ldd $(RELEASE)/kfmd
	@ls -l $(RELEASE)/kfmd
	@if ldd $(RELEASE)/kfmd | grep -vE 'linux-vdso|ld-linux|libm\.so|libc\.so'; then \
	  echo "the binary needs more than libm and libc" >&2; exit 1; fi

.PHONY: sbom
sbom: packages-build packages-release ## List what the release binary is made of (SPDX), after make release
	$(call packages,$(SBOM_PACKAGES))
	@[ -d $(RELEASE)/checkouts ] || { echo "sbom: make release comes first" >&2; exit 1; }
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} \
	  python3 Scripts/sbom.py --resolved Package.resolved --checkouts $(RELEASE)/checkouts --swift-runtime \
	  $(addprefix --static-library ,$(STATIC_LIBRARIES) libgcc.a) >$(SBOM).new
	@mv $(SBOM).new $(SBOM)
	@python3 Scripts/sbom.py --check $(SBOM)

.PHONY: image-check
image-check: release sbom ## Run every subcommand in the image's file system: read-only, as user 65532 (as root)
	$(call packages,$(IMAGE_PACKAGES))
	Tests/image/run.sh $(RELEASE)/kfmd

.PHONY: reproducible
reproducible: packages-build packages-release ## Build the release in two folders, and compare the binaries
	Tests/release/reproducible.sh

.PHONY: bench
bench: release venv ## Measure the release binary: start, memory, imports; service and recorder
	$(call packages,$(BENCH_PACKAGES))
	$(PYTHON_VENV)/bin/python Benchmarks/footprint.py $(RELEASE)/kfmd
	$(PYTHON_VENV)/bin/python Benchmarks/service.py $(RELEASE)/kfmd
	$(PYTHON_VENV)/bin/python Benchmarks/pages.py $(RELEASE)/kfmd
	swift build $(RELEASE_FLAGS) --product recorder-bench
	$(RELEASE)/release/recorder-bench parsing
	$(RELEASE)/release/recorder-bench capture Tests/CaptureTests/Fixtures
	$(PYTHON_VENV)/bin/python Benchmarks/recorder.py $(RELEASE)/kfmd $(RELEASE)/release/recorder-bench

# How long each fuzzer runs, in seconds; SEED=N repeats a run.
SECONDS ?= 60
SEED ?=

.PHONY: fuzz
fuzz: build venv ## Fuzz the filter grammar (against the original), the ports, and capture, SECONDS=60 each
	$(PYTHON_VENV)/bin/python Tests/fuzz/filter.py .build/debug/kfmd $(SECONDS) $(SEED)
	$(PYTHON_VENV)/bin/python Tests/fuzz/faces.py .build/debug/kfmd $(SECONDS) $(SEED)
	swift build --build-tests
	KFMD_FUZZ_SECONDS=$(SECONDS) KFMD_SEED=$(or $(SEED),$(shell date +%s)) swift test --skip-build --filter changesOfFixturesStopNothing

.PHONY: screenshots
screenshots: build venv ## Make pictures of all pages at three widths, and dark, in .build/screenshots
	$(BROWSER_VENV)/bin/python Tests/browser/screenshots.py .build/debug/kfmd .build/screenshots

.PHONY: generate
generate: ## Make the protobuf code in Sources/MetadataAPI/Generated anew
	$(call packages,$(GENERATE_PACKAGES))
	swift build --product protoc-gen-swift
	swift build --product protoc-gen-grpc-swift-2
	protoc -I proto \
	  --plugin=.build/debug/protoc-gen-swift \
	  --swift_opt=Visibility=Public,FileNaming=DropPath,UseAccessLevelOnImports=true \
	  --swift_out=Sources/MetadataAPI/Generated \
	  --plugin=protoc-gen-grpc-swift-2=.build/debug/protoc-gen-grpc-swift-2 \
	  --grpc-swift-2_opt=Visibility=Public,FileNaming=DropPath,UseAccessLevelOnImports=true \
	  --grpc-swift-2_out=Sources/MetadataAPI/Generated \
	  ml_metadata/proto/metadata_store.proto ml_metadata/proto/metadata_store_service.proto \
	  grpc/health/v1/health.proto kfmd/v1/amending.proto

# Generated code is as its generator writes it.
SOURCES := Package.swift $(shell find Sources Tests Benchmarks -name '*.swift' -not -path '*/Generated/*')

.PHONY: format
format: ## Format the Swift code
	@swift format format --in-place --parallel $(SOURCES)

.PHONY: lint
lint: ## Check the format of the Swift code
	@swift format lint --strict --parallel $(SOURCES)

.PHONY: packages-build
packages-build:
	$(call packages,$(BUILD_PACKAGES))

.PHONY: packages-release
packages-release:
	$(call packages,$(RELEASE_PACKAGES))

.PHONY: packages-test
packages-test:
	$(call packages,$(TEST_PACKAGES))
	@Scripts/install-databases.sh

.PHONY: venv
venv: $(PYTHON_VENV)/.done $(BROWSER_VENV)/.done

$(PYTHON_VENV)/.done: $(PYTHON_REQUIREMENTS) $(PYTHON_REQUIREMENTS_NO_DEPS) | packages-test
	python3 -m venv $(PYTHON_VENV)
	$(PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check -r $(PYTHON_REQUIREMENTS)
	$(PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(PYTHON_REQUIREMENTS_NO_DEPS)
	@touch $@

$(BROWSER_VENV)/.done: $(BROWSER_REQUIREMENTS) $(BROWSER_REQUIREMENTS_NO_DEPS) | packages-test
	python3 -m venv $(BROWSER_VENV)
	$(BROWSER_VENV)/bin/pip install --quiet --disable-pip-version-check -r $(BROWSER_REQUIREMENTS)
	$(BROWSER_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(BROWSER_REQUIREMENTS_NO_DEPS)
	@touch $@

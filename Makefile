# Two commands are enough: `make run` shows the program at work, `make test` runs everything that CI runs.
# Both install what the system lacks (Debian, Ubuntu); the Swift toolchain (6.3) must be there.

PREFIX ?= $(HOME)/.local
RELEASE = .build/release
SWIFT_RELEASE = scripts/build-release

.PHONY: run test soak fuzz sanitize coverage mutate bench bench-agents build programs install uninstall deb test-deb check lint format clean test-dependencies dependencies

run: programs
	$(SWIFT_RELEASE) --product demo-provider
	scripts/demo $(RELEASE)

build: programs

# What is installed: the front door, the full program behind it, and the helper.
programs: dependencies
	$(SWIFT_RELEASE) --product ai-usage-agent
	$(SWIFT_RELEASE) --product ai-usage-agent-cli
	$(SWIFT_RELEASE) --product ai-usage-keyring

test: test-dependencies check programs
	swift build --build-tests
	AUA_PROGRAM=$(CURDIR)/$(RELEASE)/ai-usage-agent AUA_PYTHON=$(CURDIR)/.venv/bin/python scripts/run-tests
	scripts/fuzz --seconds 60

# The long form of the last line: each target gets its share of the seconds. What is learnt stays in .build/fuzz.
FUZZ_SECONDS ?= 600
fuzz: dependencies
	scripts/fuzz --keep --seconds $(FUZZ_SECONDS)

# The long form of what make test does in short: thousands of kills, every call, every history of a rotation.
soak: test-dependencies programs
	swift build --build-tests
	AUA_SOAK=1 AUA_LEAST_TESTS=10 AUA_PROGRAM=$(CURDIR)/$(RELEASE)/ai-usage-agent scripts/run-tests --filter 'KillSoakTests|RotationExplorationTests|KillPointTests|ErrorPointTests|MigrationKillTests|AgentCrowdTests|GoldenUsageTests|RekeyKillTests|MeanwhileTests|MaintenanceRaceTests'

# The whole suite under AddressSanitizer, then under ThreadSanitizer (docs/testing.md); more than an hour on two cores.
sanitize: test-dependencies
	AUA_PYTHON=$(CURDIR)/.venv/bin/python scripts/sanitize address
	AUA_PYTHON=$(CURDIR)/.venv/bin/python scripts/sanitize thread

# The lines that the tests run, in every process; fails where too few of them do (docs/testing.md).
coverage: test-dependencies
	scripts/coverage

# Sixty changes of the age parser and the rotation, one at a time: does a test notice?
mutate: test-dependencies
	scripts/mutate

# Medians and ratios on the release programs (docs/testing.md); some minutes, most of them for a thousand logins.
bench: test-dependencies programs
	$(SWIFT_RELEASE) --product demo-provider
	Benchmarks/run --programs $(RELEASE)

# The agent beside oidc-agent, ssh-agent, gpg-agent and others, in one run; some minutes. Installs those that are missing.
bench-agents: test-dependencies programs
	$(SWIFT_RELEASE) --product demo-provider
	Benchmarks/agents --programs $(RELEASE)

# What needs no build: the layout's rules and the formatter.
check:
	scripts/check-layout
	scripts/check-docs
	swift format lint --strict --recursive Sources Tests Package.swift

lint: check

format:
	swift format --in-place --recursive Sources Tests Package.swift

# Programs, man pages, completions, units and documents (docs/install.md).
install: build
	scripts/install-dependencies binutils python3
	scripts/install-files --prefix '$(PREFIX)' --destdir '$(DESTDIR)' --programs $(RELEASE)

# Removes what install put there and never anything of the user's.
uninstall:
	scripts/install-files --prefix '$(PREFIX)' --destdir '$(DESTDIR)' --uninstall

# .build/deb/ai-usage-agent_VERSION_amd64.deb
deb: build
	scripts/install-dependencies binutils dpkg-dev python3 xz-utils
	scripts/build-deb $(RELEASE)

# Installs, uses, upgrades and removes that package in a clean root; asks for root, takes the network and one to two minutes.
test-deb: build
	scripts/install-dependencies binutils dpkg-dev python3 xz-utils debootstrap curl lintian
	$(SWIFT_RELEASE) --product demo-provider
	$(if $(filter 0,$(shell id -u)),,sudo) scripts/test-deb $(RELEASE)

dependencies:
	scripts/install-dependencies libssl-dev libcurl4-openssl-dev libsecret-1-dev libsqlite3-dev pkg-config curl

test-dependencies: dependencies
	scripts/install-dependencies age openssl oidc-agent-cli strace python3 python3-venv dbus gnome-keyring libsecret-tools binutils \
		mandoc zsh fish
	scripts/python-environment .venv Tests/EndToEndTests/Servers/requirements.txt

clean:
	swift package clean

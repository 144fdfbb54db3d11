## make                    builds build/flowsync             (V=1 shows the commands, WERROR=1 makes warnings errors)
## make check              the fast loop: builds, checks the borders and runs the unit tests
## make unit               builds and runs the unit tests    (T=engine: those with that in their path; SAN=1: with sanitizers)
## make lint               clang-tidy and gcc's analyzer over the program, clang's warnings over all
## make test               runs all tests: sh tests/run.sh   (SAN=1: unit and end-to-end tests with sanitizers only)
## make fuzz               all fuzz targets, SECONDS=60 each; make fuzz-NAME runs one
## make soak               1,000 cycles of the agent, twice: does anything grow? (half an hour)
## make bench              figures, each beside a limit of this machine (10 minutes); SECTIONS="first plan" SIZES=1000
## make bench-full         the same with 50,000 workflows, and how the figures grow
## make bench-local        executions and files of the local service, each beside a limit (1 to 2 minutes)
## make kill               200 runs of random workflows, while the service is killed all the time (some minutes)
## make demo               a tour of a minute: sh examples/demo.sh
## make compile_commands.json  writes build/compile_commands.json, for clangd and clang-tidy
## make roots              the README's two commands in fresh systems of Debian 12 and 13, as root; RELEASES= COMMANDS=
## make install            DESTDIR= PREFIX=/usr/local; make uninstall takes it away again
## make clean              removes build/
# What git says of this checkout: the last tag v1.2.3, and how far from it. Without git, a tag or a checkout of our own
# (an archive, a shallow clone, a copy inside another repository) the number below. A packager sets VERSION.
NUMBER   := 0.1.0
VERSION  := $(or $(shell [ -e .git ] && git describe --tags --match 'v[0-9]*' --abbrev=12 --dirty 2>/dev/null | sed s/^v//),$(NUMBER))
CC       ?= cc
CFLAGS   ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
PREFIX   ?= /usr/local
BUILD    ?= build
SECONDS  ?= 60
T        ?=
# What the code needs comes before what CPPFLAGS, CFLAGS and LDFLAGS say, so that a packager has the last word.
cppflags := -I. -D_GNU_SOURCE
version  := -DFLOWSYNC_VERSION='"$(VERSION)"'
cflags    = -std=c11 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wvla $(if $(WERROR),-Werror)
# gcc's analyzer, with all of its checks but one: a child's dup2() to 0, 1 and 2 is no leak. Without optimization it sees
# the code as it is written; half of the default limit on the states that it looks at takes half of the time.
analyze  := -O0 -fanalyzer -Wno-analyzer-fd-leak --param=analyzer-bb-explosion-factor=2
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
ifdef SAN
BUILD    := build/san
# To compile with -O1 takes little more than half of the time of -O2. A report names files and lines; -g1 has these.
san      := $(sanitize) -O1 -g1 -fno-pie
# Tests start the program thousands of times. A program at a fixed address has nothing to relocate: with that, and with
# the sanitizers' libraries in it, it starts sooner.
san_link := -no-pie
san_libs := -static-libasan -static-libubsan
endif
Q := $(if $(V),,@)

# What the core stands on, and what the program adds.
CORE_LIBS  := -lyaml -ljson-c -lnettle -lm
AGENT_LIBS := -lcurl -lz -lgit2 -lssh2 -lmicrohttpd -lsqlite3 -lsystemd -lsmartcols -lpthread

CORE  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard reconcile/*/*.c))
AGENT := $(patsubst %.c,$(BUILD)/%.o,$(filter-out agent/cmd/main.c,$(wildcard agent/*/*.c agent/*/*/*.c)))
UNIT  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/reconcile/*/test_*.c))
TOOLS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/*.c))
UNIT_AGENT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/agent/*/*/test_*.c tests/agent/*/test_*.c))
FUZZ  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
compile = $(CC) $(cppflags) $(CPPFLAGS) $(cflags) $(CFLAGS) $(san)
link    = $(CC) $(CFLAGS) $(san) $(san_link) $(LDFLAGS)

all: $(BUILD)/flowsync

$(BUILD)/flowsync: $(BUILD)/agent/cmd/main.o $(BUILD)/libagent.a $(BUILD)/libreconcile.a
	@echo "  LD      $@"
	$(Q)$(link) $(san_libs) -o $@ $^ $(CORE_LIBS) $(AGENT_LIBS)
# The folders count too: what was in a file that is gone must not stay in the library.
$(BUILD)/libreconcile.a: $(CORE) $(wildcard reconcile/*/)
$(BUILD)/libagent.a: $(AGENT) $(wildcard agent/*/ agent/*/*/)
$(BUILD)/libtest.a: $(TOOLS) tests
$(BUILD)/%.a:
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $(filter %.o,$^)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(compile) -MMD -MP -c -o $@ $<

# Only what names the version is compiled again when it changes.
versioned := $(patsubst %.c,$(BUILD)/%.o,$(shell grep -rlsw FLOWSYNC_VERSION --include='*.c' agent reconcile tests))
$(versioned): cppflags += $(version)
$(versioned): $(BUILD)/version
$(BUILD)/version: always
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
version:; @echo '$(VERSION)'

# The core's tests link the core and nothing of the agent: a border the linker keeps.
$(UNIT): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libtest.a $(BUILD)/libreconcile.a
	$(Q)$(link) -o $@ $^ -lcmocka $(CORE_LIBS)
# Not to look for undefined symbols in the shared libraries takes half of the time of these links.
$(UNIT_AGENT): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libagent.a $(BUILD)/libreconcile.a
	$(Q)$(link) -Wl,--allow-shlib-undefined -o $@ $^ -lcmocka $(CORE_LIBS) $(AGENT_LIBS)
$(FUZZ): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/fuzz/run_corpus.o $(BUILD)/libreconcile.a
	$(Q)$(link) -o $@ $^ $(CORE_LIBS)

# What flowsync is measured with stands alone: it links nothing of flowsync.
$(BUILD)/tests/bench/service: libs := -ljson-c
$(BUILD)/tests/bench/peer:    libs := -lcurl -lyaml -ljson-c -lsqlite3
$(BUILD)/tests/bench/fixed:   libs := -lmicrohttpd
$(BENCH): $(BUILD)/%: $(BUILD)/%.o
	$(Q)$(link) -o $@ $^ $(libs)

programs: $(UNIT) $(UNIT_AGENT) $(FUZZ) $(BENCH)
# What takes longest comes first, then what starts processes and waits for them: at the end none runs alone for long.
longest := $(addprefix %/test_,local_fetch runner_client file_history dir_watch attempt_log engine notification mirror \
           state_store service_client)
in_order = $(filter $(longest),$(1)) $(filter-out $(longest),$(1))
list:; @printf '%s\n' $(call in_order,$(UNIT_AGENT) $(UNIT))
# With T only those that have it in their path are built and run.
wanted := $(strip $(foreach p,$(call in_order,$(UNIT_AGENT) $(UNIT) $(FUZZ)),$(if $(T),$(if $(findstring $(T),$(p:$(BUILD)/tests/%=%)),$p),$p)))
unit: $(wanted)
	$(if $(wanted),,$(error no unit test has "$(T)" in its path))
	@sh tests/unit.sh $(BUILD)/logs/unit $(wanted)
# Of ours: a warning ends it.
check: WERROR = 1
check: all programs
	@sh tests/borders.sh $(BUILD) && sh tests/layers.sh && sh tests/names.sh && sh tests/references.sh
	@sh tests/unit.sh $(BUILD)/logs/unit $(wanted)

sources = $(shell find agent reconcile tests -name "*.c" | sort)
json = $(subst ",\",$(subst \,\\,$1))
compile_commands.json: export entry = "directory": "$(call json,$(CURDIR))", "command": "$(call json,$(compile) $(version)) -c
compile_commands.json:
	@mkdir -p $(BUILD)
	@comma=; for f in $(sources); do printf '%s{%s %s", "file": "%s"}\n' "$$comma" "$$entry" $$f $$f; comma=,; done | \
		sed '1s/^/[/; $$s/$$/]/' >$(BUILD)/$@
# What needs no run to be found, by .clang-tidy and by gcc's analyzer: only what has changed is checked again.
linted := $(patsubst %.o,%.tidy,$(CORE) $(AGENT)) $(patsubst %.o,%.analyzed,$(CORE) $(AGENT)) \
          $(patsubst tests/%.c,$(BUILD)/tests/%.warned,$(filter tests/%,$(sources)))
lint: $(linted)
$(BUILD)/%.tidy: %.c $(BUILD)/%.o .clang-tidy
	@echo "  TIDY    $<"
	$(Q)clang-tidy --quiet $< -- $(cppflags) $(version) $(cflags) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@
$(BUILD)/%.analyzed: %.c $(BUILD)/%.o
	@echo "  ANALYZE $<"
	$(Q)gcc $(cppflags) $(version) -std=c11 -Werror $(analyze) -c -o /dev/null $<
	@touch $@
$(BUILD)/tests/%.warned: tests/%.c
	@echo "  WARN    $<"; mkdir -p $(@D)
	$(Q)clang $(cppflags) $(version) $(cflags) -Werror -fsyntax-only $<
	@touch $@
test:; @sh tests/run.sh $(if $(SAN),san)
demo:; @sh examples/demo.sh
# stdout is for the table.  Both take SECTIONS="first plan" and SIZES=1000.
bench bench-full:
	@sh tests/setup.sh bench
	@$(MAKE) --no-print-directory all $(BENCH) >&2
	@python3 -B tests/bench $(if $(filter bench-full,$@),--full) $(if $(SIZES),--sizes $(SIZES)) $(SECTIONS)
bench-local: all; @python3 -B tests/bench/local_service.py
soak: all; @python3 -B tests/soak.py && python3 -B tests/soak.py --git
roots:; @RELEASES='$(RELEASES)' COMMANDS='$(COMMANDS)' sh tests/roots.sh
kill: all; @python3 -B tests/kill.py

# The core is compiled once for all targets, in a folder of its own, so that no object of another build comes in.
fuzz_flags := -g -O1 -std=c11 -fsanitize=fuzzer-no-link $(sanitize)
fuzz: $(patsubst tests/fuzz/fuzz_%.c,fuzz-%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-%: build/fuzz/tests/fuzz/fuzz_%.o $(patsubst %.c,build/fuzz/%.o,$(wildcard reconcile/*/*.c))
	@mkdir -p build/fuzz/found/$*; echo "  FUZZ    $* for $(SECONDS) seconds"
	$(Q)clang -fsanitize=fuzzer $(sanitize) -o build/fuzz/$* $^ $(CORE_LIBS)
	$(Q)build/fuzz/$* -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=build/fuzz/$*- build/fuzz/found/$* tests/fuzz/corpus/$*
build/fuzz/%.o: %.c
	@mkdir -p $(@D); echo "  CC      $< for fuzz targets"
	$(Q)clang $(cppflags) $(version) $(fuzz_flags) -MMD -MP -c -o $@ $<

doc := $(DESTDIR)$(PREFIX)/share/doc/flowsync
units := $(DESTDIR)$(PREFIX)/lib/systemd/system
DOCS := README.md LICENSE examples/README.md examples/agent.yaml examples/serve.yaml examples/fields.txt \
        $(wildcard examples/workflows/* examples/runs/*.yaml examples/runs/queries/*) \
        systemd/README.md systemd/notify-reload.conf $(wildcard agent/docs/*.md reconcile/docs/*.md)
UNITS := $(notdir $(wildcard systemd/*.service systemd/*.timer))
install: all
	$(Q)install -D -m 755 $(BUILD)/flowsync $(DESTDIR)$(PREFIX)/bin/flowsync
	$(Q)for f in $(DOCS); do install -D -m 644 $$f $(doc)/$$f || exit 1; done
	$(Q)for u in $(UNITS); do \
		sed 's|/usr/local/|$(PREFIX)/|g' systemd/$$u | install -D -m 644 /dev/stdin $(units)/$$u || exit 1; done
uninstall:
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/flowsync $(addprefix $(doc)/,$(DOCS)) $(addprefix $(units)/,$(UNITS))
	$(Q)for d in /examples/workflows /examples/runs/queries /examples/runs /examples /systemd /agent/docs /agent \
		/reconcile/docs /reconcile ''; do rmdir $(doc)$$d 2>/dev/null || :; done
help:; @sed -n 's/^## //p' Makefile
clean:; rm -rf build
.PHONY: all programs unit check lint list version compile_commands.json always test demo bench bench-full bench-local soak kill fuzz install uninstall help clean roots
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

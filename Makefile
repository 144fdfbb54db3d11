# make | make test | make test SAN=1 | make fuzz | make install DESTDIR= PREFIX= | make help   (V=1 shows commands)
VERSION  := 0.1.0
CC       ?= cc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
CPPFLAGS += -I. -D_GNU_SOURCE -MMD -MP
CFLAGS   += -std=c11 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wvla -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2
BUILD    ?= build
ifdef SAN
BUILD    := build/san
CFLAGS   += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
LDFLAGS  += -fsanitize=address,undefined
endif
Q := $(if $(V),,@)

# What the core stands on, and what the program adds.
CORE_LIBS  := -lyaml -ljson-c -lm
AGENT_LIBS := -lcurl -lmicrohttpd -lsqlite3 -lpthread

CORE  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard reconcile/*.c))
AGENT := $(patsubst %.c,$(BUILD)/%.o,$(filter-out agent/main.c,$(wildcard agent/*.c)))
UNIT  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c))
UNIT_AGENT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/agent/test_*.c))
FUZZ  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(BUILD)/flowsync

$(BUILD)/flowsync: $(BUILD)/agent/main.o $(BUILD)/libagent.a $(BUILD)/libreconcile.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) $(AGENT_LIBS)
$(BUILD)/libreconcile.a: $(CORE)
$(BUILD)/libagent.a: $(AGENT)
$(BUILD)/%.a:
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $^
$(BUILD)/%.o: %.c
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) -DFLOWSYNC_VERSION='"$(VERSION)"' $(CFLAGS) -c -o $@ $<

# The core's tests link the core and nothing of the agent: a border the linker keeps.
$(UNIT): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libreconcile.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS)
$(UNIT_AGENT): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libagent.a $(BUILD)/libreconcile.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS) $(AGENT_LIBS)
$(FUZZ): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/fuzz/run_corpus.o $(BUILD)/libreconcile.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

unit: $(UNIT) $(UNIT_AGENT) $(FUZZ)
	@for t in $(UNIT) $(UNIT_AGENT); do echo "  TEST    $$t"; $$t || exit 1; done
	@for f in $(FUZZ); do echo "  CORPUS  $$f"; $$f tests/fuzz/corpus/$${f##*/fuzz_}/* || exit 1; done
clean:; rm -rf build
.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# GNU make, no configure.  CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX, MANDIR and
# DESTDIR may be given by the caller; CFLAGS are added to the project's own.
#
#   make                 build the programs into bin/
#   make deps            install the packages that are missing
#   make check           tests, two minutes; check-slow has the long ones
#   make demo            the donations app in a browser; ends with Ctrl-C
#   make demo-cli        a donation from its start to its end, in the shell
#   make install         PREFIX=/usr/local DESTDIR=; uninstall takes it back
#   make lint            two compilers, clang-tidy, cppcheck, shellcheck, mandoc
#   make check-asan      the tests with address and undefined sanitizers
#   make fuzz            every parser, FUZZ_TIME=60 seconds each
#   make bench bench-speedrun dist completions clean

VERSION = 0.1.0

PREFIX ?= /usr/local
BINDIR = $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
SHAREDIR = $(PREFIX)/share/es
LIBEXECDIR = $(PREFIX)/libexec/es
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
BATSDIR = $(PREFIX)/lib/bats

# O holds objects, B the programs: a build with other flags names its own.
O = build
B = bin

PKG_CONFIG ?= pkg-config
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2

# Packages that pkg-config does not know are looked for where the compiler
# looks; libjq 1.6 has no .pc file.
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 nettle libmicrohttpd 2>/dev/null) \
	$(shell $(PKG_CONFIG) --cflags libjq 2>/dev/null)
lib = $(or $(shell $(PKG_CONFIG) --libs lib$1 2>/dev/null), \
	$(shell $(PKG_CONFIG) --libs $1 2>/dev/null),-l$1)
LIB_LIBS := $(call lib,sqlite3) $(call lib,nettle) $(call lib,jq) \
	$(call lib,microhttpd)

# A program loads only the libraries that it calls.
ifeq ($(shell uname -s),Darwin)
AS_NEEDED = -Wl,-dead_strip_dylibs
else
AS_NEEDED = -Wl,--as-needed
endif

ES_CFLAGS = -std=c11 -O2 -g $(WARNINGS) $(LIB_CFLAGS) $(CFLAGS)
ES_DEFINES = -D_GNU_SOURCE -DES_VERSION='"$(VERSION)"' \
	-DES_SHAREDIR='"$(SHAREDIR)"' \
	-DES_LIBEXECDIR='"$(LIBEXECDIR)"' -Ilib
ES_CPPFLAGS = $(ES_DEFINES) -include lib/banned.h $(CPPFLAGS)
ES_LIBS = $(AS_NEEDED) $(LIB_LIBS) -lpthread -lm $(LIBS)
COMPILE = $(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) -MMD -MP -c -o $@ $<
LINK = $(CC) $(ES_CFLAGS) $(LDFLAGS) -o $@

lib_o := $(patsubst %.c,$(O)/%.o,$(wildcard lib/*.c))
programs := $(patsubst bin/%.c,$(B)/%,$(wildcard bin/*.c))
# Beside bin/, as it is installed.
upcaster := $(B)/../libexec/es/es-query
units := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
fault_parts := ask disk run scenario verify writer
faults := $(patsubst %.c,$(O)/%,$(filter-out tests/fault/shim_%.c \
	$(fault_parts:%=tests/fault/%.c),$(wildcard tests/fault/*.c)))
shims := $(patsubst %.c,$(O)/%.so,$(wildcard tests/fault/shim_*.c))
fuzzers := $(patsubst %.c,$(O)/%,$(filter-out %/main.c,$(wildcard tests/fuzz/*.c)))
bench := $(addprefix $(O)/tests/bench/,floor lines reads speedrun wake \
	writers)
pages := $(wildcard man/*.[1-9])

# A target that calls make again does so side by side, unless told otherwise.
CPUS := $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),2)
MAKE_ALL = $(MAKE) --no-print-directory \
	$(if $(findstring -j,$(MAKEFLAGS)),,-j$(CPUS))

all: $(O)/libes.a $(programs) $(upcaster)

$(O)/libes.a: $(lib_o)
	rm -f $@
	$(AR) rcs $@ $(lib_o)

$(lib_o) $(patsubst $(B)/%,$(O)/bin/%.o,$(programs)): $(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE)

test_o := $(addsuffix .o,$(units) $(faults) $(fuzzers)) \
	$(fault_parts:%=$(O)/tests/fault/%.o) $(O)/tests/fuzz/main.o
$(test_o): $(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE)

$(programs): $(B)/%: $(O)/bin/%.o $(O)/libes.a
	@mkdir -p $(@D)
	$(LINK) $< $(O)/libes.a $(ES_LIBS)

# The one that has libjq, for es-query --upcast.
$(O)/libexec/es-query.o: bin/es-query.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE) -DES_UPCASTS

$(upcaster): $(O)/libexec/es-query.o $(O)/libes.a
	@mkdir -p $(@D)
	$(LINK) $< $(O)/libes.a $(ES_LIBS)

$(units): %: %.o $(O)/libes.a
	$(LINK) $< $(O)/libes.a $(ES_LIBS)

$(faults): %: %.o $(O)/libes.a
	$(LINK) $(filter %.o,$^) $(O)/libes.a $(ES_LIBS)

$(O)/tests/fault/nth: $(addprefix $(O)/tests/fault/,run.o scenario.o verify.o)
$(O)/tests/fault/kill: $(addprefix $(O)/tests/fault/,run.o verify.o writer.o)
$(O)/tests/fault/power: $(addprefix $(O)/tests/fault/,disk.o run.o verify.o)
$(O)/tests/fault/flip: $(O)/tests/fault/ask.o

# Preloaded into programs: without the library, and what it bans.
$(shims): $(O)/%.so: %.c tests/fault/fault.h $(O)/flags
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(ES_CFLAGS) -fPIC -shared -o $@ $<

# With a main() of their own, which runs files; make fuzz has libFuzzer's.
$(fuzzers): %: %.o $(O)/tests/fuzz/main.o $(O)/libes.a
	$(LINK) $< $(O)/tests/fuzz/main.o $(O)/libes.a $(ES_LIBS)

$(bench): $(O)/%: %.c tests/bench/bench.c tests/bench/bench.h \
		$(O)/libes.a
	@mkdir -p $(@D)
	$(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) \
	$(O)/libes.a $(ES_LIBS)

layouts_c := $(wildcard tests/bench/layouts*.c)
$(O)/tests/bench/layouts: $(layouts_c) $(wildcard tests/bench/layouts*.h) \
		$(O)/libes.a
	@mkdir -p $(@D)
	$(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) \
	$(O)/libes.a $(ES_LIBS)

unit: $(units) $(faults) $(shims) $(fuzzers)

# What everything was compiled with: other flags compile everything anew.
flags_now := $(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) $(LDFLAGS) $(ES_LIBS)
ifneq ($(flags_now),$(file <$(O)/flags))
.PHONY: $(O)/flags
endif
$(O)/flags:
	@mkdir -p $(O)
	@printf '%s\n' '$(subst ','\'',$(flags_now))' >$@

# ---- tests ----

deps:
	@.ci/deps all

deps-build:
	@.ci/deps build

# What is installed on the way is found by a make that begins after it.
check: deps
	+@$(MAKE_ALL) all unit
	@ES_OBJECTS=$(O)/lib tests/run

check-slow: deps
	+@$(MAKE_ALL) all unit
	@LIMIT=1800 tests/run -t slow $(wildcard tests/slow/*.bats tests/*.bats)

ASAN = O=build/asan B=build/asan/bin CFLAGS='-O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(CFLAGS)'

# The programs look for share/ beside bin/.
asan:
	+@$(MAKE_ALL) $(ASAN) all unit
	@ln -sfn ../../share build/asan/share

# A finding ends a program with a status that no test expects.  Tests that the
# sanitizers themselves would break ask for ES_SANITIZED.
check-asan: deps
	+@$(MAKE_ALL) asan
	@UNITS=build/asan/tests/unit ES_BIN=build/asan/bin \
	ES_OBJECTS=build/asan/lib ES_SANITIZED=1 \
	ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=exitcode=99:print_stacktrace=1 \
	tests/run

# What is new is kept in build/fuzz/corpus; what fails is named by libFuzzer.
FUZZ_TIME ?= 60
FUZZ = O=build/fuzz B=build/fuzz/bin CC=clang CFLAGS='-O1 \
	-fno-omit-frame-pointer -fno-sanitize-recover=all \
	-fsanitize=fuzzer-no-link,address,undefined $(CFLAGS)'

fuzz: deps
	+@$(MAKE_ALL) $(FUZZ) fuzzers
	@for name in $(notdir $(fuzzers)); do \
	log=build/fuzz/$$name.log && mkdir -p build/fuzz/corpus/$$name && \
	build/fuzz/tests/fuzz/$$name -max_total_time=$(FUZZ_TIME) \
	-max_len=8192 -timeout=20 -print_final_stats=1 -verbosity=0 \
	-artifact_prefix=build/fuzz/$$name- build/fuzz/corpus/$$name \
	tests/fuzz/corpus/$$name >$$log 2>&1 || { cat $$log; exit 1; } && \
	sed -n "s/^stat::number_of_executed_units: */$$name: inputs tried: /p" \
	$$log; done

# Only within the above.
fuzzers: $(patsubst %,$(O)/%.o,$(fuzzers:$(O)/%=%)) $(O)/libes.a
	@for name in $(notdir $(fuzzers)); do \
	$(CC) $(ES_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) \
	-o $(O)/tests/fuzz/$$name $(O)/tests/fuzz/$$name.o $(O)/libes.a \
	$(ES_LIBS) || exit; done

# BENCH=--quick for a look, --readme to put the result into README.md.
bench: deps-build
	+@$(MAKE_ALL) all $(bench)
	@tests/bench/run $(BENCH)

# Students join courses, one decision after the other; SPEEDRUN=5 for a look.
SPEEDRUN ?= 20
bench-speedrun: deps-build
	+@$(MAKE_ALL) all $(O)/tests/bench/speedrun
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	bin/es-init -q -s "$$dir/es.db" && \
	env -u ES_SYNC $(O)/tests/bench/speedrun $(SPEEDRUN) "$$dir/floor.db" \
	bin/es-decide -s "$$dir/es.db" tests/bench/speedrun.jq | \
	awk '{ print $$1 " decisions a second, the floor " $$2 ": " $$3 " of it" }'

# LAYOUTS='-n 100000 -r 3' for a look; tests/bench/LAYOUTS.md has the result.
bench-layouts: deps-build
	+@$(MAKE_ALL) $(O)/tests/bench/layouts
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	$(O)/tests/bench/layouts $(LAYOUTS) "$$dir"

demo demo-cli: deps-build
	+@$(MAKE_ALL) all
	@share/es/$@

# ---- linters ----

sources = $(wildcard lib/*.c bin/*.c tests/unit/*.c tests/fault/*.c \
	tests/fuzz/*.c)
# By their first line, whatever they are called.
scripts = $(shell grep -lE '^\#!.*[ /](ba)?sh( |$$)' -s -r .ci bin share tests \
	--exclude=*.bats)

# Of the apps: by the words of es.bash, and what finds it.
app_tests = $(wildcard share/es/new/tests/*.bats share/es/apps/*/tests/*.bats)
finders = $(wildcard share/es/new/tests/*.bash share/es/apps/*/tests/*.bash)

lint: lint-gcc lint-clang lint-sh lint-man lint-cppcheck lint-tidy

lint-gcc lint-clang: lint-%:
	+@$(MAKE_ALL) CC=$* O=build/$* B=build/$*/bin CFLAGS='-Werror $(CFLAGS)' \
	all unit

lint-sh:
	shellcheck $(scripts)
	shellcheck -s bash tests/helper.bash tests/bench/peers.bash tests/es-check.bash \
	tests/fault/fault.bash share/es/es.bash $(finders)
	shellcheck -s bats -e SC1010,SC2016,SC2030,SC2031,SC2154,SC2238,SC2317 \
	$(wildcard tests/*.bats tests/*/*.bats)
	shellcheck -s bats -e SC1010,SC2016,SC2030,SC2031,SC2086,SC2154 \
	$(app_tests)

lint-man:
	$(if $(pages),mandoc -T lint -W warning $(pages))

lint-cppcheck:
	cppcheck -q --error-exitcode=1 --std=c11 -j $(CPUS) \
	--enable=warning,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=varFuncNullUB \
	--suppress=internalAstError $(ES_DEFINES) lib bin tests/unit \
	tests/fault tests/fuzz

lint-tidy:
	@printf '%s\n' $(sources) | xargs -n 4 -P $(CPUS) sh -c \
	'clang-tidy --quiet "$$@" -- $(subst ",\",$(subst ',,$(ES_CPPFLAGS))) \
	-std=c11 $(LIB_CFLAGS) 2>/dev/null' tidy

# ---- install ----

# Made by the programs themselves, of the flags that they know.
completions: all
	@.ci/completions $(O)/completions $(programs)

install: all completions
install uninstall:
	@DESTDIR='$(DESTDIR)' BINDIR='$(BINDIR)' SHAREDIR='$(SHAREDIR)' \
	LIBEXECDIR='$(LIBEXECDIR)' UPCASTER='$(upcaster)' \
	MANDIR='$(MANDIR)' BASHDIR='$(BASHDIR)' ZSHDIR='$(ZSHDIR)' \
	FISHDIR='$(FISHDIR)' BATSDIR='$(BATSDIR)' .ci/install $@ $(O)/completions $(programs)

DIST = es-$(VERSION).tar.gz
dist:
	git archive --format=tar --prefix=es-$(VERSION)/ HEAD | gzip -n -9 >$(DIST)

clean:
	rm -rf build libexec $(patsubst bin/%.c,bin/%,$(wildcard bin/*.c))

.PHONY: all unit deps deps-build check check-slow asan check-asan fuzz fuzzers \
	bench \
	bench-layouts bench-speedrun demo demo-cli lint lint-gcc lint-clang lint-sh lint-man lint-cppcheck \
	lint-tidy install uninstall dist clean completions
.SECONDARY:

-include $(wildcard $(O)/lib/*.d $(O)/bin/*.d $(O)/libexec/*.d $(O)/tests/unit/*.d \
	$(O)/tests/fault/*.d $(O)/tests/fuzz/*.d)

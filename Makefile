# GNU make, no configure.  CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX, DESTDIR and
# MANDIR may be given by the caller; CFLAGS are added to the project's own.
#
#   make                 build the programs into bin/
#   make deps            install the packages that are missing
#   make check           tests, under a minute; check-slow has the long ones
#   make demo            a donation from its start to its end, in the shell
#   make install         PREFIX=/usr/local DESTDIR=
#   make lint asan check-asan bench dist completions clean

VERSION = 0.1.0

PREFIX ?= /usr/local
BINDIR = $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
SHAREDIR = $(PREFIX)/share/es

# O holds objects, B the programs: a build with other flags names its own.
O = build
B = bin

PKG_CONFIG ?= pkg-config
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2

# Packages that pkg-config does not know are looked for where the compiler
# looks; libjq 1.6 has no .pc file.
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 nettle 2>/dev/null) \
	$(shell $(PKG_CONFIG) --cflags libjq 2>/dev/null)
lib = $(or $(shell $(PKG_CONFIG) --libs lib$1 2>/dev/null), \
	$(shell $(PKG_CONFIG) --libs $1 2>/dev/null),-l$1)
LIB_LIBS := $(call lib,sqlite3) $(call lib,nettle) $(call lib,jq)

# A program loads only the libraries that it calls.
ifeq ($(shell uname -s),Darwin)
AS_NEEDED = -Wl,-dead_strip_dylibs
else
AS_NEEDED = -Wl,--as-needed
endif

ES_CFLAGS = -std=c11 -O2 -g $(WARNINGS) $(LIB_CFLAGS) $(CFLAGS)
ES_CPPFLAGS = -D_GNU_SOURCE -DES_VERSION='"$(VERSION)"' \
	-DES_SHAREDIR='"$(SHAREDIR)"' -Ilib -include lib/banned.h $(CPPFLAGS)
ES_LIBS = $(AS_NEEDED) $(LIB_LIBS) -lpthread -lm $(LIBS)
COMPILE = $(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) -MMD -MP -c -o $@ $<
LINK = $(CC) $(ES_CFLAGS) $(LDFLAGS) -o $@

lib_o := $(patsubst %.c,$(O)/%.o,$(wildcard lib/*.c))
programs := $(patsubst bin/%.c,$(B)/%,$(wildcard bin/*.c))
units := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))

all: $(O)/libes.a $(programs)

$(O)/libes.a: $(lib_o)
	rm -f $@
	$(AR) rcs $@ $(lib_o)

$(lib_o) $(patsubst $(B)/%,$(O)/bin/%.o,$(programs)): $(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE)

$(addsuffix .o,$(units)): $(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE)

$(programs): $(B)/%: $(O)/bin/%.o $(O)/libes.a
	@mkdir -p $(@D)
	$(LINK) $< $(O)/libes.a $(ES_LIBS)

$(units): %: %.o $(O)/libes.a
	$(LINK) $< $(O)/libes.a $(ES_LIBS)

unit: $(units)

# What everything was compiled with: other flags compile everything anew.
flags_now := $(CC) $(ES_CPPFLAGS) $(ES_CFLAGS) $(LDFLAGS) $(ES_LIBS)
ifneq ($(flags_now),$(file <$(O)/flags))
.PHONY: $(O)/flags
endif
$(O)/flags:
	@mkdir -p $(O)
	@printf '%s\n' '$(subst ','\'',$(flags_now))' >$@

check: all unit
	@tests/run

clean:
	rm -rf build $(programs)

.PHONY: all unit check clean
.SECONDARY:

-include $(wildcard $(O)/lib/*.d $(O)/bin/*.d $(O)/tests/unit/*.d)

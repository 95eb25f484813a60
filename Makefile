# SPDX-License-Identifier: BSD-3-Clause
#
# make			build passt, and pasta as a link to it
# make check		all tests: unit, frame-level, real namespaces
# make unit		only those that need neither root nor namespaces
# make lint		style rules and static analysis
# make fuzz		each fuzzing target for FUZZ_S seconds, 60 by default
# make cross		build for other machines, and test that under emulation
# make size		is static memory within its limit?
# make soak		all traffic at once for SOAK_S seconds, with losses
# make bench		measure against others and none, in 20 minutes
# make bench-quick	the same in short, in 3
# make static		one static binary, with musl if it is there
# make install		into $(DESTDIR)$(PREFIX)

# Of this tree, not of another one around it; also for root in a user's tree
ifndef VERSION
VERSION := $(shell test -e .git && \
	git -c safe.directory='*' describe --tags --always --dirty \
	2>/dev/null || echo unknown)
endif

CC ?= cc
CFLAGS ?= -O2 -g
# With 32 bits, too, files of over 2 GiB, and time after 2038
override CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
override CFLAGS += -std=gnu11 -Wall -Wextra -Wshadow -fno-strict-aliasing

PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1

SRCS := $(sort $(wildcard *.c))
OBJS := $(SRCS:.c=.o)

MUSL_CC ?= musl-gcc
MUSL_INC = -idirafter /usr/include \
	   -idirafter /usr/include/$(shell uname -m)-linux-gnu
STATIC_CC = $(if $(shell command -v $(MUSL_CC)),$(MUSL_CC) $(MUSL_INC),$(CC))

all: passt pasta

passt: $(OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJS)

pasta: passt
	ln -sf passt $@

%.o: %.c Makefile
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The one file that tells the version is compiled anew whenever that changes
VERSION_DEF = -DVERSION=\"$(VERSION)\"
conf.o: override CPPFLAGS += $(VERSION_DEF)
conf.o: .version

.version: FORCE
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@

-include $(OBJS:.o=.d)

static: passt.static

passt.static: $(SRCS) $(wildcard *.h) .version
	$(STATIC_CC) $(CPPFLAGS) $(VERSION_DEF) $(CFLAGS) -static -o $@ $(SRCS)

unit check lint fuzz cross bench bench-quick soak:
	+$(MAKE) -C test $@

size: passt
	test/lint --bss passt

install: all
	install -d $(BINDIR) $(MANDIR)
	install -m 755 passt $(BINDIR)/passt
	ln -sf passt $(BINDIR)/pasta
	install -m 644 passt.1 $(MANDIR)/passt.1
	ln -sf passt.1 $(MANDIR)/pasta.1

clean:
	rm -f passt pasta passt.static .version *.o *.d
	+$(MAKE) -C test clean

.PHONY: all static unit check lint fuzz cross size bench bench-quick \
	soak install clean FORCE

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_FAKE_H
#define CONF_FAKE_H

/* A fake host for tests of the configuration: its interfaces and resolv.conf
 * are variables, messages are kept. Interface 7 is named out0.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf.h"
#include "log.h"
#include "netlink.h"

extern struct conf conf;		/* Result of parse() and start() */
extern char message[1024];		/* Of die() */
extern char told[8192];			/* Others: a line each, level first */

extern struct nl_template host[IPVER_MAX];
extern unsigned host_wanted[IPVER_MAX];	/* Interface asked for */
extern int host_error;			/* Of nl_template_find() */
extern const char *host_dns;		/* Servers with spaces, NULL: no file */
extern const char *host_search;
extern bool no_ipv6;			/* As a kernel without it does */
extern bool privileged;			/* May become another user */

struct nl_template template(const char *name, const char *a, int bits,
			    const char *gw);
int usual_host(void **state);
bool parse(const char *line);
bool start(const char *line);

#define assert_addr(a, text)						\
	do {								\
		char str_[ADDR_STRLEN];					\
									\
		assert_string_equal(addr_is_set(a) ?			\
				    addr_str((a), str_) : "", (text));	\
	} while (0)

#endif /* CONF_FAKE_H */

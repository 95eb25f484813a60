/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LISTEN_TAB_H
#define LISTEN_TAB_H

#include <stdbool.h>
#include <stdint.h>

#include "fwd.h"
#include "portscan.h"
#include "timer.h"

struct ctx;
struct listener;

/* Internals shared by listen.c, listen_event.c and listen_scan.c only */

/* Every port, both protocols, from either side */
#define LISTEN_MAX		(4U * 65536)

/**
 * struct listeners - listening sockets, and the rules they serve
 * @table:	Rules in force
 * @head:	First listener of each rule, LISTEN_NONE if it has none
 * @all:	The listeners, LISTEN_MAX of them
 * @free:	First of those freed, LISTEN_NONE if there are none
 * @fresh:	First of those never used
 * @held:	First of those that wait for room to the guest, LISTEN_NONE
 * @files:	Tell which ports are bound on the host, and in the namespace:
 *		see listen_files()
 * @scan:	Timer to look at these
 * @resume:	Timer to accept again
 */
struct listeners {
	struct fwd_table table;
	uint32_t head[FWD_RULES_MAX];
	struct listener *all;
	uint32_t free;
	uint32_t fresh;
	uint32_t held;
	struct portscan files[2];
	struct timer scan;
	struct timer resume;
};

bool listen_is_exhausted(int rc);
int listen_watch(const struct ctx *c, uint32_t index, int op, uint32_t events);
int listen_open_port(struct ctx *c, unsigned rule, uint16_t port);
void listen_close_at(struct ctx *c, uint32_t *link);
struct portscan *listen_files(struct listeners *ls, uint8_t place);
void listen_scan_init(struct listeners *ls);
void listen_scan(struct ctx *c);
void listen_scan_start(struct ctx *c);

#endif /* LISTEN_TAB_H */

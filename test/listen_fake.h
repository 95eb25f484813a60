/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LISTEN_FAKE_H
#define LISTEN_FAKE_H

/* What surrounds listening sockets, for their tests: two namespaces, fakes of
 * what makes rules, and of those that connections and datagrams are handed to
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "flow.h"
#include "fwd.h"
#include "listen.h"
#include "log.h"
#include "netns.h"
#include "passt.h"

#define WAIT_MS		5000

/**
 * struct accepted - what a fake was given
 * @fd:		Connection, -1 if none
 * @ini:	Its initiating side
 * @spliced:	It was to be spliced
 */
struct accepted {
	int fd;
	struct flow_side ini;
	bool spliced;
};

extern struct ctx c;
extern struct netns ns;			/* The guest's */
extern struct fwd_rule spec[8];		/* What the options say */
extern unsigned spec_count;
extern struct accepted last;
extern unsigned udp_received;		/* Datagrams */
extern int udp_opened, udp_closed;	/* Last listeners, -1 if none */
extern unsigned udp_opened_count, udp_closed_count;
extern uint8_t target_place;		/* Where all goes, enum flow_place */
extern bool crowded;			/* Too many attempts */
extern char why[LISTEN_WHY_MAX];

int listen_setup(void **state);
int listen_teardown(void **state);
struct fwd_rule rule(uint16_t first, uint16_t last_port, uint8_t flags);
int occupy(const char *text, uint16_t port, int type);
int occupy_in_ns(void *arg);
int try_connect(const char *text, uint16_t port);
bool is_open(const char *text, uint16_t port);
int turn(int timeout_ms);
void advance(uint64_t ms);
int listen_group_setup(void **state);
void limit_fds(bool on);

/* Row of a cmocka table */
#define TEST(f)								\
	cmocka_unit_test_setup_teardown((f), listen_setup, listen_teardown)

#endif /* LISTEN_FAKE_H */

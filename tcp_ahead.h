/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_AHEAD_H
#define TCP_AHEAD_H

#include <stdint.h>

#include "tcp_pool.h"
#include "view.h"

struct ctx;
struct tcp_conn;

/**
 * struct tcp_ahead - data from the guest behind a gap
 * @kept:	Data
 * @seq:	Its sequence number, valid if there is some
 */
struct tcp_ahead {
	struct tcp_kept kept;
	uint32_t seq;
};

void tcp_ahead_keep(struct ctx *c, struct tcp_conn *conn, uint32_t seq,
		    struct view v);
void tcp_ahead_take(struct ctx *c, struct tcp_conn *conn);
void tcp_ahead_drop(struct ctx *c, struct tcp_conn *conn);

#endif /* TCP_AHEAD_H */

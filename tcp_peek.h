/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_PEEK_H
#define TCP_PEEK_H

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct iovec;
struct tcp_conn;

#define TCP_TRASH_SIZE		(256U * 1024)	/* Of struct tcp, bytes */
#define TCP_TRASH_IOV		16	/* Times it is peeked into at most */

uint32_t tcp_look_max(const struct ctx *c, struct tcp_conn *conn);
int tcp_peek_at(struct ctx *c, struct tcp_conn *conn, struct iovec *iov);
bool tcp_is_all(struct tcp_conn *conn);
bool tcp_discard_acked(struct ctx *c, struct tcp_conn *conn);

#endif /* TCP_PEEK_H */

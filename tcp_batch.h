/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_BATCH_H
#define TCP_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "frame.h"
#include "tap.h"
#include "view.h"

struct ctx;
struct tcp_conn;

/* Room for a few frames in as many pieces as can be, for all in few pieces */
#define TCP_BATCH_IOV		(FRAME_IOV_MAX * 4)

/**
 * struct tcp_run - data of one connection that waits for its delivery
 * @conn:	Connection
 * @first:	Where in the batch's @iov its first piece is, if @len isn't 0
 * @last:	The same of the last one
 * @iov_cnt:	Pieces
 * @len:	Bytes
 */
struct tcp_run {
	struct tcp_conn *conn;
	unsigned first;
	unsigned last;
	size_t iov_cnt;
	size_t len;
};

/**
 * struct tcp_batch - what the present batch of frames has brought
 * @dirty:	Connections that were touched
 * @dirty_count: How many
 * @runs:	Data of each connection that has brought some
 * @run_count:	How many
 * @iov:	Where it lies, in the frames
 * @next:	For each element of @iov, that of the next one in its run
 * @iov_cnt:	Elements used in @iov
 */
struct tcp_batch {
	struct tcp_conn *dirty[TAP_BATCH_MAX];
	unsigned dirty_count;
	struct tcp_run runs[TAP_BATCH_MAX];
	unsigned run_count;
	struct iovec iov[TCP_BATCH_IOV];
	unsigned next[TCP_BATCH_IOV];
	unsigned iov_cnt;
};

void tcp_batch_mark(struct ctx *c, struct tcp_conn *conn);
void tcp_batch_add(struct ctx *c, struct tcp_conn *conn, const struct view *v);
bool tcp_batch_has(struct tcp_batch *b, const struct tcp_conn *conn);
void tcp_batch_flush(struct ctx *c, struct tcp_conn *conn);

#endif /* TCP_BATCH_H */

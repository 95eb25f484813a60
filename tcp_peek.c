// SPDX-License-Identifier: BSD-3-Clause
/* tcp_peek.c - TCP: the receive queue of the host's socket
 *
 * Data stays there until the guest has acknowledged it: it is peeked at, sent,
 * and discarded later. So there is nothing to keep for retransmission, and the
 * sender at the far end sees the window close by itself when the guest reads
 * slowly. Where the kernel keeps a peek offset (SO_PEEK_OFF), each peek goes on
 * where the last one ended; elsewhere what was sent before is peeked again,
 * into a buffer that nobody reads.
 */

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include "passt.h"
#include "sock.h"
#include "syscalls.h"
#include "tcp_conn.h"
#include "tcp_peek.h"

/* What is called after start-up, see seccomp.c */
const char tcp_peek_syscalls[] = "getsockopt recv";

#define TCP_BULK_LEN		(16U * 1024)	/* More: much more, maybe */
#define TCP_BULK_RCVBUF		(1 << 20)	/* Bytes, a guest may be slow */
#define TCP_LOOK_PIECES		2048U	/* Seen by one look at the queue */
#define TCP_PIECE_COST		448U	/* Memory of each besides data */

/**
 * tcp_expect_bulk() - Let the socket's receive buffer be long
 * @conn:	Connection that much is received on
 *
 * The kernel has it grow with what is read in a round trip. As data is taken
 * out of the queue only once the guest has got it, that lags behind, and the
 * sender waits for window in each round of its slow start. To ask for a high
 * mark makes room for it, the mark itself isn't wanted.
 *
 * Source: socket(7), SO_RCVLOWAT; kernel, net/ipv4/tcp.c tcp_set_rcvlowat():
 * no more than half of what net.ipv4.tcp_rmem allows
 */
static void tcp_expect_bulk(struct tcp_conn *conn)
{
	conn->flags |= CONN_BULK;
	if (!sock_set_int(conn->fd, SOL_SOCKET, SO_RCVLOWAT, TCP_BULK_RCVBUF))
		sock_set_int(conn->fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

/**
 * tcp_discard_acked() - Take what the guest has got out of the socket's queue
 * @c:		Execution context
 * @conn:	Connection
 *
 * The kernel moves its peek offset along.
 *
 * Return: false if the socket failed, and nothing could be sent in its place;
 *	   the connection is reset then
 *
 * Source: tcp(7), MSG_TRUNC
 */
bool tcp_discard_acked(struct ctx *c, struct tcp_conn *conn)
{
	uint32_t len = conn->snd_una - conn->sock_seq;
	ssize_t n;

	/* The FIN's sequence number isn't in the queue */
	if (len && conn->flags & CONN_FIN_ACKED)
		len--;
	if (!len || conn->fd < 0)
		return true;

	do
		n = recv(conn->fd, NULL, len, MSG_TRUNC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		tcp_reset(c, conn);
		return false;
	}

	conn->sock_seq += (uint32_t)n;
	if (!(conn->flags & CONN_BULK) &&
	    conn->sock_seq - conn->iss > TCP_BULK_LEN)
		tcp_expect_bulk(conn);
	conn->peek_off -= MIN(conn->peek_off, (uint32_t)n);
	/* What couldn't be told from an end before may be one now */
	if (!(conn->flags & CONN_PEEK_OFF))
		conn->flags |= CONN_READABLE;
	return true;
}

/**
 * tcp_look_max() - How far into the socket's queue to look
 * @c:		Execution context
 * @conn:	Connection
 *
 * For each piece it finds, the kernel goes there from the front of the queue.
 * There are tens of thousands if somebody near sends byte by byte and the guest
 * has no window: to look at all takes a second, in which all others wait.
 * The memory that the queue takes tells how many there can be.
 *
 * Return: bytes from the front, which always let some be sent
 *
 * Source: kernel, net/ipv4/tcp.c tcp_recvmsg_locked()
 */
uint32_t tcp_look_max(const struct ctx *c, struct tcp_conn *conn)
{
	uint32_t min = conn->snd_una - conn->sock_seq + TCP_LOOK_PIECES;
	uint32_t mem[SK_MEMINFO_VARS] = { 0 }, queued, pieces;
	const uint32_t *alloc = &mem[SK_MEMINFO_RMEM_ALLOC];
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(mem);

	if (conn->looked_ms == c->now_ms)
		return MAX(conn->look_max, min);
	conn->looked_ms = c->now_ms;
	conn->look_max = UINT32_MAX;
	getsockopt(conn->fd, SOL_SOCKET, SO_MEMINFO, mem, &len);
	len = sizeof(info);
	if (*alloc <= TCP_LOOK_PIECES * TCP_PIECE_COST ||
	    getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return UINT32_MAX;
	queued = (uint32_t)info.tcpi_bytes_received -
		 (conn->sock_seq - conn->iss - 1);
	pieces = (MAX(*alloc, queued) - queued) / TCP_PIECE_COST;
	if (pieces > TCP_LOOK_PIECES)
		conn->look_max = (uint32_t)((uint64_t)queued *
					    TCP_LOOK_PIECES / pieces);
	return MAX(conn->look_max, min);
}

/**
 * tcp_peek_at() - Prepare to peek at the socket's queue at snd_nxt
 * @c:		Execution context
 * @conn:	Connection
 * @iov:	Where elements go for what is to be passed over
 *
 * Return: elements used in @iov, 0 with a peek offset; -1 if what is to be
 *	   passed over is too long, and the guest has to acknowledge first
 *
 * Source: socket(7), SO_PEEK_OFF; for TCP since Linux 6.9
 */
int tcp_peek_at(struct ctx *c, struct tcp_conn *conn, struct iovec *iov)
{
	uint32_t off = conn->snd_nxt - conn->sock_seq;
	int n = 0;

	if (conn->flags & CONN_PEEK_OFF) {
		if (conn->peek_off != off &&
		    sock_set_int(conn->fd, SOL_SOCKET, SO_PEEK_OFF, (int)off))
			return -1;
		conn->peek_off = off;
		return 0;
	}

	for (; off; n++) {
		if (n == TCP_TRASH_IOV)
			return -1;
		iov[n].iov_base = c->tcp->trash;
		iov[n].iov_len = MIN(off, TCP_TRASH_SIZE);
		off -= (uint32_t)iov[n].iov_len;
	}
	return n;
}

/**
 * tcp_is_all() - Was what has just been peeked at the last of the stream?
 * @conn:	Connection
 *
 * An end was told, but less than asked for needn't be all there is: memory of
 * a guest may take only a part. So only nothing behind it says so.
 *
 * Return: true if it was; false also where it can't be told from here, as the
 *	   kernel has no peek offset
 */
bool tcp_is_all(struct tcp_conn *conn)
{
	const uint32_t told = CONN_HOST_EOF | CONN_PEEK_OFF;
	uint8_t byte;
	ssize_t n;

	if ((conn->flags & told) != told)
		return false;
	n = recv(conn->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		conn->peek_off += (uint32_t)n;
	return !n;
}

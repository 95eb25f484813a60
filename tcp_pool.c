// SPDX-License-Identifier: BSD-3-Clause
/* tcp_pool.c - bounded room for what a socket didn't take of the guest's data
 *
 * The guest is told a little more window than the socket has room for, so that
 * the socket is filled to its brim: only then does the kernel enlarge its
 * buffer, and there is something to send at once when it has room again. What
 * doesn't fit is kept here, in order, and was acknowledged to the guest: it
 * never has to send it again.
 *
 * Data behind a gap is kept here, too, until that is filled: see tcp_ahead.c.
 *
 * One pool of TCP_CHUNKS chunks serves all connections, so that a guest can't
 * have more than that kept. tcp_pool_slack() tells how much a connection may
 * count on: nothing once half of the pool is in use.
 */

#include <stdlib.h>

#include "log.h"
#include "tcp_pool.h"
#include "util.h"
#include "view.h"

/**
 * tcp_pool_init() - Allocate the pool, at start-up
 * @p:		Pool
 */
void tcp_pool_init(struct tcp_pool *p)
{
	unsigned i;

	p->data = calloc(TCP_CHUNKS, sizeof(p->data[0]));
	if (!p->data)
		die("No memory for the TCP buffer pool");

	for (i = 0; i < TCP_CHUNKS; i++)
		p->next[i] = (uint16_t)(i + 1);
	p->next[TCP_CHUNKS - 1] = TCP_CHUNK_NONE;
	p->free = 0;
	p->free_count = TCP_CHUNKS;
}

/**
 * tcp_pool_append() - Put a fresh chunk behind a connection's data
 * @p:		Pool, not empty
 * @k:		Data of the connection
 */
static void tcp_pool_append(struct tcp_pool *p, struct tcp_kept *k)
{
	uint16_t i = p->free;

	p->free = p->next[i];
	p->free_count--;
	p->next[i] = TCP_CHUNK_NONE;
	p->used[i] = 0;

	if (k->len) {
		p->next[k->last] = i;
	} else {
		k->first = i;
		k->off = 0;
	}
	k->last = i;
}

/**
 * tcp_pool_add() - Keep data of a connection
 * @p:		Pool
 * @k:		Data of the connection
 * @v:		Data to add
 *
 * Return: false if the pool has no room for all of it: none is kept then
 */
bool tcp_pool_add(struct tcp_pool *p, struct tcp_kept *k, struct view v)
{
	size_t room = k->len ? TCP_CHUNK_SIZE - p->used[k->last] : 0;

	if (v.len > room + p->free_count * (size_t)TCP_CHUNK_SIZE)
		return false;

	while (v.len) {
		size_t n;

		if (!k->len || p->used[k->last] == TCP_CHUNK_SIZE)
			tcp_pool_append(p, k);
		n = MIN(v.len, TCP_CHUNK_SIZE - p->used[k->last]);
		view_pull(&v, p->data[k->last] + p->used[k->last], n);
		p->used[k->last] += (uint32_t)n;
		k->len += (uint32_t)n;
	}
	return true;
}

/**
 * tcp_pool_peek() - Describe the oldest data of a connection
 * @p:		Pool
 * @k:		Data of the connection
 * @iov:	Filled with where it is
 *
 * Return: elements used, 0 if nothing is kept
 */
size_t tcp_pool_peek(const struct tcp_pool *p, const struct tcp_kept *k,
		     struct iovec iov[static TCP_KEPT_IOV])
{
	uint16_t i = k->first;
	size_t n = 0, off = k->off;

	if (!k->len)
		return 0;

	while (n < TCP_KEPT_IOV && i != TCP_CHUNK_NONE) {
		iov[n].iov_base = p->data[i] + off;
		iov[n++].iov_len = p->used[i] - off;
		off = 0;
		i = p->next[i];
	}
	return n;
}

/**
 * tcp_pool_take() - Let go of the oldest data of a connection
 * @p:		Pool
 * @k:		Data of the connection
 * @len:	Bytes, at most what is kept
 */
void tcp_pool_take(struct tcp_pool *p, struct tcp_kept *k, size_t len)
{
	while (len) {
		uint16_t i = k->first;
		size_t n = MIN(len, p->used[i] - k->off);

		len -= n;
		k->off += (uint32_t)n;
		k->len -= (uint32_t)n;
		if (k->off < p->used[i])
			return;

		k->first = p->next[i];
		k->off = 0;
		p->next[i] = p->free;
		p->free = i;
		p->free_count++;
	}
}

/**
 * tcp_pool_slack() - Bytes a connection may have kept beyond its socket
 * @p:		Pool
 * @mss:	What the guest sends in a segment, bytes
 *
 * Not less than a segment: the guest waits to send a whole one.
 *
 * Return: bytes, 0 if the pool is needed for what was told already
 */
uint32_t tcp_pool_slack(const struct tcp_pool *p, uint32_t mss)
{
	return p->free_count > TCP_CHUNKS / 2 ? MAX(TCP_CHUNK_SIZE, mss) : 0;
}

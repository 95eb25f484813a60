/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_POOL_H
#define TCP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct view;

#define TCP_CHUNK_SIZE		(16U * 1024)
#define TCP_CHUNKS		2048U	/* 32 MiB, backed only once used */
#define TCP_CHUNK_NONE		UINT16_MAX
#define TCP_KEPT_IOV		16

/**
 * struct tcp_kept - data of one connection in the pool, first in, first out
 * @first:	Chunk with the oldest data, valid if @len isn't 0
 * @last:	Chunk with the newest data
 * @off:	Bytes of @first already taken
 * @len:	Bytes kept
 */
struct tcp_kept {
	uint16_t first;
	uint16_t last;
	uint32_t off;
	uint32_t len;
};

/**
 * struct tcp_pool - room for data taken from guests that sockets didn't take
 * @data:	The chunks
 * @next:	Chunk that follows each one, or next free chunk
 * @used:	Bytes filled of each chunk
 * @free:	First free chunk, TCP_CHUNK_NONE if there is none
 * @free_count:	How many are free
 */
struct tcp_pool {
	char (*data)[TCP_CHUNK_SIZE];
	uint16_t next[TCP_CHUNKS];
	uint32_t used[TCP_CHUNKS];
	uint16_t free;
	uint16_t free_count;
};

void tcp_pool_init(struct tcp_pool *p);
bool tcp_pool_add(struct tcp_pool *p, struct tcp_kept *k, struct view v);
size_t tcp_pool_peek(const struct tcp_pool *p, const struct tcp_kept *k,
		     struct iovec iov[static TCP_KEPT_IOV]);
void tcp_pool_take(struct tcp_pool *p, struct tcp_kept *k, size_t len);
uint32_t tcp_pool_slack(const struct tcp_pool *p, uint32_t mss);

#endif /* TCP_POOL_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "addr.h"

#define MODEL_SOCKS		96	/* The host's limit of descriptors */
#define MODEL_QUEUE		8	/* Datagrams that wait in a socket */
#define MODEL_ALL		UINT32_MAX	/* Room without a bound */

/* What a TCP connection to a port comes to, by the port's lowest bits */
enum model_fate {
	MODEL_ACCEPTED, MODEL_REFUSED, MODEL_PENDING, MODEL_UNREACHABLE,
	MODEL_FATES,
};

/* Calls that can be made to fail; last, not in their number, is a look at a
 * stream, or a read, that gets less than there is
 */
enum model_call {
	MODEL_SOCKET, MODEL_BIND, MODEL_CONNECT, MODEL_ACCEPT, MODEL_EPOLL,
	MODEL_SET, MODEL_GET, MODEL_SEND, MODEL_RECV, MODEL_CALLS,
	MODEL_SHORT = MODEL_CALLS,
};

enum model_state {
	MODEL_NEW, MODEL_LISTENING, MODEL_CONNECTING, MODEL_CONNECTED,
	MODEL_DEAD,
};

/**
 * struct model_dgram - a datagram, or an error, that waits in a socket
 * @len:	Bytes of it
 * @gso_size:	Bytes of each of joined ones, 0 if it is one
 * @src:	Where it comes from; of an error, the offender
 * @port:	Port there
 * @ttl:	TTL
 * @tos:	TOS
 * @seq:	Sequence number of an echo reply
 * @err:	Of an error: errno, ICMP type and code, MTU
 * @type:	Likewise
 * @code:	Likewise
 * @mtu:	Likewise
 */
struct model_dgram {
	uint16_t len;
	uint16_t gso_size;
	struct addr src;
	uint16_t port;
	uint8_t ttl;
	uint8_t tos;
	uint16_t seq;
	int err;
	uint8_t type;
	uint8_t code;
	uint32_t mtu;
};

/**
 * struct model_sock - a socket of the host
 * @open:	In use
 * @family:	AF_INET or AF_INET6
 * @type:	SOCK_STREAM or SOCK_DGRAM
 * @proto:	IPPROTO_*
 * @state:	State
 * @local:	Address it is bound to
 * @peer:	Address it is connected to
 * @watched:	epoll knows it
 * @events:	Events asked for
 * @ref:	What comes back with them
 * @edge:	Something happened since events were told last
 * @sent:	Stream: bytes taken from the guest
 * @start:	Stream: offset in the pattern of the first byte in the queue
 * @queued:	Stream: bytes in the queue; listener: connections in it
 * @peek_off:	Peek offset, -1 if there is none
 * @room:	Bytes that it takes from the guest before it is full
 * @fin:	Stream: the peer's end
 * @shut:	Stream: we shut down our direction
 * @error:	Pending error, errno
 * @in:		Datagrams that wait
 * @in_count:	How many
 * @errs:	Errors that wait
 * @err_count:	How many
 */
struct model_sock {
	bool open;
	int family;
	int type;
	int proto;
	enum model_state state;
	union sockaddr_any local;
	union sockaddr_any peer;
	bool watched;
	uint32_t events;
	uint64_t ref;
	bool edge;
	uint64_t sent;
	uint64_t start;
	uint32_t queued;
	int peek_off;
	uint32_t room;
	bool fin;
	bool shut;
	int error;
	struct model_dgram in[MODEL_QUEUE];
	unsigned in_count;
	struct model_dgram errs[MODEL_QUEUE];
	unsigned err_count;
};

extern bool model_checks_stream;

void model_reset(void);
unsigned model_open_count(void);
uint64_t model_stream_len(int fd);
struct model_sock *model_pick(int type, bool listening, unsigned n);
void model_fail(enum model_call call, unsigned after, int err);
void model_complete(struct model_sock *s, int err);
void model_write(struct model_sock *s, uint32_t len);
void model_end(struct model_sock *s, int err);
void model_set_room(struct model_sock *s, uint32_t room);
void model_client(struct model_sock *listener);
void model_dgram(struct model_sock *s, const struct model_dgram *d);
void model_dgram_error(struct model_sock *s, const struct model_dgram *d);

#endif /* MODEL_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOAD_H
#define LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_HIST_MAX	20000	/* Latencies are counted up to this, us */

/**
 * struct load_opts - what to measure
 * @address:	Of the server, as clients reach it
 * @bind:	Address the server binds to
 * @port:	Port clients contact
 * @bind_port:	Port the server binds to
 * @v6:		@bind is of IPv6
 * @down:	The server sends
 * @gso:	Datagrams are joined by UDP_SEGMENT and UDP_GRO
 * @count:	Connections, or datagrams under way at most, 0 for any number
 * @active:	Connections that carry requests
 * @size:	Bytes of a datagram
 */
struct load_opts {
	const char *address;
	const char *bind;
	uint16_t port;
	uint16_t bind_port;
	bool v6;
	bool down;
	bool gso;
	unsigned count;
	unsigned active;
	unsigned size;
};

/**
 * struct load_shared - what both ends and the one that watches them share
 * @ready:	The server is there
 * @running:	Load is on its way
 * @stop:	No more is to be sent
 * @waiting:	A sender waits for this to become 0
 * @begin_ns:	When clients began to connect
 * @first_ns:	When LOAD_FIRST bytes had arrived
 * @flows:	Connections that exist
 * @bytes:	Received
 * @ops:	Done: datagrams received, answers
 * @sent:	Datagrams sent
 * @errors:	What failed and was tried again
 * @hist:	Latencies of answers, by us
 */
struct load_shared {
	atomic_uint ready;
	atomic_uint running;
	atomic_uint stop;
	atomic_uint waiting;
	atomic_ullong begin_ns;
	atomic_ullong first_ns;
	atomic_uint flows;
	_Alignas(64) atomic_ullong bytes;
	atomic_ullong ops;
	_Alignas(64) atomic_ullong sent;
	atomic_ullong errors;
	uint32_t hist[LOAD_HIST_MAX];
};

#define LOAD_FIRST	(4U << 20)	/* Ramp-up: until this has arrived */

/**
 * struct load_test - a kind of load
 * @name:	On the command line
 * @server:	Runs in the server's namespace until it is killed
 * @client:	Runs in the client's
 */
struct load_test {
	const char *name;
	void (*server)(const struct load_opts *o, struct load_shared *s);
	void (*client)(const struct load_opts *o, struct load_shared *s);
};

extern const struct load_test load_stream, load_rr, load_crr, load_udp_rr;
extern const struct load_test load_udp, load_flows;

/* load.c */
_Noreturn void load_fail(const char *what);
uint64_t load_now_ns(void);
int load_listen(const struct load_opts *o, int type);
int load_connect(const struct load_opts *o, int type);
void load_set(int fd, int level, int name, int value);
void load_answered(struct load_shared *s, uint64_t since_ns);

#endif /* LOAD_H */

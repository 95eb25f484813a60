/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_RELAY_H
#define UDP_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "addr.h"
#include "dgram.h"

#define UDP_RELAY_MAX		32	/* Messages taken at once */
#define UDP_RELAY_ROUNDS	4	/* Batches before others' turn */

/**
 * union udp_control - control messages that go with a datagram: at most its
 *		       source address, TTL, TOS, and length if it is to be cut
 * @align:	As struct cmsghdr has to be
 * @buf:	Room
 */
union udp_control {
	size_t align;
	char buf[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
		 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
};

/**
 * struct udp_to - where datagrams are sent
 * @fd:		Socket
 * @sa:		Destination, if the socket isn't connected
 * @sa_len:	Its length, 0 if it is
 * @control:	What goes with each datagram
 * @control_len: Bytes of it, 0 for nothing
 */
struct udp_to {
	int fd;
	union sockaddr_any sa;
	socklen_t sa_len;
	union udp_control control;
	size_t control_len;
};

/**
 * struct udp_got - a datagram received, or joined ones
 * @info:	What came with it; source unset if it is of no known family
 * @data:	Payload
 * @len:	Bytes of it
 */
struct udp_got {
	struct dgram_info info;
	const uint8_t *data;
	size_t len;
};

struct udp_flow;
struct udp_relay;

struct udp_relay *udp_relay_new(void);
int udp_relay_recv(struct udp_relay *r, int fd);
const struct udp_got *udp_relay_got(const struct udp_relay *r, unsigned i);
unsigned udp_relay_send(struct udp_relay *r, unsigned first, unsigned count,
			const struct udp_to *to, uint16_t *segment_max);
size_t udp_put_cmsg(union udp_control *u, size_t off,
		    const struct cmsghdr *head, const void *data, size_t len);
size_t udp_put_segment(union udp_control *u, size_t off, uint16_t size);
bool udp_is_uncut(int err);
unsigned udp_send_split(int fd, const struct msghdr *mh, size_t len,
			size_t size);

/* udp_in.c */
void udp_to_client(const struct udp_flow *uf, struct udp_to *to);

#endif /* UDP_RELAY_H */

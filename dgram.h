/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DGRAM_H
#define DGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>	/* linux/errqueue.h wants it */
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <linux/types.h>
#include <linux/errqueue.h>

#include "addr.h"
#include "icmp_err.h"

struct conf;
struct flow_side;

/* Errors read from a socket before other sockets have their turn */
#define DGRAM_ERRORS_MAX	16
/* Times a send is tried again after an earlier datagram's error */
#define DGRAM_RETRIES_MAX	3

/**
 * struct dgram_sock - socket of a datagram flow
 * @fd:		Descriptor, -1 if none
 * @v:		IP version
 * @is_open:	Not connected: any remote may answer (group or broadcast)
 * @is_group:	Destination is a multicast group
 * @ttl:	TTL or hop limit set, 0 if none was
 * @tos:	TOS or traffic class set
 * @may_cut:	Set to send without DF, of IPv4
 */
struct dgram_sock {
	int fd;
	enum ipver v;
	bool is_open;
	bool is_group;
	uint8_t ttl;
	uint8_t tos;
	bool may_cut;
};

/**
 * struct dgram_info - what came with a datagram from a socket
 * @src:	Its source address
 * @port:	Its source port, host byte order
 * @tos:	Its TOS or traffic class
 * @ttl:	Its TTL or hop limit, 0 if not known
 * @gso_size:	Bytes of each datagram if several came joined, else 0
 * @dst:	Its destination address, unset unless the socket tells it
 * @local:	IPv4: our address to answer from, unset likewise
 * @ifindex:	Interface it came by, 0 likewise
 */
struct dgram_info {
	struct addr src;
	uint16_t port;
	uint8_t tos;
	uint8_t ttl;
	uint16_t gso_size;
	struct addr dst;
	struct addr local;
	uint32_t ifindex;
};

/**
 * struct dgram_error - one entry of a socket's error queue
 * @ee:		What happened
 * @offender:	Who told us, unset if not known
 * @remote:	Where the datagram concerned was sent to, unset if not known
 * @remote_port: Port there, host byte order
 * @local:	Address it was sent from, unset unless the socket tells it
 * @len:	Bytes used in @data
 * @data:	Start of the datagram concerned, after its UDP header for UDP,
 *		from its ICMP header on for echo
 */
struct dgram_error {
	struct sock_extended_err ee;
	struct addr offender;
	struct addr remote;
	uint16_t remote_port;
	struct addr local;
	size_t len;
	uint8_t data[ICMP_ERR_PAYLOAD_MAX];
};

/* Room for the control messages asked for, and some more */
#define DGRAM_CMSG_MAX		256

int dgram_open(const struct conf *conf, uint8_t proto, struct flow_side *host,
	       bool share, struct dgram_sock *s);
void dgram_close(struct dgram_sock *s);
void dgram_set_hop(struct dgram_sock *s, uint8_t ttl, uint8_t tos,
		   bool may_cut);
bool dgram_read_info(struct msghdr *mh, struct dgram_info *info);
ssize_t dgram_recv(const struct dgram_sock *s, struct iovec *iov, size_t cnt,
		   struct dgram_info *info);
int dgram_next_error(const struct dgram_sock *s, struct dgram_error *e);
void dgram_clear_error(const struct dgram_sock *s);
bool dgram_is_transient(int err);
void dgram_warn(const struct conf *conf, const char *what,
		const struct addr *dst, int err);

#endif /* DGRAM_H */

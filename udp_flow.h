/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_FLOW_H
#define UDP_FLOW_H

/* Internals shared by the UDP files only */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "ip.h"

#define UDP_LEN_MAX		65535	/* More than any payload */

/* Messages and their pieces kept back; a frame adds a few at most */
#define UDP_BATCH_MSGS		64
#define UDP_BATCH_IOVS		512

/* Joined datagrams: their number (Linux before 6.9: UDP_MAX_SEGMENTS), and
 * their payload, so that it fits a packet of either version
 */
#define UDP_SEGS_MAX		64U
#define UDP_SEGS_LEN_MAX	(65535UL - IPV6_HLEN - sizeof(struct udphdr))

/**
 * struct udp_flow - UDP flow begun by the guest
 * @f:		Common head
 * @s:		Socket
 * @segment_max: Longest datagram that the kernel joins for this destination
 * @has_reply:	Something came back
 * @has_port:	Counted in struct udp_port
 * @is_edge:	The socket is edge-triggered, as there was no room to the guest
 */
struct udp_flow {
	struct flow f;
	struct dgram_sock s;
	uint16_t segment_max;
	bool has_reply;
	bool has_port;
	bool is_edge;
};

static_assert(sizeof(struct udp_flow) <= FLOW_ENTRY_SIZE, "fits an entry");

/**
 * struct udp_msg - a message to be sent, of one or more datagrams
 * @size:	Length of the first datagram, and of all but the last
 * @segs:	Datagrams
 * @len:	Length of all of them
 * @is_closed:	The last one is shorter: none may follow
 * @control:	Control message with @size
 */
struct udp_msg {
	uint16_t size;
	unsigned segs;
	size_t len;
	bool is_closed;
	union {
		struct cmsghdr cmsg;
		char buf[CMSG_SPACE(sizeof(uint16_t))];
	} control;
};

/**
 * struct udp_batch - datagrams of one flow from the guest, about to be sent
 * @uf:		Flow, NULL if there are none
 * @count:	Messages
 * @iovs:	Elements used in @iov
 * @mh:		Messages as the kernel wants them
 * @msg:	What else is known of each
 * @iov:	Where the payloads are: memory of the frames
 * @dst:	Destination, for sockets that are not connected
 * @dst_len:	Its length, 0 for those that are
 */
struct udp_batch {
	struct udp_flow *uf;
	unsigned count;
	unsigned iovs;
	struct mmsghdr mh[UDP_BATCH_MSGS];
	struct udp_msg msg[UDP_BATCH_MSGS];
	struct iovec iov[UDP_BATCH_IOVS];
	union sockaddr_any dst;
	socklen_t dst_len;
};

/**
 * struct udp_port - port of the host that stands for one of the guest
 * @guest:	The guest's address
 * @port:	Port of the flows' sockets, host byte order
 * @flows:	Flows that have it
 */
struct udp_port {
	struct addr guest;
	uint16_t port;
	uint32_t flows;
};

/**
 * struct udp - state of all UDP flows together
 * @batch:	What is about to be sent to the host
 * @ports:	By IP version and port of the guest
 * @buf:	Datagram that doesn't go to the guest as it is
 */
struct udp {
	struct udp_batch batch;
	struct udp_port ports[IPVER_MAX][UINT16_MAX + 1];
	uint8_t buf[UDP_LEN_MAX];
};

void udp_close(struct ctx *c, struct udp_flow *uf);
unsigned udp_drain_errors(struct ctx *c, struct udp_flow *uf);
struct icmp_quote udp_quote(const struct udp_flow *uf, struct udphdr *uh,
			    const void *payload, size_t len);
void udp_batch_flush(struct ctx *c);
void udp_batch_send(struct ctx *c, struct udp_flow *uf,
		    const struct pkt *pkt, struct view *data);

#endif /* UDP_FLOW_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UDP_FLOW_H
#define UDP_FLOW_H

/* Internals shared by the UDP files only */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dgram.h"
#include "flow.h"
#include "ip.h"

struct udphdr;
struct udp_batch;
struct udp_relay;

#define UDP_LEN_MAX		65535	/* More than any payload */

/* Joined datagrams: their number (Linux before 6.9: UDP_MAX_SEGMENTS), and
 * their payload, so that it fits a packet of either version
 */
#define UDP_SEGS_MAX		64U
#define UDP_SEGS_LEN_MAX	(65535UL - IPV6_HLEN - 8)

#define UDP_VIA_BUCKETS		4096U
#define UDP_PORT_FLOWS_MAX	512U	/* That share a port of the host */

/**
 * struct udp_via - listener that a flow begun by a client came by
 * @fd:		Its descriptor, which isn't the flow's, -1 if there is none
 * @ifindex:	Interface that link-local addresses are on, else 0
 * @next:	Next flow in the same bucket of struct udp
 * @prev:	Where the pointer to this flow is, NULL if it is in no bucket
 */
struct udp_via {
	int fd;
	uint32_t ifindex;
	struct udp_flow *next;
	struct udp_flow **prev;
};

/**
 * struct udp_flow - UDP flow, of type FLOW_UDP or FLOW_UDP_SPLICE
 * @f:		Common head
 * @s:		Socket connected to the target, none if the guest is that
 * @via:	Listener towards the client, none if the guest is that
 * @port_generation: Of struct udp_port it is counted in, 0 for none
 * @segment_max: Longest datagram that the kernel joins for this destination
 * @has_reply:	Something came back
 * @is_edge:	The socket is edge-triggered, as there was no room to the guest
 */
struct udp_flow {
	struct flow f;
	struct dgram_sock s;
	struct udp_via via;
	uint32_t port_generation;
	uint16_t segment_max;
	bool has_reply;
	bool is_edge;
};

static_assert(sizeof(struct udp_flow) <= FLOW_ENTRY_SIZE, "fits an entry");

/**
 * struct udp_port - port of the host that stands for one of the guest
 * @guest:	The guest's address
 * @port:	Port of the flows' sockets, host byte order
 * @flows:	Flows that have it
 * @generation:	Ports that there were here before, and this one
 */
struct udp_port {
	struct addr guest;
	uint16_t port;
	uint32_t flows;
	uint32_t generation;
};

/**
 * struct udp - state of all UDP flows together
 * @batch:	What is about to be sent to the host, see udp_batch.c
 * @relay:	Datagrams between sockets, see udp_relay.c
 * @via:	Flows begun by clients, by descriptor of their listener
 * @ports:	By IP version and port of the guest
 * @buf:	Datagram that doesn't go to the guest as it is
 */
struct udp {
	struct udp_batch *batch;
	struct udp_relay *relay;
	struct udp_flow *via[UDP_VIA_BUCKETS];
	struct udp_port ports[IPVER_MAX][UINT16_MAX + 1];
	uint8_t buf[UDP_LEN_MAX];
};

/* udp.c */
struct udp_flow *udp_new(struct ctx *c, enum flow_type type,
			 const struct flow_side *ini,
			 const struct flow_side *tgt);
struct udp_flow *udp_lookup(struct ctx *c, const struct flow_side *key,
			    unsigned *side);
void udp_use(struct ctx *c, struct udp_flow *uf, bool is_reply);
void udp_close(struct ctx *c, struct udp_flow *uf);
void udp_timer(struct ctx *c, struct flow *flow);
void udp_evict(struct ctx *c, struct flow *flow);
unsigned udp_drain_errors(struct ctx *c, struct udp_flow *uf);
void udp_relay_error(struct ctx *c, const struct udp_flow *uf,
		     const struct dgram_error *e);
struct icmp_quote udp_quote(const struct udp_flow *uf, struct udphdr *uh,
			    const void *payload, size_t len);

static inline const struct flow_side *udp_guest(const struct udp_flow *uf)
{
	return &uf->f.side[flow_guest_index(&uf->f)];
}

static inline const struct flow_side *udp_host(const struct udp_flow *uf)
{
	return &uf->f.side[!flow_guest_index(&uf->f)];
}

/* udp_batch.c */
struct udp_batch *udp_batch_new(void);
void udp_batch_flush(struct ctx *c);
void udp_batch_leave(struct ctx *c, const struct udp_flow *uf);
void udp_batch_send(struct ctx *c, struct udp_flow *uf,
		    const struct pkt *pkt, struct view *data);

/* udp_in.c */
unsigned udp_in_drain_errors(struct ctx *c, int fd);
void udp_in_unlink(struct udp_flow *uf);

/* udp_out.c */
bool udp_may_stay_joined(const struct ctx *c, const struct ip_out *out,
			 size_t len);
void udp_cut_to_guest(struct ctx *c, struct ip_out *out, struct udphdr *uh,
		      const uint8_t *payload, size_t len);
void udp_readable(struct ctx *c, struct udp_flow *uf);
void udp_resume(struct ctx *c, struct flow *flow);

/* udp_splice.c */
int udp_splice_open(struct ctx *c, struct udp_flow *uf);
bool udp_splice_is_own(struct ctx *c, const struct flow_side *ini);
void udp_splice_to_target(struct ctx *c, struct udp_flow *uf, unsigned first,
			  unsigned count);
void udp_splice_init(struct ctx *c);

#endif /* UDP_FLOW_H */

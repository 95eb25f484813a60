// SPDX-License-Identifier: BSD-3-Clause
/* udp.c - UDP flows between the guest and host sockets
 *
 * A flow is what is sent from one address and port to one other, with what
 * comes back. It ends after a time without use. One that the guest began has a
 * socket of its own, so that its errors, TTL and addresses are its own, see
 * dgram.c. One that a client began, see udp_in.c, has none: what the guest
 * answers leaves through the listener that the client had contacted.
 *
 * From the guest: datagrams leave through udp_batch.c, without a copy.
 *
 * All flows from one port of the guest have one port of the host, which is the
 * guest's if it is free (RFC 4787, REQ-1 and 4.2.1): what a remote learns of it
 * holds for other remotes, too. Only what comes from the remote of a flow is
 * let in (REQ-8 b).
 *
 * To the guest: recvmsg() writes into the room that tap_reserve() gave, headers
 * are put in front. Where the back-end takes it, UDP_GRO has the kernel join
 * datagrams, which then go on as one frame, and single ones of the same length
 * are joined by udp_gather(). What is longer than the room runs over into a
 * buffer and is cut there, into fragments or single datagrams.
 *
 * Without room to the guest, data stays in the socket: level-triggered epoll is
 * turned to edge-triggered, so that it stays silent, until udp_resume().
 *
 * Datagrams may get lost: when the socket's buffer is full, or when there is no
 * room to the guest half-way through one that is cut. Destination port 0 is
 * dropped; source port 0, "not used" in RFC 768, is sent from any port. From
 * 0.0.0.0, a guest that has no address yet may send: what answers goes to the
 * limited broadcast address, as with DHCP.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "fwd.h"
#include "icmp_err.h"
#include "ip.h"
#include "log.h"
#include "passt.h"
#include "sock.h"
#include "udp.h"
#include "udp_flow.h"
#include "udp_relay.h"

#define UDP_PORT_DNS		53	/* RFC 1035, 4.2.1 */
#define UDP_RECV_MAX		64	/* Receptions before others' turn */

/**
 * struct udp_room - where a datagram is received to
 * @f:		Frame reserved
 * @has_frame:	There is one
 * @headroom:	Bytes in front of the payload
 * @len:	Bytes of payload that fit the frame
 * @iov:	The frame's payload, then the rest of the common buffer
 * @cnt:	Elements in @iov
 */
struct udp_room {
	struct frame f;
	bool has_frame;
	size_t headroom;
	size_t len;
	struct iovec iov[FRAME_IOV_MAX + 1];
	size_t cnt;
};

/**
 * udp_deadline() - When a flow ends if nothing more happens
 * @c:		Execution context
 * @uf:		Flow
 *
 * A name server answers once: the port is of use to nobody then.
 *
 * Return: time, ms
 *
 * Source: RFC 4787, 4.3: not less than two minutes but for well-known ports,
 *	   five minutes recommended
 */
static uint64_t udp_deadline(const struct ctx *c, const struct udp_flow *uf)
{
	if (!uf->has_reply)
		return c->now_ms + UDP_ONEWAY_MS;
	if (uf->f.side[SIDE_INI].near_port == UDP_PORT_DNS)
		return c->now_ms + UDP_DNS_REPLIED_MS;
	return c->now_ms + UDP_REPLIED_MS;
}

/**
 * udp_use() - Note that a flow was used
 * @c:		Execution context
 * @uf:		Flow
 * @is_reply:	By the target. To a name server, each datagram the other way is
 *		a new query that waits for its answer.
 */
void udp_use(struct ctx *c, struct udp_flow *uf, bool is_reply)
{
	bool is_dns = uf->f.side[SIDE_INI].near_port == UDP_PORT_DNS;

	uf->has_reply = is_reply || (uf->has_reply && !is_dns);
	flow_touch(c->flows, &uf->f);
	flow_timer_set(c, &uf->f, udp_deadline(c, uf));
}

/**
 * udp_port_of() - Entry for the guest's port of a flow
 * @c:		Execution context
 * @guest:	The flow's guest side
 *
 * Return: entry, may be in use for another address of the guest
 */
static struct udp_port *udp_port_of(struct ctx *c,
				    const struct flow_side *guest)
{
	enum ipver v = addr_version(&guest->far);

	return &c->udp->ports[v][guest->far_port];
}

/**
 * udp_port_get() - Have a new flow's socket share its port with others to come
 * @c:		Execution context
 * @uf:		Flow
 *
 * Two addresses of the guest that use the same port at the same time are rare
 * enough: only the first one's flows share a port then.
 */
static void udp_port_get(struct ctx *c, struct udp_flow *uf)
{
	const struct flow_side *guest = &uf->f.side[SIDE_INI];
	const struct flow_side *host = &uf->f.side[SIDE_TGT];
	struct udp_port *p = udp_port_of(c, guest);

	if (!guest->far_port || (p->flows &&
	    (p->port != host->near_port ||
	     !addr_is_equal(&p->guest, &guest->far))))
		return;

	sock_allow_share(uf->s.fd);
	p->guest = guest->far;
	p->port = host->near_port;
	p->flows++;
	uf->has_port = true;
}

/**
 * udp_close() - End a flow
 * @c:		Execution context
 * @uf:		Flow
 */
void udp_close(struct ctx *c, struct udp_flow *uf)
{
	udp_batch_leave(c, uf);
	if (uf->f.closing)
		return;
	if (uf->has_port)
		udp_port_of(c, &uf->f.side[SIDE_INI])->flows--;
	udp_in_unlink(uf);
	dgram_close(&uf->s);
	flow_close(c, &uf->f);
}

/**
 * udp_quote() - Describe a datagram of a flow, for an ICMP error about it
 * @uf:		Flow
 * @uh:		UDP header to fill
 * @payload:	Start of the payload
 * @len:	Bytes known of it
 *
 * Return: description, refers to @uf, @uh and @payload
 */
struct icmp_quote udp_quote(const struct udp_flow *uf, struct udphdr *uh,
			    const void *payload, size_t len)
{
	const struct flow_side *guest = udp_guest(uf);

	*uh = (struct udphdr){
		.source = htons(guest->far_port),
		.dest = htons(guest->near_port),
		.len = htons((uint16_t)(sizeof(*uh) + len)),
	};

	return (struct icmp_quote){
		.src = &guest->far, .dst = &guest->near,
		.proto = IPPROTO_UDP, .ttl = uf->s.ttl, .tos = uf->s.tos,
		.l4 = uh, .l4_len = sizeof(*uh),
		.payload = payload, .payload_len = len,
	};
}

/**
 * udp_relay_error() - Pass an error on to the guest
 * @c:		Execution context
 * @uf:		Flow it is about
 * @e:		Error
 */
void udp_relay_error(struct ctx *c, const struct udp_flow *uf,
		     const struct dgram_error *e)
{
	struct udphdr uh;
	struct icmp_quote q = udp_quote(uf, &uh, e->data, e->len);

	icmp_err_relay(c, &uf->f, &q, e);
}

/**
 * udp_drain_errors() - Pass errors of a flow's socket on to the guest
 * @c:		Execution context
 * @uf:		Flow, with the guest on one side
 *
 * The flow goes on: RFC 4787, 10, REQ-12.
 *
 * Return: number of errors there were, DGRAM_ERRORS_MAX at most
 */
unsigned udp_drain_errors(struct ctx *c, struct udp_flow *uf)
{
	struct dgram_error e;
	unsigned i;

	if (uf->via.fd >= 0)
		return udp_in_drain_errors(c, uf->via.fd);

	for (i = 0; i < DGRAM_ERRORS_MAX; i++) {
		if (dgram_next_error(&uf->s, &e))
			break;
		udp_relay_error(c, uf, &e);
	}
	return i;
}

/**
 * udp_open() - Make a flow for a datagram from the guest
 * @c:		Execution context
 * @pkt:	Packet
 * @guest:	Its addresses
 *
 * Return: the flow, NULL if it can't go anywhere
 *
 * Source: RFC 4787, 4.2.1: the source port is kept if it is free
 */
static struct udp_flow *udp_open(struct ctx *c, const struct pkt *pkt,
				 const struct flow_side *guest)
{
	const struct udp_port *p = udp_port_of(c, guest);
	struct flow_side host = { 0 };
	struct udp_flow *uf;
	struct dgram_sock s;
	bool share;
	int rc;

	if (!fwd_from_guest(&c->conf, IPPROTO_UDP, guest, &host)) {
		stats_add(&c->stats, STAT_UDP_LOST, 1);
		return NULL;
	}

	share = p->flows && addr_is_equal(&p->guest, &guest->far);
	host.near_port = share ? p->port : guest->far_port;
	do
		rc = dgram_open(&c->conf, IPPROTO_UDP, &host, share, &s);
	while (flow_make_room(c, NULL, rc));
	if (rc) {
		stats_add(&c->stats, STAT_FLOW_REFUSED, 1);
		dgram_warn(&c->conf, "UDP datagrams", &host.far, -rc);
		if (!dgram_is_transient(-rc))
			icmp_err_unreachable(c, pkt, -rc);
		return NULL;
	}
	if (c->tap.caps.uso)
		sock_set_int(s.fd, IPPROTO_UDP, UDP_GRO, 1);

	uf = (struct udp_flow *)flow_alloc(c, FLOW_UDP, IPPROTO_UDP);
	if (!uf) {
		dgram_close(&s);
		return NULL;
	}
	uf->f.side[SIDE_INI] = *guest;
	uf->f.side[SIDE_TGT] = host;
	uf->s = s;
	uf->via.fd = -1;
	uf->segment_max = UINT16_MAX;
	udp_port_get(c, uf);
	flow_hash_side(c->flows, &uf->f, SIDE_INI);
	if (flow_epoll(c, &uf->f, SIDE_TGT, EPOLL_CTL_ADD, s.fd, EPOLLIN)) {
		udp_close(c, uf);
		return NULL;
	}
	return uf;
}

/**
 * udp_pull_header() - Check and take off the UDP header of a packet
 * @pkt:	Packet
 * @uh:		Filled with the header
 * @data:	Filled with the payload
 *
 * Return: false if the datagram is malformed
 *
 * Source: RFC 768; RFC 8200, 8.1
 */
static bool udp_pull_header(const struct pkt *pkt, struct udphdr *uh,
			    struct view *data)
{
	size_t len;

	*data = pkt->l4;
	if (!view_pull(data, uh, sizeof(*uh)))
		return false;
	len = ntohs(uh->len);
	return len >= sizeof(*uh) && view_trim(data, len - sizeof(*uh)) &&
	       uh->dest;
}

/**
 * udp_from_guest() - Handle a UDP datagram from the guest
 * @c:		Execution context
 * @pkt:	Packet; its memory has to stay until udp_end_batch()
 */
void udp_from_guest(struct ctx *c, struct pkt *pkt)
{
	struct udp_flow *uf;
	struct flow_side key;
	struct udphdr uh;
	struct view data;

	if (!udp_pull_header(pkt, &uh, &data)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		return;
	}
	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return;
	}

	key = (struct flow_side){
		.far = pkt->src, .far_port = ntohs(uh.source),
		.near = pkt->dst, .near_port = ntohs(uh.dest),
		.place = PLACE_GUEST,
	};
	uf = (struct udp_flow *)flow_lookup(c->flows, IPPROTO_UDP, &key, NULL);
	if (!uf)
		uf = udp_open(c, pkt, &key);
	if (!uf)
		return;

	udp_use(c, uf, uf->via.fd >= 0);
	udp_batch_send(c, uf, pkt, &data);
}

/**
 * udp_end_batch() - All frames of this batch from the guest were handled
 * @c:		Execution context
 */
void udp_end_batch(struct ctx *c)
{
	udp_batch_flush(c);
}

/**
 * udp_reply_source() - Which address the guest gets a datagram from
 * @c:		Execution context
 * @uf:		Flow
 * @info:	Who sent the datagram
 * @src:	Set to the address
 * @port:	Set to the port
 *
 * What answers a group or broadcast has an address of its own. If that is one
 * that means the guest itself there, it is hidden behind the address that
 * stands for the host.
 *
 * Return: false if the datagram is not for the guest
 */
static bool udp_reply_source(const struct ctx *c, const struct udp_flow *uf,
			     const struct dgram_info *info, struct addr *src,
			     uint16_t *port)
{
	const struct flow_side *guest = &uf->f.side[SIDE_INI];
	const struct flow_side *host = &uf->f.side[SIDE_TGT];

	*src = uf->s.is_open ? info->src : guest->near;
	*port = uf->s.is_open ? info->port : guest->near_port;
	if (!uf->s.is_open)
		return info->port == host->far_port &&
		       addr_is_equal(&info->src, &host->far);

	if (addr_is_loopback(src) || addr_is_equal(src, &guest->far))
		*src = c->conf.ip[uf->s.v].map_host_loopback;
	return addr_version(src) == uf->s.v && addr_is_unicast(src);
}

/**
 * udp_room_get() - Make room for a datagram on its way to the guest
 * @c:		Execution context
 * @uf:		Flow
 * @room:	To be filled
 *
 * Return: 0, -EAGAIN if there is no room to the guest. Without a link there is
 *	   only the buffer, as what comes has to be taken from the socket.
 */
static int udp_room_get(struct ctx *c, const struct udp_flow *uf,
			struct udp_room *room)
{
	size_t max = c->tap.caps.len_max, n = 0, i;
	int rc;

	if (!c->tap.caps.uso)
		max = MIN(max, c->tap.mtu + ETH_HLEN);
	rc = tap_reserve(&c->tap, max, &room->f);
	if (rc == -EAGAIN)
		return rc;

	room->headroom = ip_headroom(uf->s.v, sizeof(struct udphdr));
	room->has_frame = !rc;
	room->cnt = rc ? 0 : ip_payload_iov(&room->f, room->headroom,
					    room->iov, FRAME_IOV_MAX);
	for (i = 0; i < room->cnt; i++)
		n += room->iov[i].iov_len;
	/* Where the buffer goes on from: so that it can take the first part */
	room->len = MIN(n, UDP_LEN_MAX);
	room->iov[room->cnt++] = (struct iovec){
		c->udp->buf + room->len, UDP_LEN_MAX - room->len,
	};
	return 0;
}

/**
 * udp_room_to_buf() - Give the frame back and have all in the common buffer
 * @c:		Execution context
 * @room:	Room with a datagram
 * @len:	Its length, bytes
 */
static void udp_room_to_buf(struct ctx *c, struct udp_room *room, size_t len)
{
	struct view v = view_from_iov(room->iov, room->cnt - 1,
				      MIN(len, room->len));

	view_peek(&v, c->udp->buf, v.len);
	if (room->has_frame)
		tap_cancel(&c->tap, &room->f);
	room->has_frame = false;
}

/**
 * udp_may_stay_joined() - May a payload go to the guest as one frame?
 * @c:		Execution context
 * @out:	Headers, @out->gso_size set if these are joined datagrams
 * @len:	Bytes of payload
 *
 * Return: false if it has to be cut, to datagrams or fragments
 */
bool udp_may_stay_joined(const struct ctx *c, const struct ip_out *out,
			 size_t len)
{
	size_t size = out->gso_size ? MIN(out->gso_size, len) : len;
	size_t headroom = ip_headroom(addr_version(out->src), out->l4_len);

	return headroom + size <= c->tap.mtu + ETH_HLEN &&
	       (c->tap.caps.uso || len == size);
}

/**
 * udp_cut_to_guest() - Send datagrams to the guest each on its own
 * @c:		Execution context
 * @out:	Headers, @out->gso_size set if these are joined datagrams
 * @uh:		UDP header in @out, but for its length
 * @payload:	Payload of all
 * @len:	Bytes of it
 */
void udp_cut_to_guest(struct ctx *c, struct ip_out *out, struct udphdr *uh,
		      const uint8_t *payload, size_t len)
{
	size_t size = out->gso_size ? out->gso_size : len, off = 0, n;

	do {
		n = MIN(size, len - off);
		uh->len = htons((uint16_t)(sizeof(*uh) + n));
		if (ip_send_fragmented(&c->tap, out, payload + off, n))
			stats_add(&c->stats, STAT_UDP_LOST, 1);
		off += n;
	} while (off < len);
}

/**
 * udp_to_guest() - Send what was received on to the guest
 * @c:		Execution context
 * @room:	Where it is
 * @out:	Headers, @out->gso_size set if these are joined datagrams
 * @uh:		UDP header in @out, but for its length
 * @len:	Bytes of payload
 */
static void udp_to_guest(struct ctx *c, struct udp_room *room,
			 struct ip_out *out, struct udphdr *uh, size_t len)
{
	struct tap *tap = &c->tap;

	if (!room->has_frame || len > room->len ||
	    !udp_may_stay_joined(c, out, len)) {
		udp_room_to_buf(c, room, len);
		udp_cut_to_guest(c, out, uh, c->udp->buf, len);
		return;
	}

	uh->len = htons((uint16_t)(sizeof(*uh) + len));
	if (ip_fill_headers(tap, &room->f, out, len))
		tap_commit(tap, &room->f, room->headroom + len);
	else
		tap_cancel(tap, &room->f);
}

/**
 * udp_deliver() - Give the guest what was received
 * @c:		Execution context
 * @uf:		Flow
 * @room:	Where it is; its frame is sent or given back
 * @info:	What came with it
 * @len:	Bytes of payload
 */
static void udp_deliver(struct ctx *c, const struct udp_flow *uf,
			struct udp_room *room, const struct dgram_info *info,
			size_t len)
{
	const struct flow_side *guest = &uf->f.side[SIDE_INI];
	struct addr src, dst = guest->far;
	struct ip_out out;
	struct udphdr uh;
	uint16_t port;

	if (!udp_reply_source(c, uf, info, &src, &port)) {
		if (room->has_frame)
			tap_cancel(&c->tap, &room->f);
		return;
	}

	if (addr_is_unspecified(&dst)) {
		static const struct in_addr all = { INADDR_BROADCAST };

		dst = addr_from_v4(all);
	}
	uh = (struct udphdr){ .source = htons(port),
			      .dest = htons(guest->far_port) };
	out = (struct ip_out){
		.src = &src, .dst = &dst, .proto = IPPROTO_UDP,
		.tos = info->tos, .gso_size = info->gso_size,
		.l4 = &uh, .l4_len = sizeof(uh),
	};
	udp_to_guest(c, room, &out, &uh, len);
}

/**
 * udp_may_gather() - May more datagrams be put behind a first one?
 * @c:		Execution context
 * @uf:		Flow
 * @room:	Where the first one is
 * @info:	What came with it
 * @len:	Its length, bytes
 *
 * Return: true if the link takes joined datagrams of this length, all from one
 *	   source
 */
static bool udp_may_gather(const struct ctx *c, const struct udp_flow *uf,
			   const struct udp_room *room,
			   const struct dgram_info *info, size_t len)
{
	return c->tap.caps.uso && room->has_frame && !uf->s.is_open &&
	       !info->gso_size && len && len <= room->len &&
	       room->headroom + len <= c->tap.mtu + ETH_HLEN;
}

/**
 * udp_recv_next() - Receive a datagram behind others
 * @c:		Execution context
 * @uf:		Flow
 * @room:	Where the others are
 * @off:	Bytes of them
 * @size:	Bytes of the frame it may take, the rest goes to the buffer
 * @info:	Filled with what came with it
 *
 * Return: length in bytes, or -errno
 */
static ssize_t udp_recv_next(struct ctx *c, const struct udp_flow *uf,
			     const struct udp_room *room, size_t off,
			     size_t size, struct dgram_info *info)
{
	struct view v = view_from_iov(room->iov, room->cnt - 1, off + size);
	struct iovec iov[FRAME_IOV_MAX + 1];
	size_t n;

	view_skip(&v, off);
	n = view_to_iov(&v, iov, FRAME_IOV_MAX);
	iov[n++] = (struct iovec){ c->udp->buf + size, UDP_LEN_MAX - size };
	return dgram_recv(&uf->s, iov, n, info);
}

/**
 * struct udp_rest - a datagram that was received and can't go with others
 * @room:	Room for it, reserved beforehand: it must not be lost
 * @is_there:	There is one, in the common buffer
 * @len:	Its length, bytes
 * @info:	What came with it
 */
struct udp_rest {
	struct udp_room room;
	bool is_there;
	size_t len;
	struct dgram_info info;
};

/**
 * udp_gather() - Receive datagrams to go to the guest with a first one
 * @c:		Execution context
 * @uf:		Flow
 * @room:	Where the first one is
 * @info:	What came with it; set to tell of joined ones if there are more
 * @len:	Its length, then that of all
 * @rest:	Filled with one more that is different
 *
 * What the kernel has not joined on its way here, as it does for hardware that
 * supports it, has to be received one by one, but crosses the guest's stack as
 * one: that is the greater part of the cost.
 *
 * Return: 0, or why no more was received, -errno
 */
static int udp_gather(struct ctx *c, struct udp_flow *uf, struct udp_room *room,
		      struct dgram_info *info, size_t *len,
		      struct udp_rest *rest)
{
	size_t size = *len, segs = 1;
	ssize_t n = (ssize_t)size;

	while (segs < UDP_SEGS_MAX && *len + size <= room->len &&
	       (size_t)n == size) {
		struct view v = view_from_iov(room->iov, room->cnt - 1,
					      *len + size);

		n = udp_recv_next(c, uf, room, *len, size, &rest->info);
		if (n < 0)
			return (int)n;
		if (n && (size_t)n <= size && rest->info.tos == info->tos &&
		    !rest->info.gso_size && rest->info.port == info->port &&
		    addr_is_equal(&rest->info.src, &info->src)) {
			info->gso_size = (uint16_t)size;
			*len += (size_t)n;
			segs++;
			continue;
		}

		rest->is_there = true;
		rest->len = (size_t)n;
		view_skip(&v, *len);
		view_peek(&v, c->udp->buf, MIN(rest->len, size));
		return 0;
	}
	return 0;
}

/**
 * udp_pass_on() - Give the guest a datagram, and what can go with it
 * @c:		Execution context
 * @uf:		Flow
 * @room:	Where the datagram is
 * @info:	What came with it
 * @len:	Its length, bytes
 *
 * Return: 0, or why no more was received, -errno
 */
static int udp_pass_on(struct ctx *c, struct udp_flow *uf,
		       struct udp_room *room, struct dgram_info *info,
		       size_t len)
{
	struct udp_rest rest = { .is_there = false };
	struct view v;
	int rc;

	if (!udp_may_gather(c, uf, room, info, len) ||
	    udp_room_get(c, uf, &rest.room)) {
		udp_deliver(c, uf, room, info, len);
		return 0;
	}

	rc = udp_gather(c, uf, room, info, &len, &rest);
	if (!rest.is_there && rest.room.has_frame)
		tap_cancel(&c->tap, &rest.room.f);
	udp_deliver(c, uf, room, info, len);
	if (!rest.is_there)
		return rc;

	/* What the frame doesn't take stays where it is */
	v = view_from_iov(rest.room.iov, rest.room.cnt - 1,
			  MIN(rest.len, rest.room.len));
	view_put(&v, c->udp->buf, v.len);
	udp_deliver(c, uf, &rest.room, &rest.info, rest.len);
	return rc;
}

/**
 * udp_recv_one() - Pass datagrams that go together from socket to guest
 * @c:		Execution context
 * @uf:		Flow
 * @any:	Set if there was one
 *
 * Return: 0, -EAGAIN if the socket has no more, -ENOBUFS if there is no room
 *	   to the guest
 */
static int udp_recv_one(struct ctx *c, struct udp_flow *uf, bool *any)
{
	struct dgram_info info;
	struct udp_room room;
	ssize_t n;
	int rc;

	if (udp_room_get(c, uf, &room))
		return -ENOBUFS;

	n = dgram_recv(&uf->s, room.iov, room.cnt, &info);
	if (n < 0 && room.has_frame)
		tap_cancel(&c->tap, &room.f);
	if (n >= 0)
		*any = true;

	rc = n < 0 ? (int)n : udp_pass_on(c, uf, &room, &info, (size_t)n);
	if (rc && rc != -EAGAIN)
		udp_drain_errors(c, uf);
	return rc == -EAGAIN ? rc : 0;
}

/**
 * udp_set_edge() - Choose how epoll tells of data in a flow's socket
 * @c:		Execution context
 * @uf:		Flow
 * @edge:	Once, and not for as long as it is there
 *
 * Only done on a change: to set it again makes epoll tell once more.
 */
static void udp_set_edge(struct ctx *c, struct udp_flow *uf, bool edge)
{
	if (uf->is_edge == edge)
		return;
	/* If there was no memory for it, the next event tries again */
	if (!flow_epoll(c, &uf->f, SIDE_TGT, EPOLL_CTL_MOD, uf->s.fd,
			EPOLLIN | (edge ? EPOLLET : 0)))
		uf->is_edge = edge;
}

/**
 * udp_recv() - Pass what a socket has on to the guest
 * @c:		Execution context
 * @uf:		Flow
 *
 * What is left after UDP_RECV_MAX makes the next event.
 */
static void udp_recv(struct ctx *c, struct udp_flow *uf)
{
	bool any = false;
	unsigned i;
	int rc = 0;

	for (i = 0; i < UDP_RECV_MAX && !rc; i++)
		rc = udp_recv_one(c, uf, &any);
	if (any)
		udp_use(c, uf, true);

	if (rc == -ENOBUFS) {
		flow_wait_room(c, &uf->f);
		udp_set_edge(c, uf, true);
	}
}

/**
 * udp_event() - Handle events of a flow's socket
 * @c:		Execution context
 * @flow:	Flow
 * @side:	SIDE_TGT
 * @events:	From epoll
 */
static void udp_event(struct ctx *c, struct flow *flow, unsigned side,
		      uint32_t events)
{
	struct udp_flow *uf = (struct udp_flow *)flow;

	(void)side;
	if (events & EPOLLERR && !udp_drain_errors(c, uf))
		dgram_clear_error(&uf->s);
	if (events & EPOLLIN && flow->waiting)
		udp_set_edge(c, uf, true);
	else if (events & EPOLLIN)
		udp_recv(c, uf);
	/* Somebody shut the socket down: this would be reported for ever */
	if (events & EPOLLHUP)
		udp_close(c, uf);
}

/**
 * udp_timer() - End a flow that wasn't used
 * @c:		Execution context
 * @flow:	Flow
 */
void udp_timer(struct ctx *c, struct flow *flow)
{
	udp_close(c, (struct udp_flow *)flow);
}

/**
 * udp_resume() - Go on after there was no room to the guest
 * @c:		Execution context
 * @flow:	Flow
 */
static void udp_resume(struct ctx *c, struct flow *flow)
{
	struct udp_flow *uf = (struct udp_flow *)flow;

	udp_recv(c, uf);
	if (!flow->waiting)
		udp_set_edge(c, uf, false);
}

/**
 * udp_evict() - End a flow whose place is needed
 * @c:		Execution context
 * @flow:	Flow
 */
void udp_evict(struct ctx *c, struct flow *flow)
{
	udp_close(c, (struct udp_flow *)flow);
}

static const struct flow_ops udp_ops = {
	.event = udp_event,
	.timer = udp_timer,
	.resume = udp_resume,
	.evict = udp_evict,
};

/**
 * udp_init() - Prepare for UDP flows, at start-up
 * @c:		Execution context, with its flow table
 */
void udp_init(struct ctx *c)
{
	c->udp = calloc(1, sizeof(*c->udp));
	if (!c->udp || !(c->udp->batch = udp_batch_new()) ||
	    !(c->udp->relay = udp_relay_new()))
		die("No memory for UDP");
	flow_register(c->flows, FLOW_UDP, &udp_ops);
	udp_splice_init(c);
}

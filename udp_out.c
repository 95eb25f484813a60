// SPDX-License-Identifier: BSD-3-Clause
/* udp_out.c - UDP datagrams to the guest
 *
 * What a flow's socket receives: recvmsg() writes into the room that
 * tap_reserve() gave, headers are put in front. Where the back-end takes it,
 * UDP_GRO has the kernel join datagrams, which then go on as one frame, and
 * single ones of the same length are joined by udp_gather(). What is longer
 * than the room runs over into a buffer and is cut there, into fragments or
 * single datagrams. What listeners receive, see udp_in.c, is in memory already,
 * and is only cut here.
 *
 * Without room to the guest, data stays in the socket: level-triggered epoll is
 * turned to edge-triggered, so that it stays silent, until udp_resume().
 *
 * Datagrams may get lost: when the socket's buffer is full, or when there is no
 * room to the guest half-way through one that is cut. What answers a guest that
 * had no address, 0.0.0.0, goes to the limited broadcast address, as with DHCP.
 */

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "ip.h"
#include "passt.h"
#include "udp_flow.h"

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
 * udp_readable() - A flow's socket has something for the guest
 * @c:		Execution context
 * @uf:		Flow
 */
void udp_readable(struct ctx *c, struct udp_flow *uf)
{
	if (uf->f.waiting)
		udp_set_edge(c, uf, true);
	else
		udp_recv(c, uf);
}

/**
 * udp_resume() - Go on after there was no room to the guest
 * @c:		Execution context
 * @flow:	Flow
 */
void udp_resume(struct ctx *c, struct flow *flow)
{
	struct udp_flow *uf = container_of(flow, struct udp_flow, f);

	udp_recv(c, uf);
	if (!flow->waiting)
		udp_set_edge(c, uf, false);
}

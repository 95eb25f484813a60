// SPDX-License-Identifier: BSD-3-Clause
/* udp_batch.c - UDP datagrams from the guest on their way into a socket
 *
 * Payloads are not copied: they are sent from the memory of their frames, which
 * is valid until the batch of frames ends. Until then, datagrams of one flow
 * that follow each other are gathered in struct udp_batch and leave with one
 * sendmmsg(); those of one size are joined to one message with UDP_SEGMENT,
 * which crosses the host's stack once. A GSO frame of the guest is such a
 * message from the start. Where the kernel refuses to cut a message, because
 * its datagrams exceed the MTU on the way or the route has no checksum offload,
 * they are sent one by one, and the flow remembers it.
 *
 * At most one flow has datagrams waiting: another one's flush them first, so
 * the order that the guest sent in is kept.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "icmp_err.h"
#include "ip.h"
#include "passt.h"
#include "syscalls.h"
#include "udp_flow.h"
#include "udp_relay.h"

/* What is called after start-up, see seccomp.c */
const char udp_batch_syscalls[] = "sendmmsg";

/* Messages and their pieces kept back; a frame adds a few at most */
#define UDP_BATCH_MSGS		64
#define UDP_BATCH_IOVS		512

/**
 * struct udp_msg - a message to be sent, of one or more datagrams
 * @size:	Length of the first datagram, and of all but the last
 * @segs:	Datagrams
 * @len:	Length of all of them
 * @is_closed:	The last one is shorter: none may follow
 * @control:	What goes with it
 */
struct udp_msg {
	uint16_t size;
	unsigned segs;
	size_t len;
	bool is_closed;
	union udp_control control;
};

/**
 * struct udp_batch - datagrams of one flow from the guest, about to be sent
 * @uf:		Flow, NULL if there are none
 * @count:	Messages
 * @iovs:	Elements used in @iov
 * @mh:		Messages as the kernel wants them
 * @msg:	What else is known of each
 * @iov:	Where the payloads are: memory of the frames
 * @to:		Where they go
 */
struct udp_batch {
	struct udp_flow *uf;
	unsigned count;
	unsigned iovs;
	struct mmsghdr mh[UDP_BATCH_MSGS];
	struct udp_msg msg[UDP_BATCH_MSGS];
	struct iovec iov[UDP_BATCH_IOVS];
	struct udp_to to;
};

/**
 * udp_batch_new() - Allocate the one batch, at start-up
 *
 * Return: batch, NULL without memory
 */
struct udp_batch *udp_batch_new(void)
{
	return calloc(1, sizeof(struct udp_batch));
}

/**
 * udp_batch_split() - Send the datagrams of a message one by one
 * @c:		Execution context
 * @i:		Number of the message in the batch
 */
static void udp_batch_split(struct ctx *c, unsigned i)
{
	const struct udp_batch *b = c->udp->batch;
	struct msghdr mh = b->mh[i].msg_hdr;

	mh.msg_control = b->to.control_len ? mh.msg_control : NULL;
	mh.msg_controllen = b->to.control_len;
	stats_add(&c->stats, STAT_UDP_LOST,
		  udp_send_split(b->to.fd, &mh, b->msg[i].len,
				 b->msg[i].size));
}

/**
 * udp_batch_tell() - Tell the guest and the log that a message wasn't sent
 * @c:		Execution context
 * @uf:		Flow
 * @mh:		Message
 * @m:		What else is known of it
 * @err:	Positive errno
 */
static void udp_batch_tell(struct ctx *c, const struct udp_flow *uf,
			    const struct msghdr *mh, const struct udp_msg *m,
			    int err)
{
	struct view v = view_from_iov(mh->msg_iov, mh->msg_iovlen, m->size);
	uint8_t buf[ICMP_ERR_PAYLOAD_MAX];
	size_t n = MIN(m->size, sizeof(buf));
	struct icmp_quote q;
	struct udphdr uh;

	dgram_warn(&c->conf, "UDP datagrams", &udp_host(uf)->far, err);
	if (!view_peek(&v, buf, n))
		return;
	q = udp_quote(uf, &uh, buf, n);
	icmp_err_errno(c, &q, err);
}

/**
 * udp_batch_failed() - Find out what to do after a message wasn't sent
 * @c:		Execution context
 * @i:		Number of the message in the batch
 * @err:	Positive errno
 * @tries:	Times that a message of the batch was tried again
 *
 * Return: 0 to try the same message again, 1 to go on to the next, -1 if the
 *	   socket is of no more use
 *
 * Source: udp(7): a send may report the error of an earlier one
 */
static int udp_batch_failed(struct ctx *c, unsigned i, int err,
			   unsigned *tries)
{
	struct udp_batch *b = c->udp->batch;
	const struct udp_msg *m = &b->msg[i];
	struct udp_flow *uf = b->uf;

	if (m->segs > 1 && udp_is_uncut(err)) {
		uf->segment_max = (uint16_t)(err == EIO ? 0 : m->size - 1);
		udp_batch_split(c, i);
		return 1;
	}

	if (udp_drain_errors(c, uf) && err != EMSGSIZE &&
	    (*tries)++ < DGRAM_RETRIES_MAX)
		return 0;

	stats_add(&c->stats, STAT_UDP_LOST, m->segs);
	if (dgram_is_transient(err))
		return 1;
	udp_batch_tell(c, uf, &b->mh[i].msg_hdr, m, err);
	return err == EMSGSIZE ? 1 : -1;
}

/**
 * udp_batch_flush() - Send what was gathered
 * @c:		Execution context
 *
 * After an error that isn't about one datagram only, the flow ends: the next
 * datagram gets a socket that fits how the host's addresses and routes are by
 * then.
 */
void udp_batch_flush(struct ctx *c)
{
	struct udp_batch *b = c->udp->batch;
	struct udp_flow *uf = b->uf;
	unsigned i = 0, tries = 0;
	int rc = 0;

	while (i < b->count && rc >= 0) {
		int n = sendmmsg(b->to.fd, b->mh + i, b->count - i,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			i += (unsigned)n;
			continue;
		}
		rc = udp_batch_failed(c, i, errno, &tries);
		if (rc > 0)
			i++;
	}

	b->uf = NULL;
	b->count = 0;
	b->iovs = 0;
	if (rc < 0)
		udp_close(c, uf);
}

/**
 * udp_batch_leave() - Send what was gathered before a flow ends
 * @c:		Execution context
 * @uf:		Flow
 */
void udp_batch_leave(struct ctx *c, const struct udp_flow *uf)
{
	if (c->udp->batch->uf == uf)
		udp_batch_flush(c);
}

/**
 * udp_batch_may_join() - Can datagrams be joined to the last message?
 * @b:		Batch
 * @len:	Length of all of them, bytes
 * @size:	Length of each, the last one may be shorter
 *
 * Return: true if they can
 */
static bool udp_batch_may_join(const struct udp_batch *b, size_t len,
			       size_t size)
{
	const struct udp_msg *m;

	if (!b->count || !size)
		return false;
	m = &b->msg[b->count - 1];
	if (m->is_closed)
		return false;
	/* A shorter one can only be the last of all */
	if (size > m->size || (size < m->size && len > size))
		return false;

	return m->size <= b->uf->segment_max &&
	       m->segs + (len + size - 1) / size <= UDP_SEGS_MAX &&
	       m->len + len <= UDP_SEGS_LEN_MAX;
}

/**
 * udp_batch_append() - Add datagrams to the last message of the batch
 * @b:		Batch, with a message that they may join, or an empty one
 * @data:	Payload of all of them
 *
 * Source: udp(7), UDP_SEGMENT
 */
static void udp_batch_append(struct udp_batch *b, const struct view *data)
{
	struct msghdr *mh = &b->mh[b->count - 1].msg_hdr;
	struct udp_msg *m = &b->msg[b->count - 1];
	size_t n;

	n = view_to_iov(data, b->iov + b->iovs, FRAME_IOV_MAX);
	b->iovs += (unsigned)n;
	mh->msg_iovlen += n;
	m->len += data->len;
	m->segs = m->size ? (unsigned)((m->len + m->size - 1) / m->size) : 1;
	m->is_closed = !m->size || m->len % m->size;
	if (m->segs < 2)
		return;

	mh->msg_control = &m->control;
	mh->msg_controllen = udp_put_segment(&m->control, b->to.control_len,
					     m->size);
}

/**
 * udp_batch_put_hop() - Have TTL and TOS go with each datagram
 * @to:		Where datagrams go: control messages are appended
 * @v:		IP version
 * @ttl:	TTL or hop limit
 * @tos:	TOS or traffic class
 *
 * Source: ip(7), ipv6(7): options that may be given with a single datagram
 */
static void udp_batch_put_hop(struct udp_to *to, enum ipver v, int ttl, int tos)
{
	struct cmsghdr head = {
		.cmsg_level = v == V4 ? IPPROTO_IP : IPPROTO_IPV6,
		.cmsg_type = v == V4 ? IP_TTL : IPV6_HOPLIMIT,
	};

	to->control_len = udp_put_cmsg(&to->control, to->control_len, &head,
				       &ttl, sizeof(ttl));
	head.cmsg_type = v == V4 ? IP_TOS : IPV6_TCLASS;
	to->control_len = udp_put_cmsg(&to->control, to->control_len, &head,
				       &tos, sizeof(tos));
}

/**
 * udp_batch_start() - Begin a batch of datagrams of one flow
 * @c:		Execution context
 * @uf:		Flow
 * @pkt:	First datagram's packet
 *
 * A listener serves many flows, so nothing can be set for one on its socket.
 */
static void udp_batch_start(struct ctx *c, struct udp_flow *uf,
			    const struct pkt *pkt)
{
	const struct flow_side *host = udp_host(uf);
	struct udp_batch *b = c->udp->batch;

	b->uf = uf;
	if (uf->via.fd >= 0) {
		uf->s.ttl = pkt->ttl ? pkt->ttl : 1;
		uf->s.tos = pkt->tos;
		/* That can't be said of single datagrams, so it isn't done */
		uf->s.may_cut = pkt->may_cut;
		udp_to_client(uf, &b->to);
		udp_batch_put_hop(&b->to, addr_version(&host->far), uf->s.ttl,
				  uf->s.tos);
		return;
	}

	dgram_set_hop(&uf->s, pkt->ttl, pkt->tos, pkt->may_cut);
	b->to.fd = uf->s.fd;
	b->to.sa_len = 0;
	b->to.control_len = 0;
	if (uf->s.is_open)
		b->to.sa_len = addr_to_sockaddr(&b->to.sa, &host->far,
						host->far_port, 0);
}

/**
 * udp_batch_new_msg() - Begin another message of the batch, still without data
 * @b:		Batch
 * @size:	Length of its first datagram
 */
static void udp_batch_new_msg(struct udp_batch *b, size_t size)
{
	struct msghdr *mh = &b->mh[b->count].msg_hdr;
	struct udp_msg *m = &b->msg[b->count++];

	m->size = (uint16_t)size;
	m->segs = 0;
	m->len = 0;
	m->is_closed = false;
	memcpy(&m->control, &b->to.control, b->to.control_len);

	*mh = (struct msghdr){
		.msg_name = b->to.sa_len ? &b->to.sa : NULL,
		.msg_namelen = b->to.sa_len,
		.msg_iov = b->iov + b->iovs,
		.msg_control = b->to.control_len ? &m->control : NULL,
		.msg_controllen = b->to.control_len,
	};
}

/**
 * udp_batch_add() - Add a datagram, or joined ones, to what is to be sent
 * @c:		Execution context
 * @uf:		Flow
 * @pkt:	Packet they came in
 * @data:	Payload, at most FRAME_IOV_MAX pieces
 * @size:	Length of each, the last one may be shorter
 */
static void udp_batch_add(struct ctx *c, struct udp_flow *uf,
			  const struct pkt *pkt, const struct view *data,
			  size_t size)
{
	struct udp_batch *b = c->udp->batch;

	if (b->uf && (b->uf != uf || b->count == UDP_BATCH_MSGS ||
		      b->iovs + FRAME_IOV_MAX > UDP_BATCH_IOVS ||
		      uf->s.ttl != pkt->ttl || uf->s.tos != pkt->tos ||
		      uf->s.may_cut != pkt->may_cut))
		udp_batch_flush(c);
	if (uf->f.closing)
		return;
	if (!b->uf)
		udp_batch_start(c, uf, pkt);

	if (!udp_batch_may_join(b, data->len, size))
		udp_batch_new_msg(b, size);
	udp_batch_append(b, data);
}

/**
 * udp_batch_send() - Send what one packet of the guest carries
 * @c:		Execution context
 * @uf:		Flow
 * @pkt:	Packet
 * @data:	Its payload
 */
void udp_batch_send(struct ctx *c, struct udp_flow *uf,
		    const struct pkt *pkt, struct view *data)
{
	const struct virtio_net_hdr_v1 *vnet = &pkt->f->vnet;
	size_t size = data->len, max;
	struct view part;

	if (vnet->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 && vnet->gso_size)
		size = MIN(size, vnet->gso_size);

	max = size;
	if (size && size <= uf->segment_max)
		max = size * MIN(UDP_SEGS_MAX,
				 MAX(UDP_SEGS_LEN_MAX / size, 1UL));
	do {
		if (!view_sub(data, MIN(data->len, max), &part))
			return;
		udp_batch_add(c, uf, pkt, &part, MIN(size, part.len));
	} while (data->len);

	if (ip_is_reassembled(pkt))
		udp_batch_flush(c);
}

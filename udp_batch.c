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
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "dgram.h"
#include "flow.h"
#include "icmp_err.h"
#include "ip.h"
#include "passt.h"
#include "udp_flow.h"

/**
 * udp_batch_split() - Send the datagrams of a message one by one
 * @c:		Execution context
 * @uf:		Flow
 * @mh:		Message, without its control message
 * @m:		What else is known of it
 */
static void udp_batch_split(struct ctx *c, const struct udp_flow *uf,
			   const struct msghdr *mh, const struct udp_msg *m)
{
	struct view v = view_from_iov(mh->msg_iov, mh->msg_iovlen, m->len);
	struct msghdr one = *mh;
	struct iovec iov[UDP_BATCH_IOVS];
	struct view part;

	one.msg_iov = iov;
	one.msg_control = NULL;
	one.msg_controllen = 0;
	while (v.len && view_sub(&v, MIN(v.len, m->size), &part)) {
		one.msg_iovlen = view_to_iov(&part, iov, ARRAY_SIZE(iov));
		if (sendmsg(uf->s.fd, &one, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			stats_add(&c->stats, STAT_UDP_LOST, 1);
	}
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

	dgram_warn(&c->conf, "UDP datagrams", &uf->f.side[SIDE_TGT].far, err);
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
 * Source: udp(7): a send may report the error of an earlier one. Linux
 *	   net/ipv4/udp.c: UDP_SEGMENT fails with EINVAL (EMSGSIZE since 6.14)
 *	   for datagrams beyond the path's MTU, with EIO without checksum
 *	   offload.
 */
static int udp_batch_failed(struct ctx *c, unsigned i, int err,
			   unsigned *tries)
{
	struct udp_batch *b = &c->udp->batch;
	const struct udp_msg *m = &b->msg[i];
	struct udp_flow *uf = b->uf;

	if (m->segs > 1 && (err == EINVAL || err == EMSGSIZE || err == EIO)) {
		uf->segment_max = (uint16_t)(err == EIO ? 0 : m->size - 1);
		udp_batch_split(c, uf, &b->mh[i].msg_hdr, m);
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
	struct udp_batch *b = &c->udp->batch;
	struct udp_flow *uf = b->uf;
	unsigned i = 0, tries = 0;
	int rc = 0;

	while (i < b->count && rc >= 0) {
		int n = sendmmsg(uf->s.fd, b->mh + i, b->count - i,
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
	struct cmsghdr *cmsg = &m->control.cmsg;
	size_t n;

	n = view_to_iov(data, b->iov + b->iovs, FRAME_IOV_MAX);
	b->iovs += (unsigned)n;
	mh->msg_iovlen += n;
	m->len += data->len;
	m->segs = m->size ? (unsigned)((m->len + m->size - 1) / m->size) : 1;
	m->is_closed = !m->size || m->len % m->size;
	if (m->segs < 2)
		return;

	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(m->size));
	memcpy(CMSG_DATA(cmsg), &m->size, sizeof(m->size));
	mh->msg_control = &m->control;
	mh->msg_controllen = sizeof(m->control);
}

/**
 * udp_batch_start() - Begin a batch of datagrams of one flow
 * @c:		Execution context
 * @uf:		Flow
 * @pkt:	First datagram's packet
 */
static void udp_batch_start(struct ctx *c, struct udp_flow *uf,
			    const struct pkt *pkt)
{
	const struct flow_side *host = &uf->f.side[SIDE_TGT];
	struct udp_batch *b = &c->udp->batch;

	dgram_set_hop(&uf->s, pkt->ttl, pkt->tos);
	b->uf = uf;
	b->dst_len = 0;
	if (uf->s.is_open)
		b->dst_len = addr_to_sockaddr(&b->dst, &host->far,
					      host->far_port, 0);
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
	struct udp_batch *b = &c->udp->batch;
	struct msghdr *mh;

	if (b->uf && (b->uf != uf || b->count == UDP_BATCH_MSGS ||
		      b->iovs + FRAME_IOV_MAX > UDP_BATCH_IOVS ||
		      uf->s.ttl != pkt->ttl || uf->s.tos != pkt->tos))
		udp_batch_flush(c);
	if (uf->f.closing)
		return;
	if (!b->uf)
		udp_batch_start(c, uf, pkt);

	if (!udp_batch_may_join(b, data->len, size)) {
		mh = &b->mh[b->count].msg_hdr;
		memset(mh, 0, sizeof(*mh));
		mh->msg_name = b->dst_len ? &b->dst : NULL;
		mh->msg_namelen = b->dst_len;
		mh->msg_iov = b->iov + b->iovs;
		b->msg[b->count++] = (struct udp_msg){ .size = (uint16_t)size };
	}
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

	/* The memory of a reassembled datagram serves the next one, too: it
	 * is larger than the frame of its last fragment
	 */
	if (pkt->l4.len > pkt->f->len)
		udp_batch_flush(c);
}

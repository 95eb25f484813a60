// SPDX-License-Identifier: BSD-3-Clause
/* vu_request.c - requests of the front-end of a vhost-user device
 *
 * Each request is a row of a table: what it carries, whether it is answered,
 * and who handles it. What can't be done is answered so if the front-end asked
 * for an answer, else there is no way to go on than to give up the connection.
 * The same goes for messages of the wrong size or with the wrong number of
 * descriptors, whether they are to be answered or not. What we don't know is
 * ignored if no answer is asked for: a front-end may be newer than we are.
 *
 * The order of requests is up to the front-end: see vu_ring.c for what it takes
 * to have a ring run. What would change the shape of a ring that runs is
 * refused.
 *
 * One pair of rings is all there is, and it is told so.
 *
 * Not offered is what would need a second process or a second device, logging
 * of changes for migration, the status of the device, packed rings, and:
 *
 *  - "CONFIG", feature 9 of the protocol: offered in a trial, both QEMU 7.2 and
 *    11.1 warned of it at each start of a machine, and neither has read any
 *    configuration; the MTU goes the other way, by VU_NET_SET_MTU
 *  - "INFLIGHT SHMFD", feature 12, a record of buffers in use for who comes
 *    after a crash of ours: neither has asked for it. They go on at the used
 *    index, as we use buffers in the order of the ring; a frame that was on its
 *    way is lost then, or sent again, as may happen on any wire
 *
 * Source: QEMU, docs/interop/vhost-user.rst
 */

#include <errno.h>
#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "log.h"
#include "tap.h"
#include "util.h"
#include "vu.h"

/* Missing from older headers: virtio 1.3, 5.1.3 */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4		54
#define VIRTIO_NET_F_GUEST_USO6		55
#define VIRTIO_NET_F_HOST_USO		56
#endif

#define BIT(n)				(1ULL << (n))

/* Feature of the protocol, not of the device */
#define VU_F_PROTOCOL_FEATURES		30

#define VU_FEATURES							\
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ANY_LAYOUT) |		\
	 BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |	\
	 BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |	\
	 BIT(VIRTIO_NET_F_GUEST_USO4) | BIT(VIRTIO_NET_F_GUEST_USO6) |	\
	 BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |	\
	 BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_USO) |	\
	 BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_MTU) |		\
	 BIT(VU_F_PROTOCOL_FEATURES))

#define VU_PROTOCOL_MQ			0
#define VU_PROTOCOL_REPLY_ACK		3
#define VU_PROTOCOL_MTU			4
#define VU_PROTOCOL_RESET_DEVICE	13
#define VU_PROTOCOL_MEM_SLOTS		15
#define VU_PROTOCOL_FEATURES						\
	(BIT(VU_PROTOCOL_MQ) | BIT(VU_PROTOCOL_REPLY_ACK) |		\
	 BIT(VU_PROTOCOL_MTU) | BIT(VU_PROTOCOL_RESET_DEVICE) |		\
	 BIT(VU_PROTOCOL_MEM_SLOTS))

/* In numbers that come with a descriptor */
#define VU_VRING_INDEX_MASK		0xffU
#define VU_VRING_NO_FD			BIT(8)

/* RFC 791, 3.1: what each host on an IP network has to take */
#define VU_MTU_MIN			68

#define LEN_U64		sizeof(uint64_t)
#define LEN_STATE	sizeof(struct vhost_vring_state)
#define LEN_ADDR	sizeof(struct vhost_vring_addr)
#define LEN_REGION	sizeof(((union vu_payload *)0)->region)
#define LEN_ANY		UINT32_MAX	/* The handler looks at it */

/**
 * has_feature() - Is a feature negotiated?
 * @vu:		Device
 * @bit:	Its number
 *
 * Return: true if so
 */
static bool has_feature(const struct vu *vu, unsigned bit)
{
	return vu->features & BIT(bit);
}

/**
 * vu_set_features() - Have the device behave as was negotiated
 * @vu:		Device
 * @features:	Features
 *
 * Source: virtio 1.3, 5.1.3 and 5.1.6 (length of the header)
 */
void vu_set_features(struct vu *vu, uint64_t features)
{
	struct tap *tap = vu->tap;
	struct tap_caps *caps = &tap->caps;
	unsigned i;

	vu->features = features;
	vu->hdr_len = VU_HDR_MAX;
	if (!has_feature(vu, VIRTIO_F_VERSION_1) &&
	    !has_feature(vu, VIRTIO_NET_F_MRG_RXBUF))
		vu->hdr_len = sizeof(struct virtio_net_hdr);

	caps->csum = has_feature(vu, VIRTIO_NET_F_GUEST_CSUM);
	caps->tso4 = caps->csum && has_feature(vu, VIRTIO_NET_F_GUEST_TSO4);
	caps->tso6 = caps->csum && has_feature(vu, VIRTIO_NET_F_GUEST_TSO6);
	caps->uso = caps->csum && has_feature(vu, VIRTIO_NET_F_GUEST_USO4) &&
		    has_feature(vu, VIRTIO_NET_F_GUEST_USO6);
	tap->mtu = MIN(vu->mtu, vu->mtu_told);
	caps->len_max = ETH_HLEN + tap->mtu;
	if (caps->tso4 || caps->tso6 || caps->uso)
		caps->len_max = FRAME_LEN_MAX;
	vu->to_guest.is_probed = false;

	for (i = 0; i < VU_RINGS; i++) {
		struct virtq *q = &vu->ring[i].q;

		q->event_idx = has_feature(vu, VIRTIO_RING_F_EVENT_IDX);
		q->indirect = has_feature(vu, VIRTIO_RING_F_INDIRECT_DESC);
	}
}

/**
 * get_features() - VU_GET_FEATURES
 * @vu:		Device
 *
 * Return: bytes of the reply
 */
static int get_features(struct vu *vu)
{
	vu->msg.payload.u64 = VU_FEATURES;
	return LEN_U64;
}

/**
 * set_features() - VU_SET_FEATURES
 * @vu:		Device
 *
 * Return: 0, -EINVAL if not all of them were offered
 */
static int set_features(struct vu *vu)
{
	uint64_t features = vu->msg.payload.u64;
	unsigned i;

	if (features & ~VU_FEATURES)
		return -EINVAL;

	debug("Features negotiated with the guest: %#llx",
	      (unsigned long long)features);
	vu_set_features(vu, features);
	for (i = 0; i < VU_RINGS; i++) {
		if (!has_feature(vu, VU_F_PROTOCOL_FEATURES))
			vu->ring[i].is_enabled = true;
		vu_ring_update(vu, i);
	}
	return 0;
}

/**
 * get_protocol_features() - VU_GET_PROTOCOL_FEATURES
 * @vu:		Device
 *
 * Return: bytes of the reply
 */
static int get_protocol_features(struct vu *vu)
{
	vu->msg.payload.u64 = VU_PROTOCOL_FEATURES;
	return LEN_U64;
}

/**
 * set_protocol_features() - VU_SET_PROTOCOL_FEATURES
 * @vu:		Device
 *
 * Return: 0, -EINVAL if not all of them were offered
 */
static int set_protocol_features(struct vu *vu)
{
	if (vu->msg.payload.u64 & ~VU_PROTOCOL_FEATURES)
		return -EINVAL;
	vu->protocol = vu->msg.payload.u64;
	return 0;
}

/**
 * set_owner() - VU_SET_OWNER
 * @vu:		Device
 *
 * Return: 0
 */
static int set_owner(struct vu *vu)
{
	(void)vu;
	return 0;
}

/**
 * reset_owner() - VU_RESET_OWNER, which is of old: disables all rings
 * @vu:		Device
 *
 * Return: 0
 */
static int reset_owner(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_RINGS; i++) {
		vu->ring[i].is_enabled = false;
		vu_ring_update(vu, i);
	}
	return 0;
}

/**
 * reset_device() - VU_RESET_DEVICE
 * @vu:		Device
 *
 * Return: 0
 */
static int reset_device(struct vu *vu)
{
	vu_reset(vu);
	return 0;
}

/**
 * memory_changed() - Find the rings again after memory came or went
 * @vu:		Device
 */
static void memory_changed(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_RINGS; i++)
		vu_ring_update(vu, i);
}

/**
 * set_mem_table() - VU_SET_MEM_TABLE: all memory there is
 * @vu:		Device
 *
 * Return: 0, -EPROTO if the table doesn't fit what came, -errno as
 *	   vu_mem_add(): there is no memory then
 */
static int set_mem_table(struct vu *vu)
{
	const struct vu_msg *m = &vu->msg;
	uint32_t n = m->payload.table.count, i;
	int rc = 0;

	if (m->hdr.size < VU_TABLE_HDR_LEN || n > VU_TABLE_MAX ||
	    n != m->fd_count || m->hdr.size != VU_TABLE_HDR_LEN +
					      n * sizeof(struct vu_mem_desc))
		return -EPROTO;

	vu_mem_clear(&vu->mem);
	for (i = 0; i < n && !rc; i++)
		rc = vu_mem_add(&vu->mem, &m->payload.table.desc[i],
				m->fds[i]);
	if (rc)
		vu_mem_clear(&vu->mem);
	memory_changed(vu);
	return rc;
}

/**
 * get_max_mem_slots() - VU_GET_MAX_MEM_SLOTS
 * @vu:		Device
 *
 * Return: bytes of the reply
 */
static int get_max_mem_slots(struct vu *vu)
{
	vu->msg.payload.u64 = VU_MEM_REGIONS_MAX;
	return LEN_U64;
}

/**
 * add_mem_reg() - VU_ADD_MEM_REG: further memory
 * @vu:		Device
 *
 * Return: 0, -EPROTO without a descriptor, -errno as vu_mem_add()
 */
static int add_mem_reg(struct vu *vu)
{
	const struct vu_msg *m = &vu->msg;
	int rc;

	if (m->fd_count != 1)
		return -EPROTO;
	rc = vu_mem_add(&vu->mem, &m->payload.region.desc, m->fds[0]);
	memory_changed(vu);
	return rc;
}

/**
 * rem_mem_reg() - VU_REM_MEM_REG: less memory
 * @vu:		Device
 *
 * Return: 0, -ENOENT if there is no such region
 */
static int rem_mem_reg(struct vu *vu)
{
	int rc = vu_mem_remove(&vu->mem, &vu->msg.payload.region.desc);

	memory_changed(vu);
	return rc;
}

/**
 * ring_of() - Ring that a request is about
 * @vu:		Device
 * @index:	As it came
 *
 * Return: the ring, NULL if there is none
 */
static struct vu_ring *ring_of(struct vu *vu, uint32_t index)
{
	if (index < VU_RINGS)
		return &vu->ring[index];

	warn_limited("Hypervisor asks for ring %u, accepted: one pair of "
		     "rings, such as with QEMU's queues=1", index);
	return NULL;
}

/**
 * set_vring_num() - VU_SET_VRING_NUM: entries of a ring
 * @vu:		Device
 *
 * Return: 0, -EINVAL if a ring can't have so many, -EBUSY if it runs
 */
static int set_vring_num(struct vu *vu)
{
	const struct vhost_vring_state *s = &vu->msg.payload.state;
	struct vu_ring *r = ring_of(vu, s->index);

	if (!r || !virtq_size_is_valid(s->num))
		return -EINVAL;
	if (r->is_started)
		return r->q.size == s->num ? 0 : -EBUSY;
	r->q.size = s->num;
	vu_ring_update(vu, s->index);
	return 0;
}

/**
 * set_vring_addr() - VU_SET_VRING_ADDR: where a ring is
 * @vu:		Device
 *
 * Return: 0, -EINVAL if it can't be there, -EBUSY if it runs elsewhere
 */
static int set_vring_addr(struct vu *vu)
{
	const struct vhost_vring_addr *a = &vu->msg.payload.addr;
	const struct virtq_addrs addrs = {
		a->desc_user_addr, a->avail_user_addr, a->used_user_addr,
	};
	struct vu_ring *r = ring_of(vu, a->index);

	if (!r || !virtq_addrs_are_valid(&addrs))
		return -EINVAL;
	if (r->is_started && memcmp(&addrs, &r->addrs, sizeof(addrs)))
		return -EBUSY;
	/* Memory may come later, but then there is none yet */
	if (vu->mem.count && r->q.size && !virtq_map(&r->q, &addrs))
		return -EINVAL;
	r->addrs = addrs;
	r->has_addrs = true;
	vu_ring_update(vu, a->index);
	return 0;
}

/**
 * set_vring_base() - VU_SET_VRING_BASE: where to begin
 * @vu:		Device
 *
 * Return: 0, -EINVAL if there is no such entry, -EBUSY if the ring runs
 */
static int set_vring_base(struct vu *vu)
{
	const struct vhost_vring_state *s = &vu->msg.payload.state;
	struct vu_ring *r = ring_of(vu, s->index);

	if (!r || s->num > UINT16_MAX)
		return -EINVAL;
	if (r->is_started)
		return -EBUSY;
	r->base = (uint16_t)s->num;
	return 0;
}

/**
 * get_vring_base() - VU_GET_VRING_BASE: stop a ring
 * @vu:		Device
 *
 * Return: bytes of the reply, -EINVAL if there is no such ring
 */
static int get_vring_base(struct vu *vu)
{
	struct vhost_vring_state *s = &vu->msg.payload.state;
	struct vu_ring *r = ring_of(vu, s->index);

	if (!r)
		return -EINVAL;
	vu_ring_stop(vu, s->index);
	s->num = r->base;
	return LEN_STATE;
}

/**
 * ring_with_fd() - Ring that a request with a descriptor is about
 * @vu:		Device
 * @fd:		Set to the descriptor, taken; -1 if there is to be none
 * @index:	Set to the ring's index
 *
 * Return: the ring, NULL if there is none or if it isn't right
 */
static struct vu_ring *ring_with_fd(struct vu *vu, int *fd, unsigned *index)
{
	uint64_t u64 = vu->msg.payload.u64;
	bool no_fd = u64 & VU_VRING_NO_FD;
	struct vu_ring *r;

	if (u64 & ~(VU_VRING_INDEX_MASK | VU_VRING_NO_FD) ||
	    vu->msg.fd_count != !no_fd)
		return NULL;
	*index = (unsigned)(u64 & VU_VRING_INDEX_MASK);
	r = ring_of(vu, *index);
	if (r)
		*fd = vu_msg_take_fd(&vu->msg, 0);
	return r;
}

/**
 * set_vring_kick() - VU_SET_VRING_KICK: how the guest wakes us up
 * @vu:		Device
 *
 * Return: 0, -EINVAL if the request isn't right, -errno if it can't be watched
 */
static int set_vring_kick(struct vu *vu)
{
	struct vu_ring *r;
	unsigned i;
	int fd, rc;

	r = ring_with_fd(vu, &fd, &i);
	if (!r)
		return -EINVAL;
	rc = vu_ring_set_kick(vu, i, fd);
	if (!rc)
		r->is_kicked = true;
	vu_ring_update(vu, i);
	return rc;
}

/**
 * set_vring_call() - VU_SET_VRING_CALL: how we wake the guest up
 * @vu:		Device
 *
 * The guest may have missed what was told before: it is woken up once.
 *
 * Return: 0, -EINVAL if the request isn't right, -errno of fcntl(2)
 */
static int set_vring_call(struct vu *vu)
{
	struct vu_ring *r;
	unsigned i;
	int fd, rc;

	r = ring_with_fd(vu, &fd, &i);
	if (!r)
		return -EINVAL;
	rc = vu_fd_replace(&r->call_fd, fd);
	if (!rc && r->is_started)
		vu_ring_call(r);
	return rc;
}

/**
 * set_vring_err() - VU_SET_VRING_ERR: how we tell that a ring is broken
 * @vu:		Device
 *
 * Return: 0, -EINVAL if the request isn't right, -errno of fcntl(2)
 */
static int set_vring_err(struct vu *vu)
{
	struct vu_ring *r;
	unsigned i;
	int fd;

	r = ring_with_fd(vu, &fd, &i);
	return r ? vu_fd_replace(&r->err_fd, fd) : -EINVAL;
}

/**
 * set_vring_enable() - VU_SET_VRING_ENABLE
 * @vu:		Device
 *
 * Return: 0, -EINVAL if the request isn't right
 */
static int set_vring_enable(struct vu *vu)
{
	const struct vhost_vring_state *s = &vu->msg.payload.state;
	struct vu_ring *r = ring_of(vu, s->index);

	if (!r || s->num > 1)
		return -EINVAL;
	r->is_enabled = s->num;
	vu_ring_update(vu, s->index);
	return 0;
}

/**
 * get_queue_num() - VU_GET_QUEUE_NUM
 * @vu:		Device
 *
 * QEMU counts pairs of rings here.
 *
 * Return: bytes of the reply
 */
static int get_queue_num(struct vu *vu)
{
	vu->msg.payload.u64 = VU_RINGS / 2;
	return LEN_U64;
}

/**
 * net_set_mtu() - VU_NET_SET_MTU: the MTU that the guest was told
 * @vu:		Device
 *
 * Return: 0, -EINVAL if there can't be such an MTU
 */
static int net_set_mtu(struct vu *vu)
{
	uint64_t mtu = vu->msg.payload.u64;

	if (mtu < VU_MTU_MIN || mtu > UINT16_MAX)
		return -EINVAL;
	vu->mtu_told = (unsigned)mtu;
	vu_set_features(vu, vu->features);
	return 0;
}

/**
 * struct handler - row: how a request is handled
 * @fn:		Handler. Return: bytes of the reply if @is_answered, else 0;
 *		-errno if it can't be done
 * @size:	Bytes of its payload, or LEN_ANY
 * @fds_max:	Descriptors that may come with it
 * @is_answered: It has an answer of its own
 */
struct handler {
	int (*fn)(struct vu *vu);
	uint32_t size;
	unsigned fds_max;
	bool is_answered;
};

static const struct handler handlers[VU_REQUESTS] = {
	[VU_GET_FEATURES]	= { get_features, 0, 0, true },
	[VU_SET_FEATURES]	= { set_features, LEN_U64, 0, false },
	[VU_SET_OWNER]		= { set_owner, 0, 0, false },
	[VU_RESET_OWNER]	= { reset_owner, 0, 0, false },
	[VU_SET_MEM_TABLE]	= { set_mem_table, LEN_ANY, VU_TABLE_MAX,
				    false },
	[VU_SET_VRING_NUM]	= { set_vring_num, LEN_STATE, 0, false },
	[VU_SET_VRING_ADDR]	= { set_vring_addr, LEN_ADDR, 0, false },
	[VU_SET_VRING_BASE]	= { set_vring_base, LEN_STATE, 0, false },
	[VU_GET_VRING_BASE]	= { get_vring_base, LEN_STATE, 0, true },
	[VU_SET_VRING_KICK]	= { set_vring_kick, LEN_U64, 1, false },
	[VU_SET_VRING_CALL]	= { set_vring_call, LEN_U64, 1, false },
	[VU_SET_VRING_ERR]	= { set_vring_err, LEN_U64, 1, false },
	[VU_GET_PROTOCOL_FEATURES] = { get_protocol_features, 0, 0, true },
	[VU_SET_PROTOCOL_FEATURES] = { set_protocol_features, LEN_U64, 0,
				       false },
	[VU_GET_QUEUE_NUM]	= { get_queue_num, 0, 0, true },
	[VU_SET_VRING_ENABLE]	= { set_vring_enable, LEN_STATE, 0, false },
	[VU_NET_SET_MTU]	= { net_set_mtu, LEN_U64, 0, false },
	[VU_RESET_DEVICE]	= { reset_device, 0, 0, false },
	[VU_GET_MAX_MEM_SLOTS]	= { get_max_mem_slots, 0, 0, true },
	[VU_ADD_MEM_REG]	= { add_mem_reg, LEN_REGION, 1, false },
	/* The descriptor is an error that some front-ends make */
	[VU_REM_MEM_REG]	= { rem_mem_reg, LEN_REGION, 1, false },
};

/**
 * acknowledge() - Answer a request that has no answer of its own, if asked to
 * @vu:		Device
 * @rc:		What became of it: 0, -errno
 *
 * Return: 0, -errno if the connection can't go on
 */
static int acknowledge(struct vu *vu, int rc)
{
	struct vu_msg *m = &vu->msg;

	if (!(m->hdr.flags & VU_FLAG_NEED_REPLY) ||
	    !(vu->protocol & BIT(VU_PROTOCOL_REPLY_ACK)))
		return rc;
	m->payload.u64 = rc ? 1 : 0;
	return vu_msg_reply(m, vu->tap->fd, LEN_U64);
}

/**
 * vu_request() - Handle a request that is complete
 * @vu:		Device, the request in @vu->msg
 *
 * Return: 0, -errno if the connection can't go on
 */
int vu_request(struct vu *vu)
{
	struct vu_msg *m = &vu->msg;
	const struct handler *h = NULL;
	int rc;

	if (m->hdr.request < VU_REQUESTS && handlers[m->hdr.request].fn)
		h = &handlers[m->hdr.request];
	if (!h) {
		debug("Unknown request %u of the hypervisor", m->hdr.request);
		rc = acknowledge(vu, -ENOSYS);
		return rc == -ENOSYS ? 0 : rc;
	}
	if ((h->size != LEN_ANY && m->hdr.size != h->size) ||
	    m->fd_count > h->fds_max)
		rc = -EPROTO;
	else
		rc = h->fn(vu);

	if (rc < 0)
		warn_limited("Hypervisor's request %u can't be done: %s",
			     m->hdr.request, log_strerror(-rc));
	if (rc == -EPROTO)
		return rc;
	if (!h->is_answered)
		return acknowledge(vu, rc);
	return rc < 0 ? rc : vu_msg_reply(m, vu->tap->fd, (uint32_t)rc);
}

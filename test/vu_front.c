// SPDX-License-Identifier: BSD-3-Clause
/* vu_front.c - hypervisor and guest of a vhost-user device, for tests
 *
 * It speaks the front-end's part of the protocol over a pair of sockets, whose
 * other end is the device in the stack under test, and is the driver of the
 * two rings in memory that both share. How buffers are cut into descriptors,
 * and what is negotiated, is up to struct vu_shape.
 *
 * All runs in one thread: whenever something is waited for, the stack's loop
 * turns. vu_front_push() and vu_front_pop() stand in for those of tap_mem.c, so
 * that tests of frames run the same over a device. Hostile tests send messages
 * and write to rings by themselves.
 *
 * The memory of the guest is one file: rings and tables are at its start,
 * buffers of frames from the guest lie on both sides of FRONT_MIDDLE, those for
 * frames to it are far away.
 *
 * Source: QEMU, docs/interop/vhost-user.rst; virtio 1.3, 2.7 and 5.1
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "stack.h"
#include "tap_vu.h"
#include "vu_front.h"
#include "vu_msg.h"

#define REGION		FRONT_MIDDLE	/* Bytes of the first two */
#define REGION_FAR	(32ULL << 20)
#define MEM_SIZE	(2 * REGION + REGION_FAR)

#define TABLES		(2ULL << 20)	/* Indirect tables */
#define TABLE_DESCS	256U
#define TX_BUFS		(FRONT_MIDDLE - 40000)
#define TX_BUF_LEN	66000U
#define TX_BUF_COUNT	64U

#define WAIT_TURNS	500
#define WAIT_MS		10

static const struct vu_mem_desc regions[FRONT_REGIONS] = {
	{ FRONT_LOW, REGION, FRONT_USER, 0 },
	{ FRONT_MIDDLE, REGION, FRONT_USER + (1ULL << 32), REGION },
	{ FRONT_FAR, REGION_FAR, FRONT_USER + (2ULL << 32), 2 * REGION },
};

/**
 * has_feature() - Is a feature negotiated?
 * @f:		Front-end
 * @bit:	Its number
 *
 * Return: true if so
 */
static bool has_feature(const struct vu_front *f, unsigned bit)
{
	return f->shape.features & 1ULL << bit;
}

/**
 * vu_front_at() - The guest's memory
 * @f:		Front-end
 * @guest_addr:	Address there
 *
 * Return: where it is here
 */
void *vu_front_at(struct vu_front *f, uint64_t guest_addr)
{
	if (guest_addr >= FRONT_FAR)
		guest_addr += 2 * REGION - FRONT_FAR;
	assert_true(guest_addr < MEM_SIZE);
	return f->mem + guest_addr;
}

/**
 * vu_front_send() - Send a message as it is
 * @f:		Front-end
 * @request:	Request, in the lower half; further flags in the upper
 * @payload:	Payload
 * @size:	Its bytes
 * @fds:	Descriptors to pass, which remain ours
 * @fd_count:	How many
 */
void vu_front_send(struct vu_front *f, uint32_t request, const void *payload,
		   uint32_t size, const int *fds, unsigned fd_count)
{
	char control[CMSG_SPACE(sizeof(int) * 64)] = { 0 };
	struct vu_hdr hdr = { request & 0xffff, 1 | request >> 16, size };
	struct iovec iov[] = {
		{ &hdr, sizeof(hdr) }, { (void *)(uintptr_t)payload, size },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd_count) {
		struct cmsghdr *c;

		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	assert_int_equal(sendmsg(f->sock, &mh, MSG_NOSIGNAL),
			 sizeof(hdr) + size);
}

/**
 * vu_front_reply() - Wait for the answer to a request
 * @f:		Front-end
 * @request:	Request
 * @payload:	Set to what came
 * @size:	Bytes that have to come
 *
 * Return: false if the device closed the connection
 */
bool vu_front_reply(struct vu_front *f, uint32_t request, void *payload,
		    uint32_t size)
{
	struct vu_hdr hdr;
	ssize_t n = -1;
	int i;

	for (i = 0; i < WAIT_TURNS && n < 0; i++) {
		stack_turn(f->s, i ? WAIT_MS : 0);
		n = recv(f->sock, &hdr, sizeof(hdr), MSG_DONTWAIT);
	}
	if (!n)
		return false;
	assert_int_equal(n, sizeof(hdr));
	assert_int_equal(hdr.request, request & 0xffff);
	assert_int_equal(hdr.flags, 1 | VU_FLAG_REPLY);
	assert_int_equal(hdr.size, size);
	assert_int_equal(recv(f->sock, payload, size, MSG_DONTWAIT), size);
	return true;
}

/**
 * vu_front_get() - Ask for a number
 * @f:		Front-end
 * @request:	Request
 *
 * Return: the number
 */
uint64_t vu_front_get(struct vu_front *f, uint32_t request)
{
	uint64_t value;

	vu_front_send(f, request, NULL, 0, NULL, 0);
	assert_true(vu_front_reply(f, request, &value, sizeof(value)));
	return value;
}

/**
 * acknowledged() - Send a request that has to be done
 * @f:		Front-end
 * @request:	Request
 * @payload:	Payload
 * @size:	Its bytes
 * @fds:	Descriptors to pass
 * @fd_count:	How many
 */
static void acknowledged(struct vu_front *f, uint32_t request,
			 const void *payload, uint32_t size, const int *fds,
			 unsigned fd_count)
{
	uint64_t value;

	if (f->protocol & 1U << 3) {
		request |= VU_FLAG_NEED_REPLY << 16;
		vu_front_send(f, request, payload, size, fds, fd_count);
		assert_true(vu_front_reply(f, request, &value, sizeof(value)));
		assert_int_equal(value, 0);
	} else {
		vu_front_send(f, request, payload, size, fds, fd_count);
		stack_turn(f->s, 0);
	}
}

/**
 * vu_front_do() - Have something done that takes no argument
 * @f:		Front-end
 * @request:	Request
 */
void vu_front_do(struct vu_front *f, uint32_t request)
{
	acknowledged(f, request, NULL, 0, NULL, 0);
}

/**
 * vu_front_set() - Tell a number
 * @f:		Front-end
 * @request:	Request
 * @value:	Number
 */
void vu_front_set(struct vu_front *f, uint32_t request, uint64_t value)
{
	acknowledged(f, request, &value, sizeof(value), NULL, 0);
}

/**
 * vu_front_state() - Tell a number about a ring
 * @f:		Front-end
 * @request:	Request
 * @ring:	Ring
 * @num:	Number
 */
void vu_front_state(struct vu_front *f, uint32_t request, unsigned ring,
		    unsigned num)
{
	struct vhost_vring_state state = { ring, num };

	acknowledged(f, request, &state, sizeof(state), NULL, 0);
}

/**
 * user_addr() - Address that the device knows something by
 * @f:		Front-end
 * @at:		Where it is, in the first region
 *
 * Return: address
 */
static uint64_t user_addr(const struct vu_front *f, const void *at)
{
	return FRONT_USER + (uint64_t)((const uint8_t *)at - f->mem);
}

/**
 * vu_front_ring_addr() - Tell where a ring is
 * @f:		Front-end
 * @ring:	Ring
 */
void vu_front_ring_addr(struct vu_front *f, unsigned ring)
{
	const struct vq_driver *d = &f->ring[ring];
	struct vhost_vring_addr addr = {
		.index = ring,
		.desc_user_addr = user_addr(f, d->desc),
		.avail_user_addr = user_addr(f, d->avail),
		.used_user_addr = user_addr(f, d->used),
	};

	acknowledged(f, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
}

/**
 * vu_front_ring_fd() - Pass a descriptor for a ring
 * @f:		Front-end
 * @request:	Request
 * @ring:	Ring
 * @fd:		Descriptor, -1 to tell that there is none
 */
void vu_front_ring_fd(struct vu_front *f, uint32_t request, unsigned ring,
		      int fd)
{
	uint64_t value = ring | (fd < 0 ? 1U << 8 : 0);

	acknowledged(f, request, &value, sizeof(value), &fd, fd >= 0);
}

/**
 * vu_front_region() - Describe a region of the guest's memory
 * @f:		Front-end
 * @i:		Which one
 * @d:		Set to what is told of it
 */
void vu_front_region(struct vu_front *f, unsigned i, struct vu_mem_desc *d)
{
	(void)f;
	*d = regions[i];
}

/**
 * vu_front_regions() - Tell what memory there is
 * @f:		Front-end
 */
void vu_front_regions(struct vu_front *f)
{
	union vu_payload p = { .table = { .count = FRONT_REGIONS } };
	int fds[FRONT_REGIONS];
	unsigned i;

	memcpy(p.table.desc, regions, sizeof(regions));
	for (i = 0; i < FRONT_REGIONS; i++)
		fds[i] = f->mem_fd;
	acknowledged(f, VU_SET_MEM_TABLE, &p, VU_TABLE_HDR_LEN +
		     sizeof(regions), fds, FRONT_REGIONS);
}

/**
 * vu_front_is_gone() - Has the device given up the connection?
 * @f:		Front-end
 *
 * What it may have sent before is dropped.
 *
 * Return: true if so
 */
bool vu_front_is_gone(struct vu_front *f)
{
	char buf[512];
	int i;

	for (i = 0; i < 3; i++) {
		stack_turn(f->s, 0);
		while (recv(f->sock, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	if (!f->s->c.tap.failed)
		return false;
	f->s->c.tap.ops->close(&f->s->c.tap);
	tap_attach_none(&f->s->c.tap);
	return recv(f->sock, buf, sizeof(buf), MSG_DONTWAIT) <= 0;
}

/**
 * vu_front_kick() - Wake up the device
 * @f:		Front-end
 * @ring:	Ring
 */
void vu_front_kick(struct vu_front *f, unsigned ring)
{
	if (f->shape.no_kick)
		return;
	f->kicks++;
	assert_int_equal(eventfd_write(f->kick[ring], 1), 0);
}

/**
 * offered() - Wake up the device, if it wants that
 * @f:		Front-end
 * @ring:	Ring, with something new in it
 */
static void offered(struct vu_front *f, unsigned ring)
{
	if (vq_driver_wants_kick(&f->ring[ring],
				 has_feature(f, VIRTIO_RING_F_EVENT_IDX)))
		vu_front_kick(f, ring);
}

/**
 * cut() - Cut a buffer into descriptors, in a table of its own if it is shaped
 *	   so
 * @f:		Front-end
 * @ring:	Ring
 * @addr:	Guest address of the buffer
 * @len:	Its bytes
 * @flags:	Of all descriptors
 * @head:	Set to the first one
 *
 * Return: descriptors of the ring that were taken
 */
static unsigned cut(struct vu_front *f, unsigned ring, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t *head)
{
	struct vq_driver *d = &f->ring[ring];
	uint64_t at = TABLES + (ring * f->shape.size + d->free % d->size) *
			       TABLE_DESCS * sizeof(*d->desc);
	struct vq_desc *table = vu_front_at(f, at);
	uint32_t part = f->shape.first;
	unsigned n;

	for (n = 0; !n || len; n++) {
		uint16_t next, i = 0;

		if (!part || part > len || n == TABLE_DESCS - 1)
			part = len;
		next = part < len ? VRING_DESC_F_NEXT : 0;
		next |= flags;
		if (f->shape.indirect)
			table[n] = (struct vq_desc){ addr, part, next,
						     (uint16_t)(n + 1) };
		else
			i = vq_driver_desc(d, addr, part, next);
		if (!n)
			*head = i;
		addr += part;
		len -= part;
		part = f->shape.piece;
	}

	if (!f->shape.indirect)
		return n;
	*head = vq_driver_desc(d, at, n * (uint32_t)sizeof(*table),
			       VRING_DESC_F_INDIRECT);
	return 1;
}

/**
 * reclaim() - Take back what the device has sent
 * @f:		Front-end
 */
static void reclaim(struct vu_front *f)
{
	struct vq_used_elem e;

	while (vq_driver_used(&f->ring[FRONT_TX], &e)) {
		assert_true(f->tx_len > 0);
		assert_int_equal(e.len, 0);
		f->tx_descs -= f->tx_cnt[f->tx_head];
		f->tx_head = (f->tx_head + 1) % 32768;
		f->tx_len--;
	}
}

/**
 * descs_needed() - Descriptors of the ring that cut() takes
 * @f:		Front-end
 * @len:	Bytes of the buffer
 *
 * Return: how many
 */
static size_t descs_needed(const struct vu_front *f, size_t len)
{
	if (f->shape.indirect || !f->shape.first || len <= f->shape.first)
		return 1;
	if (!f->shape.piece)
		return 2;
	return MIN(TABLE_DESCS, 1 + (len - f->shape.first +
				     f->shape.piece - 1) / f->shape.piece);
}

/**
 * vu_front_push() - Have the guest send a frame
 * @f:		Front-end
 * @hdr:	Offload header
 * @data:	Frame
 * @len:	Its length
 *
 * Return: false if the ring is full, and remains so
 */
bool vu_front_push(struct vu_front *f, const void *hdr, const void *data,
		   size_t len)
{
	uint64_t at = TX_BUFS + f->ring[FRONT_TX].avail->idx % TX_BUF_COUNT *
				TX_BUF_LEN;
	size_t total = f->hdr_len + len;
	unsigned i;
	uint16_t head;

	for (i = 0; i < WAIT_TURNS; i++) {
		reclaim(f);
		if (f->tx_descs + descs_needed(f, total) <= f->shape.size &&
		    f->tx_len < TX_BUF_COUNT)
			break;
		stack_turn(f->s, i ? 1 : 0);
	}
	if (i == WAIT_TURNS)
		return false;

	memcpy(vu_front_at(f, at), hdr, f->hdr_len);
	memcpy((uint8_t *)vu_front_at(f, at) + f->hdr_len, data, len);
	i = cut(f, FRONT_TX, at, (uint32_t)total, 0, &head);
	f->tx_cnt[(f->tx_head + f->tx_len++) % 32768] = i;
	f->tx_descs += i;
	vq_driver_offer(&f->ring[FRONT_TX], head);
	offered(f, FRONT_TX);
	return true;
}

/**
 * rx_addr() - Where a buffer for frames to the guest is
 * @f:		Front-end
 * @head:	Its first descriptor
 *
 * Return: guest address
 */
static uint64_t rx_addr(const struct vu_front *f, unsigned head)
{
	return FRONT_FAR + head / f->rx_per * (uint64_t)f->shape.rx_len;
}

/**
 * vu_front_pop() - Take the oldest frame that was sent to the guest
 * @f:		Front-end
 * @frame:	Set to the frame; its data is valid until the next call
 *
 * Return: false if there is none
 */
bool vu_front_pop(struct vu_front *f, struct tap_mem_frame *frame)
{
	struct vq_driver *d = &f->ring[FRONT_RX];
	struct vq_used_elem e;
	size_t len = 0;
	unsigned n = 0;

	if (!vq_driver_used(d, &e))
		return false;

	free(f->popped);
	f->popped = malloc(FRAME_LEN_MAX + sizeof(frame->vnet));
	memset(&frame->vnet, 0, sizeof(frame->vnet));
	do {
		assert_true(!n || vq_driver_used(d, &e));
		assert_true(e.id % f->rx_per == 0);
		assert_true(e.len > 0 && e.len <= f->shape.rx_len);
		assert_true(len + e.len <= FRAME_LEN_MAX + f->hdr_len);
		memcpy(f->popped + len, vu_front_at(f, rx_addr(f, e.id)),
		       e.len);
		if (!n) {
			assert_true(e.len >= f->hdr_len);
			memcpy(&frame->vnet, f->popped, f->hdr_len);
			f->merged = 1;
		}
		if (!n && f->hdr_len == sizeof(frame->vnet))
			f->merged = frame->vnet.num_buffers;
		/* All but the last one are full */
		n++;
		assert_true(n == f->merged || e.len == f->shape.rx_len);
		len += e.len;
		vq_driver_offer(d, (uint16_t)e.id);
	} while (n < f->merged);
	offered(f, FRONT_RX);

	if (!has_feature(f, VIRTIO_NET_F_MRG_RXBUF))
		assert_int_equal(n, 1);
	memcpy(frame->guest_mac, f->s->c.tap.guest_mac, MAC_LEN);
	frame->data = f->popped + f->hdr_len;
	frame->len = len - f->hdr_len;
	return true;
}

/**
 * vu_front_connect() - Connect to the device and negotiate
 * @f:		Front-end, not connected
 */
void vu_front_connect(struct vu_front *f)
{
	int pair[2];

	if (f->sock >= 0)
		close(f->sock);
	f->protocol = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	f->sock = pair[0];
	f->s->c.tap.failed = 0;
	assert_int_equal(tap_vu_attach(&f->s->c.tap, pair[1]), 0);

	assert_int_equal(f->shape.features &
			 ~vu_front_get(f, VU_GET_FEATURES), 0);
	f->protocol = vu_front_get(f, VU_GET_PROTOCOL_FEATURES);
	vu_front_set(f, VU_SET_PROTOCOL_FEATURES, f->protocol);
	vu_front_do(f, VU_SET_OWNER);
}

/**
 * rings_init() - Have empty rings, and all buffers for frames to the guest
 * @f:		Front-end
 */
static void rings_init(struct vu_front *f)
{
	size_t at = 0;
	uint16_t head;
	unsigned i;

	for (i = 0; i < FRONT_RINGS; i++)
		at += vq_driver_init(&f->ring[i], f->mem + at, f->shape.size,
				     f->shape.idx);
	assert_true(at <= TABLES);
	f->tx_head = f->tx_len = f->tx_descs = 0;

	f->rx_per = 1;
	for (i = 0; (i + 1) * f->rx_per <= f->shape.size; i++) {
		f->rx_per = cut(f, FRONT_RX, FRONT_FAR + i *
				(uint64_t)f->shape.rx_len, f->shape.rx_len,
				VRING_DESC_F_WRITE, &head);
		vq_driver_offer(&f->ring[FRONT_RX], head);
	}
}

/**
 * vu_front_ring() - Set up a ring, where it was or where it is to begin
 * @f:		Front-end, memory and features set
 * @ring:	Ring
 */
void vu_front_ring(struct vu_front *f, unsigned ring)
{
	int kick = f->shape.no_kick ? -1 : f->kick[ring];

	vu_front_ring_fd(f, VU_SET_VRING_CALL, ring, f->call[ring]);
	vu_front_ring_fd(f, VU_SET_VRING_ERR, ring, f->err[ring]);
	vu_front_state(f, VU_SET_VRING_NUM, ring, f->shape.size);
	vu_front_state(f, VU_SET_VRING_BASE, ring, f->base[ring]);
	vu_front_ring_addr(f, ring);
	vu_front_ring_fd(f, VU_SET_VRING_KICK, ring, kick);
	vu_front_state(f, VU_SET_VRING_ENABLE, ring, 1);
	vu_front_kick(f, ring);
}

/**
 * vu_front_resume() - The guest goes on where it was stopped
 * @f:		Front-end, connected
 */
void vu_front_resume(struct vu_front *f)
{
	unsigned i;

	vu_front_set(f, VU_SET_FEATURES, f->shape.features);
	vu_front_regions(f);
	for (i = 0; i < FRONT_RINGS; i++)
		vu_front_ring(f, i);
	stack_turn(f->s, 0);
}

/**
 * vu_front_start() - The guest's driver starts, with rings that are empty
 * @f:		Front-end, connected
 */
void vu_front_start(struct vu_front *f)
{
	f->hdr_len = has_feature(f, VIRTIO_F_VERSION_1) ||
		     has_feature(f, VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;
	rings_init(f);
	f->base[FRONT_RX] = f->base[FRONT_TX] = f->shape.idx;
	vu_front_resume(f);
}

/**
 * vu_front_stop() - The guest is stopped
 * @f:		Front-end, started
 */
void vu_front_stop(struct vu_front *f)
{
	struct vhost_vring_state state;
	unsigned i;

	for (i = 0; i < FRONT_RINGS; i++) {
		state = (struct vhost_vring_state){ i, 0 };
		vu_front_send(f, VU_GET_VRING_BASE, &state, sizeof(state),
			      NULL, 0);
		assert_true(vu_front_reply(f, VU_GET_VRING_BASE, &state,
					   sizeof(state)));
		assert_int_equal(state.index, i);
		f->base[i] = state.num;
	}
}

/**
 * vu_front_new() - Make a front-end and connect it, the driver started
 * @s:		Stack, its @front is set
 * @shape:	What the driver is like
 */
void vu_front_new(struct stack *s, const struct vu_shape *shape)
{
	struct vu_front *f = calloc(1, sizeof(*f));
	unsigned i;

	f->s = s;
	s->front = f;
	f->shape = *shape;
	f->sock = -1;
	f->mem_fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->mem_fd, MEM_SIZE), 0);
	f->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->mem_fd, 0);
	assert_true(f->mem != MAP_FAILED);
	for (i = 0; i < FRONT_RINGS; i++) {
		f->kick[i] = eventfd(0, EFD_CLOEXEC);
		f->call[i] = eventfd(0, EFD_CLOEXEC);
		f->err[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	vu_front_connect(f);
	vu_front_start(f);
}

/**
 * vu_front_free() - Disconnect and free all
 * @f:		Front-end
 */
void vu_front_free(struct vu_front *f)
{
	unsigned i;

	if (f->s->c.tap.ops->close)
		f->s->c.tap.ops->close(&f->s->c.tap);
	for (i = 0; i < FRONT_RINGS; i++) {
		close(f->kick[i]);
		close(f->call[i]);
		close(f->err[i]);
	}
	munmap(f->mem, MEM_SIZE);
	close(f->mem_fd);
	close(f->sock);
	free(f->popped);
	free(f);
}

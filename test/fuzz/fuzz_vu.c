// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_vu.c - a vhost-user device, between its front-end and its guest
 *
 * The device is tap_vu.c with all that belongs to it, attached to one end of a
 * pair of sockets. The input is a program: requests of the front-end, sensible
 * or not, with descriptors of all kinds; bytes that are no requests; buffers
 * that the guest offers, in rings and tables that it writes to as it likes;
 * frames to the guest; and time. After each operation the event loop turns,
 * unless the program says not yet.
 *
 * Whatever is read of frames from the guest, and written to those to it, must
 * be the guest's memory, or the device's own copy. Answers must be answers.
 * When the connection is over, nothing of it may be left: no memory, no buffer
 * taken, no descriptor.
 *
 * Time is the program's, too: the timer is an event counter here.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "own.h"
#include "passt.h"
#include "tap_vu.h"
#include "vq_driver.h"
#include "vu.h"

#define MEM_LEN		0x20000U	/* Of all there is in the file */
#define RINGS		0x4000U		/* Bytes from one to the next */
#define AVAIL		0x1000U		/* Where in that */
#define USED		0x2000U
#define TABLES		0x8000U		/* Descriptors outside of rings */
#define DATA		0x9000U		/* Everything else */
#define USER		0x7f0000000000ULL	/* At the front-end */
#define RING_MAX	256U		/* More don't fit before AVAIL */

#define OPS_MAX		64
#define TURNS_MAX	64
#define FRAMES_MAX	8
#define OP_NO_TURN	0x80
#define LEFT_MAX	64	/* Descriptors looked at when all is over */
#define NO_FD		(1U << 8)
#define MTU		65520

enum op {
	OP_SETUP, OP_REQUEST, OP_BYTES, OP_OFFER, OP_POKE, OP_KICK, OP_FRAMES,
	OP_TICK, OP_AGAIN, OPS,
};

/* What the front-end may pass on */
enum thing {
	MEMORY, KICK_TO, KICK_FROM, CALL, PIPE_READ, PIPE_WRITE, FRONT, THINGS,
};

static struct fuzz_in in;
static struct stats stats;
static struct tap tap = { .mtu = MTU, .pcap_fd = -1, .stats = &stats };
static struct vu *vu;
static int things[THINGS];
static int timer;
static uint8_t *mem;

/* Memory as a front-end may tell of it: two that follow each other, one of the
 * same bytes elsewhere, one that nothing is aligned in; those from the fifth on
 * are wrong, by themselves or together with others
 */
static const struct vu_mem_desc regions[] = {
	{ 0, 0x10000, USER, 0 },
	{ 0x10000, 0x10000, USER + 0x10000, 0x10000 },
	{ 0x40000, 0x8000, USER + 0x40000, 0x9000 },
	{ 0x80001, 777, USER + 0x80003, 0x9123 },
	{ 0x8000, 0x10000, USER + 0x200000, 0 },
	{ 0x200000, 0, USER + 0x300000, 0 },
	{ 0x300000, 0x10000, USER + 0x400000, 0x18000 },
	{ UINT64_MAX - 0xfff, 0x1000, UINT64_MAX - 0xfff, 0 },
};

static const uint64_t features[] = {
	0, 1ULL << VIRTIO_F_VERSION_1, 1ULL << VIRTIO_NET_F_MRG_RXBUF,
	1ULL << 29 /* VIRTIO_RING_F_EVENT_IDX */,
	1ULL << 28 /* VIRTIO_RING_F_INDIRECT_DESC */,
	1ULL << VIRTIO_NET_F_GUEST_CSUM, 1ULL << VIRTIO_NET_F_GUEST_TSO4,
	3ULL << 54 /* VIRTIO_NET_F_GUEST_USO4 and 6 */,
};

static const uint32_t numbers[] = {
	0, 1, 2, 8, 64, 256, 3, 0xffff, 0x10000, 0x8000, UINT32_MAX,
};

/**
 * timerfd_create() - See timerfd_create(2)
 */
int timerfd_create(int clock, int flags)
{
	(void)clock;
	(void)flags;
	timer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return timer;
}

/**
 * timerfd_settime() - See timerfd_settime(2): OP_TICK has it expire
 */
int timerfd_settime(int fd, int flags, const struct itimerspec *when,
		    struct itimerspec *old)
{
	eventfd_t count;

	(void)flags;
	(void)when;
	(void)old;
	assert_int_equal(fd, timer);
	eventfd_read(timer, &count);
	return 0;
}

/**
 * is_guests() - Is this the guest's memory, as the device was told of it?
 * @iov:	Bytes
 *
 * Return: true if all of them are
 */
static bool is_guests(const struct iovec *iov)
{
	const uint8_t *p = iov->iov_base;
	unsigned i;

	for (i = 0; i < vu->mem.count; i++) {
		const struct vu_mem_region *r = &vu->mem.regions[i];

		if (p >= r->host && iov->iov_len <= r->desc.size &&
		    (size_t)(p - r->host) <= r->desc.size - iov->iov_len)
			return true;
	}
	return false;
}

/**
 * close_link() - As link.c does after the link has failed
 */
static void close_link(void)
{
	if (tap.fd < 0)
		return;
	tap.ops->close(&tap);
	assert_int_equal(vu->mem.count, 0);
	assert_int_equal(vu->to_guest.first, vu->to_guest.end);
	assert_int_equal(vu->lent_cnt, 0);
	tap_attach_none(&tap);
}

/**
 * take_frames() - Take what the guest has sent, and look at all of it
 */
static void take_frames(void)
{
	struct frame frames[TAP_BATCH_MAX];
	volatile uint8_t sum = 0;
	int n = tap_recv(&tap, frames, TAP_BATCH_MAX), i;
	size_t k, j, len;

	for (i = 0; i < n; i++) {
		assert_true(frames[i].iov_cnt <= FRAME_IOV_MAX);
		for (len = k = 0; k < frames[i].iov_cnt; k++) {
			const struct iovec *iov = &frames[i].iov[k];
			const uint8_t *p = iov->iov_base;

			assert_true(is_guests(iov) ||
				    (p >= vu->flat && p + iov->iov_len <=
				     vu->flat + sizeof(vu->flat)));
			for (j = 0; j < iov->iov_len; j++)
				sum = (uint8_t)(sum + p[j]);
			len += j;
		}
		assert_int_equal(len, frames[i].len);
		assert_true(len <= FRAME_LEN_MAX);
	}
	tap_release(&tap);
}

/**
 * take_answers() - Read what the device has answered
 */
static void take_answers(void)
{
	static uint8_t buf[16384];
	ssize_t n = recv(things[FRONT], buf, sizeof(buf), MSG_DONTWAIT);
	size_t off = 0;
	struct vu_hdr h;

	while (n > 0 && off < (size_t)n) {
		assert_true((size_t)n - off >= sizeof(h));
		memcpy(&h, buf + off, sizeof(h));
		assert_int_equal(h.flags, VU_VERSION | VU_FLAG_REPLY);
		assert_true(h.size == 8);
		off += sizeof(h) + h.size;
	}
	assert_true(n <= 0 || off == (size_t)n);
}

/**
 * turn() - Turns of the event loop, as link_event() has it
 */
static void turn(void)
{
	struct epoll_event ev[VU_RINGS + 2];
	unsigned turns = 0;
	int n, i, rc;

	do {
		n = epoll_wait(tap.epollfd, ev, ARRAY_SIZE(ev), 0);
		for (i = 0; i < n && !tap.failed && tap.fd >= 0; i++) {
			union event_ref ref = { .u64 = ev[i].data.u64 };

			rc = tap.ops->event(&tap, (int)ref.index,
					    ev[i].events);
			if (rc > 0)
				take_frames();
			else if (rc < 0)
				tap_fail(&tap, -rc);
		}
		if (tap.more && !tap.failed)
			take_frames();
		if (tap.failed)
			close_link();
		else
			tap_flush(&tap);
		take_answers();
	} while ((n > 0 || tap.more) && turns++ < TURNS_MAX);
}

/**
 * send_bytes() - Send something to the device
 * @data:	Bytes
 * @len:	How many
 * @give:	Descriptors to go with them
 * @count:	How many
 */
static void send_bytes(const void *data, size_t len, const int *give,
		       unsigned count)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * (VU_FDS_MAX + 2))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.align;

	if (count) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), give, sizeof(int) * count);
	}
	sendmsg(things[FRONT], &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/**
 * request() - Send a request
 * @id:		Which one
 * @payload:	Payload
 * @len:	Its bytes
 * @give:	Descriptors
 * @count:	How many
 */
static void request(uint32_t id, const void *payload, uint32_t len,
		    const int *give, unsigned count)
{
	uint8_t buf[sizeof(struct vu_hdr) + sizeof(union vu_payload)];
	struct vu_hdr h = { id, VU_VERSION, len };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), payload, len);
	send_bytes(buf, sizeof(h) + len, give, count);
}

/**
 * put_features() - Some of the features
 * @b:		Which of them
 *
 * Return: features
 */
static uint64_t put_features(uint8_t b)
{
	uint64_t u64 = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		u64 |= b & 1U << i ? features[i] : 0;
	return u64;
}

/**
 * setup_ring() - Have a ring run, as front-ends do
 * @i:		Ring
 * @size:	Entries
 * @polled:	The guest wakes nobody up
 */
static void setup_ring(unsigned i, uint32_t size, bool polled)
{
	struct vhost_vring_state state = { i, size };
	struct vhost_vring_addr addr = {
		.index = i, .desc_user_addr = USER + i * RINGS,
		.avail_user_addr = USER + i * RINGS + AVAIL,
		.used_user_addr = USER + i * RINGS + USED,
	};
	uint64_t u64 = i | (polled ? NO_FD : 0);

	request(VU_SET_VRING_NUM, &state, sizeof(state), NULL, 0);
	state.num = 0;
	request(VU_SET_VRING_BASE, &state, sizeof(state), NULL, 0);
	request(VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	request(VU_SET_VRING_KICK, &u64, 8, &things[KICK_TO + i], !polled);
	u64 = i;
	request(VU_SET_VRING_CALL, &u64, 8, &things[CALL], 1);
	state.num = 1;
	request(VU_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
}

/**
 * op_setup() - All that it takes to carry frames
 */
static void op_setup(void)
{
	uint8_t how = fuzz_u8(&in);
	const int give[] = { things[MEMORY], things[MEMORY] };
	union vu_payload p = { .table = { .count = 2 } };
	uint64_t u64 = put_features(how) |
		       1ULL << 30 /* VHOST_USER_F_PROTOCOL_FEATURES */;
	unsigned i;

	request(VU_SET_FEATURES, &u64, 8, NULL, 0);
	memcpy(p.table.desc, regions, 2 * sizeof(regions[0]));
	request(VU_SET_MEM_TABLE, &p, VU_TABLE_HDR_LEN +
		2 * sizeof(regions[0]), give, 2);
	for (i = 0; i < VU_RINGS; i++)
		setup_ring(i, how & 1 ? 8 : RING_MAX, how == 0x55);
	turn();
}

/**
 * put_addr() - Where a ring shall be, mostly where one is
 * @ring:	Ring
 * @off:	Where in there
 *
 * Return: address
 */
static uint64_t put_addr(unsigned ring, uint32_t off)
{
	uint8_t b = fuzz_u8(&in);
	uint64_t addr = USER + (ring & 1) * RINGS + off;

	if (b & 1)
		addr = USER + MEM_LEN - (b & 0xf8U);
	if (b & 2)
		addr += b >> 2;
	return b == 0xff ? UINT64_MAX - 15 : addr;
}

/**
 * put_table() - Describe some memory
 * @b:		How many regions are told to be there, and how many are
 * @p:		Filled
 *
 * Return: bytes
 */
static uint32_t put_table(uint8_t b, union vu_payload *p)
{
	unsigned i;

	p->table.count = b >> 4;
	for (i = 0; i < (b & 7U); i++)
		p->table.desc[i] = regions[fuzz_u8(&in) % ARRAY_SIZE(regions)];
	return (uint32_t)(VU_TABLE_HDR_LEN + i * sizeof(regions[0]));
}

/**
 * put_payload() - Make what a request carries
 * @id:		Request
 * @p:		Filled
 *
 * Return: bytes
 */
static uint32_t put_payload(uint32_t id, union vu_payload *p)
{
	uint8_t b = fuzz_u8(&in);
	uint32_t num = numbers[(b >> 2) % ARRAY_SIZE(numbers)];

	switch (id) {
	case VU_SET_MEM_TABLE:
		return put_table(b, p);
	case VU_ADD_MEM_REG:
	case VU_REM_MEM_REG:
		p->region.desc = regions[b % ARRAY_SIZE(regions)];
		return sizeof(p->region);
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_GET_VRING_BASE:
	case VU_SET_VRING_ENABLE:
		p->state = (struct vhost_vring_state){ b & 3, num };
		return sizeof(p->state);
	case VU_SET_VRING_ADDR:
		p->addr = (struct vhost_vring_addr){
			.index = b & 3,
			.desc_user_addr = put_addr(b, 0),
			.avail_user_addr = put_addr(b, AVAIL),
			.used_user_addr = put_addr(b, USED),
		};
		return sizeof(p->addr);
	case VU_SET_FEATURES:
		p->u64 = put_features(b);
		return sizeof(p->u64);
	case VU_SET_PROTOCOL_FEATURES:
		/* All there are, or any */
		p->u64 = b & 1 ? 0xa019 : fuzz_u16(&in);
		return sizeof(p->u64);
	case VU_NET_SET_MTU:
		p->u64 = b & 1 ? num : b * 40U;
		return sizeof(p->u64);
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
		p->u64 = (b & 3) | (b & 4 ? NO_FD : 0);
		return sizeof(p->u64);
	default:
		return b > 250 ? sizeof(p->u64) : 0;
	}
}

/**
 * op_request() - A request, and all that may be wrong with it
 */
static void op_request(void)
{
	uint8_t buf[sizeof(struct vu_hdr) + sizeof(union vu_payload)] = { 0 };
	union vu_payload p = { .u64 = 0 };
	uint8_t id = fuzz_u8(&in), how = fuzz_u8(&in), i;
	struct vu_hdr h = { id % (VU_REQUESTS + 1), VU_VERSION, 0 };
	int give[VU_FDS_MAX + 2] = { 0 };

	h.size = put_payload(h.request, &p);
	memcpy(buf + sizeof(h), &p, h.size);
	if (how & 0x80)
		h.flags |= VU_FLAG_NEED_REPLY;
	if (how & 0x40)
		h.size += (uint32_t)(int8_t)fuzz_u8(&in);
	if (how & 0x20)
		h.flags ^= fuzz_u8(&in);
	memcpy(buf, &h, sizeof(h));
	for (i = 0; i < MIN(how & 15U, ARRAY_SIZE(give)); i++)
		give[i] = things[fuzz_u8(&in) % THINGS];
	send_bytes(buf, MIN(sizeof(h) + h.size, sizeof(buf)), give, i);
}

/**
 * op_bytes() - What may be no request at all, or parts of one
 */
static void op_bytes(void)
{
	size_t len = fuzz_u8(&in) & 63U;
	uint8_t fds = fuzz_u8(&in);

	len = MIN(len, in.len);
	send_bytes(in.p, len, &things[fds % THINGS], len && fds & 0x80);
	in.p += len;
	in.len -= len;
}

/**
 * put_desc() - Write a descriptor, mostly a sensible one
 * @d:		Where to
 * @flags:	Of a buffer of this ring
 * @next:	The one that follows
 */
static void put_desc(struct vq_desc *d, uint16_t flags, unsigned next)
{
	static const uint64_t addrs[] = {
		DATA, 0x10000 - 64, 0x40000, 0x80001, MEM_LEN - 64, TABLES, 0,
		UINT64_MAX - 64,
	};
	uint8_t where = fuzz_u8(&in), len = fuzz_u8(&in), how = fuzz_u8(&in);

	*d = (struct vq_desc){
		.addr = addrs[where & 7] + (where >> 3) * 64U,
		.len = len & 0x80 ? (len & 0x7fU) * 520U : len,
		.flags = (uint16_t)(flags ^ (how & 7)), .next = (uint16_t)next,
	};
	if (how & 0x10)
		d->len = UINT32_MAX - len;
	if (how & 0x20)
		d->next = fuzz_u8(&in);
}

/**
 * op_offer() - The guest offers a buffer
 */
static void op_offer(void)
{
	uint8_t how = fuzz_u8(&in), i, count = (how >> 2) & 7;
	unsigned ring = how & 1;
	struct vq_desc *table = (struct vq_desc *)(mem + ring * RINGS);
	struct vq_avail *avail = (struct vq_avail *)((uint8_t *)table + AVAIL);
	uint32_t size = vu->ring[ring].q.size;
	uint16_t flags = ring == VU_TO_GUEST ? VRING_DESC_F_WRITE : 0;
	unsigned head;

	if (!size || size > RING_MAX)
		size = RING_MAX;
	head = (unsigned)(avail->idx * 3U) % size;
	if (how & 2) {
		table[head] = (struct vq_desc){ TABLES, count * 16U, 4, 0 };
		table = (struct vq_desc *)(mem + TABLES);
	}
	for (i = 0; i < count; i++) {
		unsigned at = how & 2 ? i : (head + i) % size;

		put_desc(&table[at], flags | (i + 1 < count ?
					      VRING_DESC_F_NEXT : 0),
			 how & 2 ? i + 1U : (at + 1) % size);
	}
	avail->ring[avail->idx % size] = (uint16_t)head;
	avail->idx++;
	if (how & 0x40)
		eventfd_write(things[KICK_TO + ring], 1);
}

/**
 * op_poke() - The guest writes to its memory
 */
static void op_poke(void)
{
	uint16_t at = fuzz_u16(&in);
	uint8_t value = fuzz_u8(&in);

	mem[at % DATA] = value;
}

/**
 * op_kick() - Somebody signals
 */
static void op_kick(void)
{
	uint8_t how = fuzz_u8(&in);

	if (how & 4)
		write(things[PIPE_WRITE], "12345678", 1 + (how >> 5));
	else
		eventfd_write(things[KICK_TO + (how & 1)], 1 + (how >> 3));
}

/**
 * check_frame() - Look at a reserved frame
 * @f:		Frame
 * @len:	Bytes that it was asked for
 *
 * It isn't written to, as the rings, which may be in there, are the input's.
 */
static void check_frame(const struct frame *f, size_t len)
{
	size_t i, room = 0;

	assert_true(f->iov_cnt <= FRAME_IOV_MAX);
	for (i = 0; i < f->iov_cnt; i++) {
		assert_true(is_guests(&f->iov[i]));
		room += f->iov[i].iov_len;
	}
	assert_true(room >= len);
}

/**
 * op_frames() - Frames to the guest, handed on or taken back in any order
 */
static void op_frames(void)
{
	struct frame f[FRAMES_MAX] = { { .len = 0 } };
	uint8_t how = fuzz_u8(&in), i, count = 0;
	size_t len[FRAMES_MAX];

	for (i = 0; i <= (how & 7); i++) {
		len[i] = ETH_HLEN + fuzz_len(&in) * (how & 8 ? 9 : 1);
		if (tap_reserve(&tap, len[i], &f[i]))
			break;
		check_frame(&f[i], len[i]);
		count++;
	}
	for (i = 0; i < count; i++) {
		uint8_t which = how & 16 ? count - 1U - i : i;
		uint8_t what = fuzz_u8(&in);

		memset(&f[which].vnet, 0, sizeof(f[which].vnet));
		if (what & 1)
			tap_cancel(&tap, &f[which]);
		else
			tap_commit(&tap, &f[which], what & 2 ?
				   MIN(len[which], 20U) : len[which]);
	}
}

/**
 * op_tick() - The timer expires
 */
static void op_tick(void)
{
	eventfd_write(timer, 1);
}

/**
 * open_fds() - Which descriptors are there?
 *
 * Return: a bit for each of the lowest that nothing had at start-up
 */
static uint64_t open_fds(void)
{
	struct pollfd p[LEFT_MAX];
	uint64_t bits = 0;
	int i;

	for (i = 0; i < LEFT_MAX; i++)
		p[i] = (struct pollfd){ .fd = timer + 1 + i };
	poll(p, LEFT_MAX, 0);
	for (i = 0; i < LEFT_MAX; i++)
		bits |= (uint64_t)!(p[i].revents & POLLNVAL) << i;
	return bits;
}

/**
 * make_things() - All that the front-end has, and its connection
 */
static void make_things(void)
{
	int pair[2], i;

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	things[FRONT] = pair[0];
	for (i = KICK_TO; i <= CALL; i++)
		things[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pipe2(&things[PIPE_READ], O_CLOEXEC | O_NONBLOCK);
	assert_int_equal(tap_vu_attach(&tap, pair[1]), 0);
}

/**
 * close_things() - The front-end goes
 */
static void close_things(void)
{
	int i;

	/* The device may have been given this end of it, too */
	shutdown(things[FRONT], SHUT_RDWR);
	close(things[FRONT]);
	turn();
	assert_int_equal(tap.fd, -1);
	for (i = KICK_TO; i < FRONT; i++)
		close(things[i]);
}

/**
 * op_again() - The front-end goes, and another one comes
 */
static void op_again(void)
{
	close_things();
	make_things();
}

static void (*const ops[OPS])(void) = {
	[OP_SETUP] = op_setup, [OP_REQUEST] = op_request,
	[OP_BYTES] = op_bytes, [OP_OFFER] = op_offer, [OP_POKE] = op_poke,
	[OP_KICK] = op_kick, [OP_FRAMES] = op_frames, [OP_TICK] = op_tick,
	[OP_AGAIN] = op_again,
};

/**
 * start() - What is there from start-up on, once; the timer comes last
 */
static void start(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, MEM_LEN), 0);
	mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mem != MAP_FAILED);
	things[MEMORY] = fd;
	tap.epollfd = epoll_create1(EPOLL_CLOEXEC);
	tap_attach_none(&tap);
	tap_vu_init(&tap);
	vu = tap.priv;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t fds;
	unsigned i;

	if (!mem)
		start();
	fds = open_fds();
	in = (struct fuzz_in){ data, size };
	memset(mem, 0, MEM_LEN);
	make_things();
	for (i = 0; in.len && i < OPS_MAX; i++) {
		uint8_t op = fuzz_u8(&in);

		ops[(op & ~OP_NO_TURN) % OPS]();
		if (!(op & OP_NO_TURN))
			turn();
		if (tap.fd < 0)
			op_again();
	}
	close_things();
	assert_int_equal(open_fds(), fds);
	return 0;
}

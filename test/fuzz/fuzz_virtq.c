// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_virtq.c - a virtqueue in memory that a guest has written
 *
 * The input: size and features of the ring, the guest's avail ring, and its
 * descriptors in six bytes each, of which most make sense: in one of two
 * regions of memory, near an end, or beyond it. Then operations: take a
 * buffer and look at every byte it is said to have, give it back, have the
 * guest offer more, or change a descriptor under way.
 *
 * Elements must lie in the guest's memory, and not be more than there is room
 * for; bytes beyond the memory aren't mapped.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <endian.h>
#include <linux/virtio_ring.h>

#include "own.h"
#include "util.h"
#include "virtq.h"
#include "vu_mem.h"

#define REGION			0x10000	/* Bytes */
#define GAP			0x30000	/* From one region to the other */
#define USER			0x7f0000000000ULL	/* At the front-end */
#define IOVS			20
#define OPS_MAX			64
#define DATA			0x8000	/* Behind the rings */

static struct vu_mem mem;
static uint8_t *base;
static struct fuzz_in in;

/**
 * make_memory() - Two regions of one file, once
 */
static void make_memory(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	unsigned i;

	assert_int_equal(ftruncate(fd, 2 * REGION), 0);
	for (i = 0; i < 2; i++) {
		struct vu_mem_desc d = {
			.guest_addr = i * GAP, .size = REGION,
			.user_addr = USER + i * GAP, .offset = i * REGION,
		};

		assert_int_equal(vu_mem_add(&mem, &d, fd), 0);
	}
	close(fd);
	base = vu_mem_user(&mem, USER, REGION);
	assert_non_null(base);
}

/**
 * put_desc() - Write a descriptor
 * @d:		Where to
 */
static void put_desc(struct vring_desc *d)
{
	static const uint64_t bases[] = {
		DATA, REGION - 64, GAP, GAP + REGION - 64, REGION, GAP - 64,
		UINT64_MAX - 64, 0,
	};
	uint8_t how = fuzz_u8(&in);
	uint64_t addr = bases[how & 7] + fuzz_u8(&in);
	uint32_t len = fuzz_u8(&in);

	if (how & 8)
		len *= 16;
	if (how & 16)
		len = UINT32_MAX - len;
	*d = (struct vring_desc){
		.addr = htole64(addr), .len = htole32(len),
		.flags = htole16(fuzz_u8(&in) & 7),
		.next = htole16(fuzz_u8(&in)),
	};
}

/**
 * touch() - Read, or write to, every byte of a buffer
 * @c:		Buffer
 * @writable:	Write
 */
static void touch(const struct virtq_chain *c, bool writable)
{
	volatile uint8_t sum = 0;
	size_t i, k;

	assert_true(c->cnt <= c->max);
	for (i = 0; i < c->cnt; i++) {
		uint8_t *p = c->iov[i].iov_base;
		bool found = false;

		for (k = 0; k < mem.count; k++) {
			const struct vu_mem_region *r = &mem.regions[k];

			found |= p >= r->host &&
				 c->iov[i].iov_len <= r->desc.size &&
				 (size_t)(p - r->host) <=
				 r->desc.size - c->iov[i].iov_len;
		}
		assert_true(found);
		for (k = 0; k < c->iov[i].iov_len; k++) {
			/* Not over the rings, which stay as the input says */
			if (writable && p + k >= base + DATA)
				p[k] = 0x5a;
			else
				sum = (uint8_t)(sum + p[k]);
		}
	}
}

/**
 * take() - Take a buffer, look at it, and give it back
 * @q:		Ring
 * @how:	Bits: 1 read a header first, 2 few elements, 4 put it back
 * @writable:	It is one to write to
 */
static void take(struct virtq *q, uint8_t how, bool writable)
{
	struct iovec iov[IOVS];
	struct virtq_chain c = { .iov = iov, .max = how & 2 ? 1 : IOVS };
	uint8_t head[12];
	uint16_t first;
	int rc;

	if (!virtq_take(q, &first))
		return;
	assert_true(first < q->size);
	if (how & 1)
		virtq_read(q, first, head, sizeof(head));
	rc = virtq_chain(q, first, writable, &c);
	assert_true(!rc || rc == -E2BIG || (rc == -EIO && q->broken));
	if (rc == -EIO)
		return;
	touch(&c, writable);
	if (how & 4)
		virtq_untake(q, 1);
	else
		virtq_use(q, first, (uint32_t)MIN(c.len, UINT16_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtq q = { .mem = &mem };
	struct virtq_addrs a = { .desc = USER };
	struct vring_avail *avail;
	struct vring_desc *desc;
	unsigned i, features;
	uint16_t idx;

	if (!base)
		make_memory();
	in = (struct fuzz_in){ data, size };
	features = fuzz_u8(&in);
	q.size = 1U << (fuzz_u8(&in) % 7);
	q.event_idx = features & 1;
	q.indirect = features & 2;
	idx = (uint16_t)(fuzz_u8(&in) * 257U);
	a.avail = USER + 0x2000 + (features & 16 ? 2 : 0);
	a.used = USER + 0x3000;
	if (features & 8)
		a.used = USER + REGION - 8;
	assert_true(virtq_size_is_valid(q.size));

	memset(base, 0, DATA + 0x100);
	desc = (struct vring_desc *)base;
	avail = (struct vring_avail *)(base + (a.avail - USER));
	avail->idx = htole16((uint16_t)(idx + (fuzz_u8(&in) & 0x7f)));
	avail->flags = htole16(features >> 7);
	for (i = 0; i < q.size; i++)
		avail->ring[i] = htole16(fuzz_u8(&in));
	for (i = 0; i < q.size; i++)
		put_desc(&desc[i]);
	/* A table to refer to */
	for (i = 0; i < 4; i++)
		put_desc((struct vring_desc *)(base + DATA) + i);

	if (!virtq_addrs_are_valid(&a) || !virtq_map(&q, &a))
		return 0;
	virtq_start(&q, idx);
	for (i = 0; in.len && i < OPS_MAX; i++) {
		uint8_t op = fuzz_u8(&in);

		if ((op & 7) < 4)
			take(&q, op >> 3, features & 4);
		else if ((op & 7) == 4)
			virtq_flush(&q);
		else if (op == 5)
			virtq_unwatch(&q);
		else if ((op & 7) == 5)
			virtq_watch(&q);
		else if ((op & 7) == 6)
			avail->idx = htole16((uint16_t)(le16toh(avail->idx) +
							(op >> 3)));
		else
			put_desc(&desc[(op >> 3) % q.size]);
		virtq_has_more(&q);
		virtq_is_full(&q);
	}
	virtq_unmap(&q);
	return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
/* vu_mem.c - memory of a guest that its hypervisor shares with us
 *
 * The front-end passes a descriptor for each region of the guest's memory; it
 * is mapped here, and addresses are translated: those of the guest, which are
 * in descriptors of rings, and those of the front-end, which name the rings.
 * Nothing else in the program turns such an address into a pointer.
 *
 * Invariants: regions are sorted by guest address and don't overlap, neither
 * in the guest nor in the front-end; none wraps around at the end of its
 * address space; each lies within its file as that was when it was mapped.
 *
 * The guest writes to this memory whenever it likes: what is read from it is
 * copied once, then checked.
 *
 * A file that is cut while it is mapped here makes an access behind its end
 * kill us (SIGBUS). Only the front-end could do that, not the guest. It is the
 * hypervisor, which already decides on our life: it owns the socket.
 *
 * Regions come while the program runs: mmap() and munmap() are called after
 * start-up, here and nowhere else.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "syscalls.h"
#include "util.h"
#include "vu_mem.h"

/* What is called after start-up, see seccomp.c */
const char vu_mem_syscalls[] = "fstat mmap munmap";

/* Of blocks: a file of huge pages can only be mapped in multiples of these */
#define BLOCK_MIN	4096U
#define BLOCK_MAX	(1U << 30)

/**
 * ranges_overlap() - Do two ranges have a byte in common?
 * @a:		Start of the first
 * @a_len:	Its bytes, doesn't wrap around
 * @b:		Start of the second
 * @b_len:	Its bytes, doesn't wrap around
 *
 * Return: true if so
 */
static bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b,
			   uint64_t b_len)
{
	return a < b ? b - a < a_len : a - b < b_len;
}

/**
 * desc_is_valid() - Can there be a region like this, besides the others?
 * @m:		Memory
 * @d:		Region
 *
 * Return: false if it is empty, wraps around, or overlaps another
 */
static bool desc_is_valid(const struct vu_mem *m, const struct vu_mem_desc *d)
{
	unsigned i;

	if (!d->size || d->size - 1 > UINT64_MAX - d->guest_addr ||
	    d->size - 1 > UINT64_MAX - d->user_addr ||
	    d->size > UINT64_MAX - d->offset)
		return false;

	for (i = 0; i < m->count; i++) {
		const struct vu_mem_desc *o = &m->regions[i].desc;

		if (ranges_overlap(d->guest_addr, d->size, o->guest_addr,
				   o->size) ||
		    ranges_overlap(d->user_addr, d->size, o->user_addr,
				   o->size))
			return false;
	}
	return true;
}

/**
 * region_map() - Map a region
 * @r:		Region, its @desc valid, the rest to be filled
 * @fd:		File that it is part of
 *
 * Only regular files are taken, which memfd and huge pages are too: of others,
 * such as devices, nobody knows how long they are.
 *
 * Return: 0, -EBADF if it is no regular file, -EINVAL if it isn't within it,
 *	   -errno of mmap(2)
 *
 * Source: mmap(2), notes on huge pages
 */
static int region_map(struct vu_mem_region *r, int fd)
{
	const struct vu_mem_desc *d = &r->desc;
	uint64_t block, start, len;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if (st.st_size < 0 || d->offset + d->size > (uint64_t)st.st_size)
		return -EINVAL;

	block = (uint64_t)st.st_blksize;
	if (block < BLOCK_MIN || block > BLOCK_MAX || block & (block - 1))
		block = BLOCK_MIN;
	start = ROUND_DOWN(d->offset, block);
	len = d->offset - start + d->size;
	if (len > SIZE_MAX - block || start > INT64_MAX)
		return -EINVAL;
	len = ROUND_DOWN(len + block - 1, block);

	r->map = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	if (r->map == MAP_FAILED)
		return -errno;
	r->map_len = (size_t)len;
	r->host = (uint8_t *)r->map + (d->offset - start);
	return 0;
}

/**
 * vu_mem_add() - Map a further region
 * @m:		Memory
 * @d:		Region
 * @fd:		File that it is part of; remains the caller's, who may close it
 *
 * Return: 0, -ENOSPC if there are too many, -EINVAL if it is empty, wraps
 *	   around, overlaps another or isn't within its file, -EBADF if that is
 *	   no regular file, other -errno if it can't be mapped
 */
int vu_mem_add(struct vu_mem *m, const struct vu_mem_desc *d, int fd)
{
	struct vu_mem_region r = { .desc = *d };
	unsigned i;
	int rc;

	if (m->count == VU_MEM_REGIONS_MAX)
		return -ENOSPC;
	if (!desc_is_valid(m, d))
		return -EINVAL;
	rc = region_map(&r, fd);
	if (rc)
		return rc;

	for (i = m->count++; i; i--) {
		if (m->regions[i - 1].desc.guest_addr < d->guest_addr)
			break;
		m->regions[i] = m->regions[i - 1];
	}
	m->regions[i] = r;
	return 0;
}

/**
 * vu_mem_remove() - Unmap a region
 * @m:		Memory
 * @d:		Region, found by all but its offset
 *
 * Return: 0, -ENOENT if there is none like this
 */
int vu_mem_remove(struct vu_mem *m, const struct vu_mem_desc *d)
{
	unsigned i;

	for (i = 0; i < m->count; i++) {
		const struct vu_mem_desc *o = &m->regions[i].desc;

		if (o->guest_addr == d->guest_addr && o->size == d->size &&
		    o->user_addr == d->user_addr)
			break;
	}
	if (i == m->count)
		return -ENOENT;

	munmap(m->regions[i].map, m->regions[i].map_len);
	m->count--;
	memmove(&m->regions[i], &m->regions[i + 1],
		(m->count - i) * sizeof(m->regions[0]));
	return 0;
}

/**
 * vu_mem_clear() - Unmap all regions
 * @m:		Memory
 */
void vu_mem_clear(struct vu_mem *m)
{
	while (m->count) {
		m->count--;
		munmap(m->regions[m->count].map, m->regions[m->count].map_len);
	}
}

/**
 * region_find() - Find the region that a guest address is in
 * @m:		Memory
 * @guest_addr:	Address
 *
 * Return: the region, NULL if there is none
 */
static const struct vu_mem_region *region_find(const struct vu_mem *m,
					       uint64_t guest_addr)
{
	unsigned lo = 0, hi = m->count;

	/* The first one that begins behind the address ends up at @hi */
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (m->regions[mid].desc.guest_addr <= guest_addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!hi || guest_addr - m->regions[hi - 1].desc.guest_addr >=
		   m->regions[hi - 1].desc.size)
		return NULL;
	return &m->regions[hi - 1];
}

/**
 * vu_mem_iov() - Describe a range of the guest's memory
 * @m:		Memory
 * @guest_addr:	Start of the range
 * @len:	Its bytes
 * @iov:	Elements to fill: more than one if the range goes on in regions
 *		that follow without a gap
 * @max:	Room in @iov
 *
 * Return: elements filled, -EFAULT if a part of the range is no memory,
 *	   -E2BIG if @max is too little
 */
int vu_mem_iov(const struct vu_mem *m, uint64_t guest_addr, size_t len,
	       struct iovec *iov, size_t max)
{
	size_t n = 0;

	if (len > UINT64_MAX - guest_addr)
		return -EFAULT;

	while (len) {
		const struct vu_mem_region *r = region_find(m, guest_addr);
		uint64_t off, part;

		if (!r)
			return -EFAULT;
		if (n == max)
			return -E2BIG;
		off = guest_addr - r->desc.guest_addr;
		part = MIN(r->desc.size - off, len);
		iov[n++] = (struct iovec){ r->host + off, (size_t)part };
		guest_addr += part;
		len -= (size_t)part;
	}
	return (int)n;
}

/**
 * vu_mem_read() - Copy from the guest's memory
 * @m:		Memory
 * @guest_addr:	Where from
 * @dst:	Where to, @len bytes
 * @len:	How many
 *
 * Return: false if a part of the range is no memory
 */
bool vu_mem_read(const struct vu_mem *m, uint64_t guest_addr, void *dst,
		 size_t len)
{
	uint8_t *to = dst;
	struct iovec part;

	while (len) {
		int rc = vu_mem_iov(m, guest_addr, len, &part, 1);

		if (rc == -EFAULT)
			return false;
		memcpy(to, part.iov_base, part.iov_len);
		to += part.iov_len;
		guest_addr += part.iov_len;
		len -= part.iov_len;
	}
	/* What was copied is what is used, even if the original changes */
	__asm__ volatile("" : : : "memory");
	return true;
}

/**
 * vu_mem_user() - Find what the front-end knows by an address of its own
 * @m:		Memory
 * @user_addr:	Address
 * @len:	Bytes needed there
 *
 * O(regions): rings are set up seldom.
 *
 * Return: pointer, NULL if the range isn't within one region
 */
void *vu_mem_user(const struct vu_mem *m, uint64_t user_addr, size_t len)
{
	unsigned i;

	for (i = 0; i < m->count; i++) {
		const struct vu_mem_region *r = &m->regions[i];
		uint64_t off = user_addr - r->desc.user_addr;

		if (user_addr >= r->desc.user_addr && off < r->desc.size &&
		    len <= r->desc.size - off)
			return r->host + off;
	}
	return NULL;
}

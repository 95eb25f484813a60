/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_MEM_H
#define VU_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Regions of guest memory at once: one of RAM below and one above 4 GiB, and
 * a slot of its own for each memory module that is plugged in later
 */
#define VU_MEM_REGIONS_MAX	64

/**
 * struct vu_mem_desc - a region as the front-end describes it
 * @guest_addr:		Where the guest has it
 * @size:		Bytes
 * @user_addr:		Where the front-end has it mapped
 * @offset:		Where it begins in its file, bytes
 *
 * Source: QEMU, docs/interop/vhost-user.rst, memory regions description
 */
struct vu_mem_desc {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t offset;
};

/**
 * struct vu_mem_region - a region that is mapped
 * @desc:	What the front-end said
 * @host:	Where its first byte is here
 * @map:	Mapping that it lies in
 * @map_len:	Bytes of the mapping
 */
struct vu_mem_region {
	struct vu_mem_desc desc;
	uint8_t *host;
	void *map;
	size_t map_len;
};

/**
 * struct vu_mem - the guest's memory
 * @regions:	Regions by ascending guest address, without overlap
 * @count:	How many
 */
struct vu_mem {
	struct vu_mem_region regions[VU_MEM_REGIONS_MAX];
	unsigned count;
};

int vu_mem_add(struct vu_mem *m, const struct vu_mem_desc *d, int fd);
int vu_mem_remove(struct vu_mem *m, const struct vu_mem_desc *d);
void vu_mem_clear(struct vu_mem *m);
int vu_mem_iov(const struct vu_mem *m, uint64_t guest_addr, size_t len,
	       struct iovec *iov, size_t max);
bool vu_mem_read(const struct vu_mem *m, uint64_t guest_addr, void *dst,
		 size_t len);
void *vu_mem_user(const struct vu_mem *m, uint64_t user_addr, size_t len);

#endif /* VU_MEM_H */

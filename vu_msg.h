/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_MSG_H
#define VU_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vhost_types.h>

#include "vu_mem.h"

/* All of this: QEMU, docs/interop/vhost-user.rst */

#define VU_VERSION		1U
#define VU_FLAG_VERSION_MASK	3U
#define VU_FLAG_REPLY		(1U << 2)
#define VU_FLAG_NEED_REPLY	(1U << 3)

#define VU_FDS_MAX		8	/* With one message: a memory table */
#define VU_TABLE_MAX		8	/* Regions in one memory table */

/**
 * enum vu_request - requests of the front-end that we know
 * @VU_REQUESTS:	Number behind the last one
 */
enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_NET_SET_MTU = 20,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_REQUESTS,
};

/**
 * struct vu_hdr - what each message begins with
 * @request:	enum vu_request
 * @flags:	VU_FLAG_*
 * @size:	Bytes of the payload
 */
struct vu_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/**
 * union vu_payload - what a message carries
 * @u64:	Number
 * @state:	Ring and a number
 * @addr:	Ring and its addresses
 * @table:	Regions of memory, @table.count of them
 * @region:	One region of memory
 */
union vu_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct {
		uint32_t count;
		uint32_t pad;
		struct vu_mem_desc desc[VU_TABLE_MAX];
	} table;
	struct {
		uint64_t pad;
		struct vu_mem_desc desc;
	} region;
};
#define VU_TABLE_HDR_LEN	(2 * sizeof(uint32_t))

/**
 * struct vu_msg - a message, as far as it has come
 * @hdr:	Header
 * @payload:	Payload
 * @got:	Bytes of both that have come
 * @fds:	Descriptors that came with it, -1 for those taken by someone
 * @fd_count:	How many
 */
struct vu_msg {
	struct vu_hdr hdr;
	union vu_payload payload;
	size_t got;
	int fds[VU_FDS_MAX];
	unsigned fd_count;
};

int vu_msg_recv(struct vu_msg *m, int sock);
int vu_msg_take_fd(struct vu_msg *m, unsigned i);
void vu_msg_done(struct vu_msg *m);
int vu_msg_reply(const struct vu_msg *m, int sock, uint32_t size);

#endif /* VU_MSG_H */

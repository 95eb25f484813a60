/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_H
#define VU_H

#include "virtq.h"
#include "vu_msg.h"
#include "vu_to_guest.h"

struct tap;

/* Of the device's rings, by index: virtio 1.3, 5.1.2 */
#define VU_TO_GUEST		0	/* receiveq1 */
#define VU_FROM_GUEST		1	/* transmitq1 */
#define VU_RINGS		2

#define VU_LENT_MAX		32	/* Frames from the guest at once */
#define VU_POLL_MIN_MS		1U	/* Between looks at a ring, doubled */
#define VU_POLL_MAX_MS		16U

/**
 * struct vu_ring - a ring, and what the front-end said about it
 * @q:		The ring itself
 * @addrs:	Where it is, as set by the front-end
 * @base:	Entry of the avail ring to start at
 * @kick_fd:	The guest wakes us up here, -1 for none
 * @call_fd:	We wake it up here, -1 for none
 * @err_fd:	We tell the front-end here that the ring is broken, -1 for none
 * @has_addrs:	@addrs are set
 * @is_kicked:	@kick_fd was set, or that there will be none: the ring may run
 * @is_started:	The ring runs, though it may not be in memory at the moment
 * @is_enabled:	Frames are carried: else those of the guest are dropped
 * @is_told:	It was told that the ring is broken
 */
struct vu_ring {
	struct virtq q;
	struct virtq_addrs addrs;
	uint16_t base;
	int kick_fd;
	int call_fd;
	int err_fd;
	bool has_addrs;
	bool is_kicked;
	bool is_started;
	bool is_enabled;
	bool is_told;
};

/**
 * struct vu - what the port's @priv refers to: the device
 * @tap:	The port
 * @msg:	Message of the front-end, as far as it has come
 * @mem:	The guest's memory
 * @ring:	Rings, by VU_TO_GUEST and VU_FROM_GUEST
 * @features:	Features negotiated
 * @protocol:	Protocol features negotiated
 * @hdr_len:	Bytes of the header in front of each frame
 * @mtu:	MTU of the configuration
 * @mtu_told:	MTU that the hypervisor told the guest, or UINT16_MAX
 * @to_guest:	Frames to the guest
 * @lent:	Buffers of the frames that were received last
 * @lent_cnt:	How many
 * @flat:	Frame that was too scattered, copied
 * @poll_fd:	Timer to look at rings though nobody wakes us up for them
 * @poll_ms:	Its delay, 0 if it isn't set
 * @is_used:	Rings were in use since it was set
 */
struct vu {
	struct tap *tap;
	struct vu_msg msg;
	struct vu_mem mem;
	struct vu_ring ring[VU_RINGS];
	uint64_t features;
	uint64_t protocol;
	size_t hdr_len;
	unsigned mtu;
	unsigned mtu_told;
	struct vu_to_guest to_guest;
	uint16_t lent[VU_LENT_MAX];
	int lent_cnt;
	uint8_t flat[VU_HDR_MAX + FRAME_LEN_MAX];
	int poll_fd;
	unsigned poll_ms;
	bool is_used;
};

/* vu_ring.c */
void vu_init(struct vu *vu);
bool vu_ring_runs(const struct vu_ring *r);
void vu_ring_update(struct vu *vu, unsigned i);
void vu_ring_stop(struct vu *vu, unsigned i);
void vu_ring_call(const struct vu_ring *r);
void vu_ring_flush(struct vu *vu, unsigned i);
int vu_ring_kicked(struct vu *vu, unsigned i);
int vu_ring_set_kick(struct vu *vu, unsigned i, int fd);
int vu_fd_replace(int *slot, int fd);
void vu_reset(struct vu *vu);
void vu_poll_set(struct vu *vu, unsigned ms);
void vu_poll_later(struct vu *vu);

/* vu_request.c */
void vu_set_features(struct vu *vu, uint64_t features);
int vu_request(struct vu *vu);

#endif /* VU_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VU_ENDS_H
#define VU_ENDS_H

#include <unistd.h>

#include "udp_ends.h"
#include "vu_front.h"
#include "vu_msg.h"

/* For tests of what must not happen to a vhost-user device */

#define F(n)		(1ULL << (n))
#define SIZE		256U		/* Entries of a ring */
#define DATA		(3ULL << 20)	/* Not used by vu_front.c */
#define END		(2 * FRONT_MIDDLE)

static const struct vu_shape shape_device = {
	.size = SIZE, .rx_len = 2048,
	.features = F(VIRTIO_F_VERSION_1) | F(30) | F(VIRTIO_NET_F_MRG_RXBUF) |
		    F(VIRTIO_RING_F_EVENT_IDX) | F(VIRTIO_RING_F_INDIRECT_DESC),
};
static const struct stack_variant stack_device = {
	.name = "device", .v = V4, .mtu = 1500, .shape = &shape_device,
};

/**
 * works() - Data passes both ways
 * @s:		Stack
 */
static inline void works(struct stack *s)
{
	uint16_t port = 0, from;
	struct guest_in in;
	int fd;

	from = udp_open_flow(s, NULL, &fd, &port);
	host_reply_udp(s, fd, from, 5, 1000);
	guest_expect_udp(s, &in, 5, 1000);
	close(fd);
}

#define BAD_TEST(f)	UDP_TEST(f, device)

#endif /* VU_ENDS_H */

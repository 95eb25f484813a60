/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>

/* Since Linux 6.2, missing from older headers */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

/* An IP packet is 65535 bytes at most: that and its Ethernet header */
#define FRAME_LEN_MAX		(ETH_HLEN + 65535)
/* Pieces of a frame: guests may have 64 KiB in buffers for 1500 bytes each */
#define FRAME_IOV_MAX		64

/**
 * struct frame - one Ethernet frame, on its way from or to the guest
 * @vnet:	Offload header: always a local copy, never shared memory
 * @iov:	Bytes of the frame, from the Ethernet header on
 * @iov_cnt:	Elements used in @iov
 * @len:	From the guest: bytes of the frame. To the guest: room in @iov
 * @slot:	Of the back-end that filled or reserved the frame
 */
struct frame {
	struct virtio_net_hdr_v1 vnet;
	struct iovec iov[FRAME_IOV_MAX];
	size_t iov_cnt;
	size_t len;
	uint32_t slot;
};

#endif /* FRAME_H */

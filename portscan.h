/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PORTSCAN_H
#define PORTSCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct netns;

/**
 * struct portmap - one bit for each port
 * @bits:	The bits
 */
struct portmap {
	uint64_t bits[65536 / 64];
};

/**
 * struct portscan - what tells the ports bound in a network namespace
 * @diag:	Netlink socket, -1 if there is none
 * @fd:		/proc/net/{tcp,tcp6,udp,udp6} by protocol and IP version, -1 if
 *		there is none
 */
struct portscan {
	int diag;
	int fd[2][IPVER_MAX];
};

static inline bool portmap_test(const struct portmap *m, uint16_t port)
{
	return m->bits[port / 64] >> port % 64 & 1;
}

static inline void portmap_set(struct portmap *m, uint16_t port)
{
	m->bits[port / 64] |= UINT64_C(1) << port % 64;
}

static inline void portmap_clear(struct portmap *m, uint16_t port)
{
	m->bits[port / 64] &= ~(UINT64_C(1) << port % 64);
}

int portscan_open(struct portscan *s, const struct netns *ns);
int portscan_read(const struct portscan *s, uint8_t proto, struct portmap *m);

#endif /* PORTSCAN_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETLINK_H
#define NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if.h>

#include "addr.h"
#include "util.h"

#define IFINDEX_LO	1	/* The kernel's LOOPBACK_IFINDEX */

/**
 * struct nl_template - what the host's interface of one IP version tells
 * @ifindex:	Interface, 0 if the host has none of this version
 * @choice:	What it was chosen among, for messages, NULL if it was alone
 * @ifname:	Its name
 * @has_gw:	@gw is known
 * @gw:		Default gateway
 * @has_addr:	@addr is known
 * @addr:	First global address of the interface
 * @prefix_len:	Length of its prefix
 */
struct nl_template {
	unsigned ifindex;
	const char *choice;
	char ifname[IFNAMSIZ];
	bool has_gw;
	struct addr gw;
	bool has_addr;
	struct addr addr;
	int prefix_len;
};

int nl_open(void);
int nl_template_find(int nl, enum ipver v, unsigned want_ifindex,
		     struct nl_template *t);
int nl_link_mac(int nl, unsigned ifindex, uint8_t mac[static MAC_LEN]);
int nl_link_set_mac(int nl, unsigned ifindex,
		    const uint8_t mac[static MAC_LEN]);
int nl_link_set_mtu(int nl, unsigned ifindex, unsigned mtu);
int nl_link_set_txqlen(int nl, unsigned ifindex, unsigned frames);
int nl_link_set_up(int nl, unsigned ifindex, bool no_ll_dad);
int nl_addr_first(int nl, unsigned ifindex, enum ipver v, struct addr *a,
		  int *prefix_len);
int nl_addr_add(int nl, unsigned ifindex, const struct addr *a, int prefix_len);
int nl_addr_copy(int src_nl, unsigned src_ifindex, int dst_nl,
		 unsigned dst_ifindex, enum ipver v);
bool nl_addr_is_broadcast(int nl, const struct addr *a);
int nl_route_add_default(int nl, unsigned ifindex, const struct addr *gw);
int nl_route_copy(int src_nl, unsigned src_ifindex, int dst_nl,
		  unsigned dst_ifindex, enum ipver v);

#endif /* NETLINK_H */

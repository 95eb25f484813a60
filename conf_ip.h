/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_IP_H
#define CONF_IP_H

#include <stdbool.h>
#include <linux/if.h>

#include "addr.h"

#define CONF_DNS_MAX		8	/* Name servers of an IP version */

/**
 * struct conf_ip - settings of one IP version
 * @enabled:		This version is carried at all
 * @local_mode:		The host has no network of this version
 * @template_if:	Host interface that addresses and routes come from
 * @template_index:	Its index, 0 if there is none
 * @template_choice:	What it was chosen among, NULL if it was alone
 * @addr:		Address of the guest; IPv6: unset in local mode
 * @addr_given:		@addr was an option
 * @prefix_len:		Length of the prefix of @addr
 * @gw:			Default gateway as the guest sees it
 * @gw_given:		@gw was an option
 * @gw_from_host:	@gw is the host's own gateway or was an option
 * @our_ll:		IPv6 only: our link-local address
 * @outbound:		Source address of outbound sockets, unset for any
 * @outbound_if:	Interface of outbound sockets, "" for any
 * @outbound_index:	Its index
 * @dns:		Name servers for the guest, mapped to what it can reach
 * @dns_count:		How many
 * @dns_given:		-D was given: the host's name servers aren't used
 * @dns_forward:	Address that means @dns_host, unset for none
 * @dns_host:		Name server of the host
 * @map_host_loopback:	Address that means the host's loopback, unset for none
 * @map_guest_addr:	Address that means @addr on the host, unset for none
 * @copy_routes:	--config-net copies all routes
 * @copy_addrs:		--config-net copies all addresses
 */
struct conf_ip {
	bool enabled;
	bool local_mode;
	char template_if[IFNAMSIZ];
	unsigned template_index;
	const char *template_choice;
	struct addr addr;
	bool addr_given;
	int prefix_len;
	struct addr gw;
	bool gw_given;
	bool gw_from_host;
	struct addr our_ll;
	struct addr outbound;
	char outbound_if[IFNAMSIZ];
	unsigned outbound_index;
	struct addr dns[CONF_DNS_MAX];
	unsigned dns_count;
	bool dns_given;
	struct addr dns_forward;
	struct addr dns_host;
	struct addr map_host_loopback;
	struct addr map_guest_addr;
	bool copy_routes;
	bool copy_addrs;
};

#endif /* CONF_IP_H */

// SPDX-License-Identifier: BSD-3-Clause
/* fwd.c - where a flow goes: given its initiating side, choose the target side
 *
 * Addresses that stand for something else, in the order they are looked at:
 * the one of --dns-forward, for DNS only, means the host's name server; the
 * one of --map-host-loopback means the host's loopback; the one of
 * --map-guest-addr means the guest's own address as the host has it. All else
 * is what it says.
 *
 * Policy only: nothing here opens a socket or sees a frame.
 */

#include <netinet/in.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"

#define PORT_DNS		53	/* RFC 1035, 4.2 */
#define PORT_DNS_TLS		853	/* RFC 7858, 3.1 */

/**
 * fwd_is_dns() - Does this go to a name server?
 * @proto:	IPPROTO_*
 * @port:	Destination port
 *
 * Return: true for TCP and UDP to the ports of DNS
 */
static bool fwd_is_dns(uint8_t proto, uint16_t port)
{
	return (proto == IPPROTO_TCP || proto == IPPROTO_UDP) &&
	       (port == PORT_DNS || port == PORT_DNS_TLS);
}

/**
 * fwd_is_mapped() - Is this the address an option gave a meaning to?
 * @map:	Address of the option, unset if the option isn't in force
 * @a:		Address to look at
 *
 * Return: true if it is
 */
static bool fwd_is_mapped(const struct addr *map, const struct addr *a)
{
	return addr_is_set(map) && addr_is_equal(map, a);
}

/**
 * fwd_from_guest() - Choose the target side of a flow that the guest begins
 * @conf:	Configuration
 * @proto:	IPPROTO_*
 * @guest:	The guest's side
 * @host:	Filled with the host's side: place, address and port to contact;
 *		@near is set only where the source is given by the destination
 *
 * Return: false if there is nowhere to go: such packets are dropped
 */
bool fwd_from_guest(const struct conf *conf, uint8_t proto,
		    const struct flow_side *guest, struct flow_side *host)
{
	enum ipver v = addr_version(&guest->near);
	const struct conf_ip *ip = &conf->ip[v];
	const struct addr *dst = &guest->near;

	if (!ip->enabled || addr_is_loopback(dst) || addr_is_unspecified(dst))
		return false;

	*host = (struct flow_side){
		.place = PLACE_HOST,
		.far = *dst,
		.far_port = guest->near_port,
	};

	if (fwd_is_dns(proto, guest->near_port) &&
	    addr_is_set(&ip->dns_host) &&
	    fwd_is_mapped(&ip->dns_forward, dst)) {
		host->far = ip->dns_host;
	} else if (fwd_is_mapped(&ip->map_host_loopback, dst)) {
		host->far = addr_loopback[v];
	} else if (fwd_is_mapped(&ip->map_guest_addr, dst)) {
		if (!addr_is_set(&ip->addr))
			return false;
		host->far = ip->addr;
	}

	if (addr_is_loopback(&host->far))
		host->near = addr_loopback[v];
	return true;
}

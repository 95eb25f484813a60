// SPDX-License-Identifier: BSD-3-Clause
/* fwd.c - where a flow goes: given its initiating side, choose the target side
 *
 * From the guest, addresses that stand for something else, in the order they
 * are looked at: the one of --dns-forward, for DNS only, means the host's name
 * server; the one of --map-host-loopback means the host's loopback; the one of
 * --map-guest-addr means the guest's own address as the host has it. All else
 * is what it says.
 *
 * From a listening socket, the rule it serves says where to: from the namespace
 * always to the host; from the host to a socket in the namespace if both ends
 * are loopback ones (or the rule's target is), else to the guest by the tap,
 * from the client's own address. A client whose address the guest could not
 * answer, as it is the guest's own or a loopback one, gets one that stands for
 * the host.
 *
 * Policy only: nothing here opens a socket or sees a frame.
 */

#include <netinet/in.h>
#include <string.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "tap.h"

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

/**
 * fwd_target_port() - Port that a contacted one leads to
 * @rule:	Rule
 * @port:	Port contacted, host byte order
 *
 * Return: port, 0 if the rule isn't about @port
 */
static uint16_t fwd_target_port(const struct fwd_rule *rule, uint16_t port)
{
	if (port < rule->first || port > rule->last)
		return 0;
	return (uint16_t)(port - rule->first + rule->to_first);
}

/**
 * fwd_to_socket() - Complete a target side that is a socket, by its address
 * @tgt:	Target side
 *
 * Return: false if there is no address to go to
 */
static bool fwd_to_socket(struct flow_side *tgt)
{
	if (!addr_is_set(&tgt->far))
		return false;
	if (addr_is_loopback(&tgt->far))
		tgt->near = addr_loopback[addr_version(&tgt->far)];
	return true;
}

/**
 * fwd_to_host() - Choose where a flow begun in the namespace goes
 * @ini:	The side in the namespace
 * @tgt:	Target side, with the rule's target if it has one; completed
 *
 * What is contacted by an address of the namespace that isn't a loopback one
 * is a service of the host all the same.
 *
 * Return: false if there is nowhere to go
 */
static bool fwd_to_host(const struct flow_side *ini, struct flow_side *tgt)
{
	tgt->place = PLACE_HOST;
	if (!addr_is_set(&tgt->far))
		tgt->far = addr_is_loopback(&ini->near) ? ini->near :
			   addr_loopback[addr_version(&ini->far)];
	return fwd_to_socket(tgt);
}

/**
 * fwd_to_ns() - Choose where in the namespace a local flow of the host goes
 * @conf:	Configuration
 * @tap:	Port to the guest
 * @ini:	The side on the host
 * @tgt:	Target side, with the rule's target if it has one; completed
 *
 * Services on the loopback of the namespace are private unless asked for:
 * what listens on any address is reached by the namespace's own.
 *
 * Return: false if there is nowhere to go
 */
static bool fwd_to_ns(const struct conf *conf, const struct tap *tap,
		      const struct flow_side *ini, struct flow_side *tgt)
{
	tgt->place = PLACE_NS;
	if (!addr_is_set(&tgt->far))
		tgt->far = conf->host_lo_to_ns_lo ? ini->near :
			   tap->guest_addr[addr_version(&ini->far)];
	return fwd_to_socket(tgt);
}

/**
 * fwd_is_guests() - Would the guest take this for an address of its own?
 * @tap:	Port to the guest
 * @a:		Address
 *
 * Return: true if it would, as far as we know
 */
static bool fwd_is_guests(const struct tap *tap, const struct addr *a)
{
	return fwd_is_mapped(&tap->guest_addr[addr_version(a)], a) ||
	       fwd_is_mapped(&tap->guest_ll, a);
}

/**
 * fwd_is_ll6() - Is this an IPv6 link-local address?
 * @a:		Address
 *
 * Return: true if it is
 */
static bool fwd_is_ll6(const struct addr *a)
{
	return addr_version(a) == V6 && addr_is_linklocal(a);
}

/**
 * fwd_host_as_seen() - Choose an address that stands for the host as a client
 * @conf:	Configuration
 * @tap:	Port to the guest
 * @own:	The client has the guest's own address, else a loopback one
 * @dst:	Address the guest is contacted by: its scope is preferred; unset
 *		if that isn't decided yet
 *
 * --no-map-gw hides loopback addresses from the guest; it is not meant to cut
 * off clients on an address that host and guest share.
 *
 * Return: address, NULL if there is none
 */
static const struct addr *fwd_host_as_seen(const struct conf *conf,
					   const struct tap *tap, bool own,
					   const struct addr *dst)
{
	const struct conf_ip *ip = &conf->ip[addr_version(dst)];
	const struct addr *const all[] = {
		&ip->map_guest_addr, &ip->map_host_loopback, &ip->gw,
		&ip->our_ll,
	};
	/* The first one is for the own address only, two are from options */
	size_t last = !own && conf->no_map_gw ? 2 : ARRAY_SIZE(all), i;
	const struct addr *found = NULL;

	for (i = own ? 0 : 1; i < last; i++) {
		if (!addr_is_set(all[i]) || fwd_is_guests(tap, all[i]))
			continue;
		if (addr_is_unspecified(dst) ||
		    fwd_is_ll6(all[i]) == fwd_is_ll6(dst))
			return all[i];
		if (!found)
			found = all[i];
	}
	return found;
}

/**
 * fwd_client_as_seen() - Choose the address a client has towards the guest
 * @conf:	Configuration
 * @tap:	Port to the guest
 * @ini:	The client's side
 * @target:	Target of the rule, may be unset
 *
 * Return: address, NULL if there is none
 */
static const struct addr *fwd_client_as_seen(const struct conf *conf,
					     const struct tap *tap,
					     const struct flow_side *ini,
					     const struct addr *target)
{
	enum ipver v = addr_version(&ini->far);
	bool own = fwd_is_guests(tap, &ini->far) ||
		   addr_is_equal(&ini->far, target);

	/* The guest may have all addresses of the host: those we know are the
	 * host's by the client that contacts itself
	 */
	if (conf->config_net && conf->ip[v].copy_addrs &&
	    addr_is_equal(&ini->far, &ini->near))
		own = true;

	if (addr_is_loopback(&ini->far))
		own = false;
	else if (!own)
		return &ini->far;
	return fwd_host_as_seen(conf, tap, own,
				addr_is_set(target) ? target : &addr_any[v]);
}

/**
 * fwd_to_guest() - Choose how a flow from the host reaches the guest
 * @conf:	Configuration
 * @tap:	Port to the guest
 * @ini:	The client's side
 * @tgt:	Target side, with the rule's target if it has one; completed
 *
 * Return: false if the guest can't be reached, or could not answer
 */
static bool fwd_to_guest(const struct conf *conf, const struct tap *tap,
			 const struct flow_side *ini, struct flow_side *tgt)
{
	enum ipver v = addr_version(&ini->far);
	const struct addr *client;

	client = fwd_client_as_seen(conf, tap, ini, &tgt->far);
	if (!client)
		return false;

	tgt->place = PLACE_GUEST;
	tgt->near = *client;
	tgt->near_port = ini->far_port;
	if (!addr_is_set(&tgt->far) && !fwd_is_ll6(client)) {
		tgt->far = tap->guest_addr[v];
		tgt->is_guess = addr_is_set(&tgt->far) && !tap->guest_seen[v];
	}
	if (!addr_is_set(&tgt->far) && v == V6)
		tgt->far = tap->guest_ll;
	if (!addr_is_set(&tgt->far))
		tgt->far = tap->guest_addr[v];
	return addr_is_set(&tgt->far) && !addr_is_loopback(&tgt->far);
}

/**
 * fwd_is_outdated() - Is the guest elsewhere than where a flow was to reach it?
 * @tap:	Port to the guest
 * @guest:	Target side, from fwd_from_socket(); nobody has answered from it
 *
 * Until the guest is heard, its address is a guess: the configured one, or one
 * that it has looked for duplicates of.
 *
 * Return: true if it has another one now
 */
bool fwd_is_outdated(const struct tap *tap, const struct flow_side *guest)
{
	const struct addr *now = &tap->guest_addr[addr_version(&guest->far)];

	return guest->is_guess && addr_is_set(now) &&
	       !addr_is_equal(now, &guest->far);
}

/**
 * fwd_from_socket() - Choose the target side of a flow that a listening socket
 *		       took
 * @conf:	Configuration
 * @tap:	Port to the guest
 * @rule:	Rule of the listening socket
 * @ini:	Side of that socket: @far is the client, @near what it contacted
 * @tgt:	Filled with the target side; if that is a socket, @near is set
 *		only where the source is given by the destination
 *
 * Return: false if there is nowhere to go: such clients are turned away
 */
bool fwd_from_socket(const struct conf *conf, const struct tap *tap,
		     const struct fwd_rule *rule, const struct flow_side *ini,
		     struct flow_side *tgt)
{
	uint16_t port = fwd_target_port(rule, ini->near_port);
	bool loopback = addr_is_loopback(&ini->far) &&
			addr_is_loopback(&ini->near);
	enum ipver v = addr_version(&ini->far);

	if (!conf->ip[v].enabled || !port ||
	    (addr_is_set(&rule->target) && addr_version(&rule->target) != v))
		return false;

	*tgt = (struct flow_side){ .far = rule->target, .far_port = port };
	if (ini->place == PLACE_NS)
		return fwd_to_host(ini, tgt);
	if (conf->splice_only && !loopback)
		return false;
	if (conf->splice && (loopback || addr_is_loopback(&rule->target)))
		return fwd_to_ns(conf, tap, ini, tgt);
	return fwd_to_guest(conf, tap, ini, tgt);
}

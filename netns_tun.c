// SPDX-License-Identifier: BSD-3-Clause
/* netns_tun.c - the interface in the namespace: make it, configure it
 *
 * All of it happens inside the namespace, by one netns_call(), except that the
 * host's configuration is read from a socket opened before. The function called
 * there must not end the program: it notes what failed in struct tun_setup, and
 * netns_setup_tun() tells.
 *
 * With --splice-only, just lo is brought up.
 *
 * Without --config-net, the interface is left down and without addresses, for
 * a DHCP client to find it that way. With it, the IP version whose addresses
 * can't be set ends the program, unless IPv6 is not there or is disabled in the
 * namespace. Routes that can't be set are told about only.
 */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "netlink.h"
#include "netns.h"
#include "tap_tun.h"
#include "util.h"

/* Frames that wait in the interface for us. Nothing tells the sender when there
 * is no room, frames are lost: so have room for all that a thousand connections
 * send before they wait for an acknowledgement, ten frames each.
 */
#define TUN_TXQLEN	10000

/**
 * struct tun_setup - what the function inside the namespace does and tells
 * @conf:	Configuration
 * @caps:	Capabilities of the interface, set
 * @mac:	MAC address of the interface, set
 * @ifname:	Its name
 * @host_nl:	Netlink socket of the host's namespace
 * @ns_nl:	Netlink socket of the namespace
 * @ifindex:	Index of the interface in the namespace
 * @tun_fd:	Descriptor of the interface, -1 if there is none yet
 * @failed:	What failed, to be put between "Can't " and the interface
 * @no_tun:	What failed before the interface came into play, or NULL
 * @exists:	The interface is there already
 */
struct tun_setup {
	const struct conf *conf;
	struct tap_caps *caps;
	uint8_t *mac;
	const char *ifname;
	int host_nl;
	int ns_nl;
	unsigned ifindex;
	int tun_fd;
	const char *failed;
	const char *no_tun;
	bool exists;
};

/**
 * tun_is_template() - Are the host's addresses and routes at hand?
 * @ip:		Configuration of an IP version
 *
 * Return: true if there is an interface to copy from
 */
static bool tun_is_template(const struct conf_ip *ip)
{
	return ip->template_index && !ip->local_mode;
}

/**
 * tun_setup_addrs() - Set the addresses of an IP version
 * @s:		What is set up
 * @v:		IP version
 *
 * The template may have none of its own, and send from another interface's.
 *
 * Return: 0, -errno
 */
static int tun_setup_addrs(struct tun_setup *s, enum ipver v)
{
	const struct conf_ip *ip = &s->conf->ip[v];
	int ret = 0, prefix_len;
	struct addr a;

	if (ip->copy_addrs && tun_is_template(ip)) {
		ret = nl_addr_copy(s->host_nl, ip->template_index, s->ns_nl,
				   s->ifindex, v);
		if (!nl_addr_first(s->ns_nl, s->ifindex, v, &a, &prefix_len))
			return ret;
	}

	if (addr_is_set(&ip->addr))
		ret = nl_addr_add(s->ns_nl, s->ifindex, &ip->addr,
				  ip->prefix_len);
	return ret;
}

/**
 * tun_setup_routes() - Set the routes of an IP version
 * @s:		What is set up
 * @v:		IP version
 *
 * Return: 0, -errno
 */
static int tun_setup_routes(struct tun_setup *s, enum ipver v)
{
	const struct conf_ip *ip = &s->conf->ip[v];

	if (ip->copy_routes && tun_is_template(ip))
		return nl_route_copy(s->host_nl, ip->template_index, s->ns_nl,
				     s->ifindex, v);

	if (addr_is_set(&ip->gw))
		return nl_route_add_default(s->ns_nl, s->ifindex, &ip->gw);
	return nl_route_add_default(s->ns_nl, s->ifindex, &addr_any[v]);
}

/**
 * tun_is_ipv6_missing() - Does this error say that there is no IPv6 here?
 * @ret:	-errno, 0
 *
 * Return: true if the kernel doesn't have it, or has it disabled
 */
static bool tun_is_ipv6_missing(int ret)
{
	return ret == -EACCES || ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP;
}

/**
 * tun_setup_ip() - Set up an IP version
 * @s:		What is set up
 * @v:		IP version
 *
 * Return: 0, -errno for what there is no point to go on without
 */
static int tun_setup_ip(struct tun_setup *s, enum ipver v)
{
	int number = v == V4 ? 4 : 6, ret;

	ret = tun_setup_addrs(s, v);
	if (ret && !(v == V6 && tun_is_ipv6_missing(ret))) {
		s->failed = "set addresses (see --address) of";
		return ret;
	}

	if (!ret)
		ret = tun_setup_routes(s, v);
	if (v == V6 && tun_is_ipv6_missing(ret))
		info("No IPv6 in the namespace: %s", log_strerror(-ret));
	else if (ret)
		warn("Can't set all IPv%i routes in the namespace: %s", number,
		     log_strerror(-ret));
	return 0;
}

/**
 * tun_create() - Make the interface, with what doesn't depend on IP
 * @s:		What is set up
 *
 * Return: 0, -errno
 */
static int tun_create(struct tun_setup *s)
{
	const struct conf *conf = s->conf;
	int ret;

	s->failed = "create";
	s->exists = if_nametoindex(s->ifname);
	if (s->exists)
		return -EEXIST;
	s->tun_fd = tap_tun_create(s->ifname, s->caps, &s->no_tun);
	if (s->tun_fd < 0)
		return s->tun_fd;

	s->failed = "find";
	s->ifindex = if_nametoindex(s->ifname);
	if (!s->ifindex)
		return -errno;

	s->failed = "set the MTU (see --mtu) of";
	ret = conf->mtu ? nl_link_set_mtu(s->ns_nl, s->ifindex, conf->mtu) : 0;
	if (ret)
		return ret;

	s->failed = "set the MAC address (see --ns-mac-addr) of";
	if (conf->ns_mac_given)
		ret = nl_link_set_mac(s->ns_nl, s->ifindex, conf->ns_mac);
	if (!ret)
		ret = nl_link_mac(s->ns_nl, s->ifindex, s->mac);
	if (ret)
		return ret;

	s->failed = "set the queue length of";
	return nl_link_set_txqlen(s->ns_nl, s->ifindex, TUN_TXQLEN);
}

/**
 * tun_ignore_ra() - Have the namespace's kernel ignore router advertisements
 * @s:		What is set up, not up yet
 *
 * They would make a second address and default route beside those set here,
 * with lifetimes. Where /proc/sys can't be written, that is what happens.
 *
 * Source: Documentation/networking/ip-sysctl.rst. Files in /proc/sys/net are
 * those of the network namespace of the process that opens them.
 */
static void tun_ignore_ra(const struct tun_setup *s)
{
	char path[sizeof("/proc/sys/net/ipv6/conf//accept_ra") + IFNAMSIZ];
	int ret;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra",
		 s->ifname);
	ret = util_write_file(path, "0");
	if (ret)
		debug("Can't write to %s: %s", path, log_strerror(-ret));
}

/**
 * tun_setup() - Set up the interface, called inside the namespace
 * @arg:	struct tun_setup
 *
 * Return: 0, -errno with @arg->failed set
 */
static int tun_setup(void *arg)
{
	struct tun_setup *s = arg;
	enum ipver v;
	int ret;

	s->failed = "ask the kernel about";
	s->ns_nl = nl_open();
	if (s->ns_nl < 0)
		return s->ns_nl;

	ret = nl_link_set_up(s->ns_nl, IFINDEX_LO, false);
	if (ret)
		warn("Can't bring up lo in the namespace: %s",
		     log_strerror(-ret));

	if (s->conf->splice_only)
		return 0;
	ret = tun_create(s);
	if (ret || !s->conf->config_net)
		return ret;

	tun_ignore_ra(s);

	s->failed = "bring up";
	ret = nl_link_set_up(s->ns_nl, s->ifindex, true);
	for (v = V4; !ret && v < IPVER_MAX; v++) {
		if (s->conf->ip[v].enabled)
			ret = tun_setup_ip(s, v);
	}
	return ret;
}

/**
 * netns_setup_tun() - Make the interface in the namespace, and configure it;
 *		       ends the program on failure
 * @ns:		Namespace
 * @conf:	Configuration
 * @caps:	Capabilities of the interface, set
 * @mac:	MAC address of the interface, set
 *
 * Return: descriptor of the interface, for tap_tun_attach(); -1 if there is to
 *	   be none, only lo is brought up then
 */
int netns_setup_tun(const struct netns *ns, const struct conf *conf,
		    struct tap_caps *caps, uint8_t *mac)
{
	struct tun_setup s = {
		.conf = conf, .caps = caps, .mac = mac,
		.ifname = conf->ns_ifname, .ns_nl = -1, .tun_fd = -1,
		.failed = "enter the namespace for",
	};
	int ret;

	s.host_nl = nl_open();
	if (s.host_nl < 0)
		log_die(-s.host_nl, "Can't open a netlink socket");

	ret = netns_call(ns, tun_setup, &s);
	close(s.host_nl);
	if (s.ns_nl >= 0)
		close(s.ns_nl);

	if (s.exists)
		die("Namespace already has an interface %s (is pasta already "
		    "connected?): choose another name with --ns-ifname",
		    s.ifname);
	if (s.no_tun)
		log_die(-ret, "Can't %s", s.no_tun);
	if (ret)
		log_die(-ret, "Can't %s interface %s in the namespace",
			s.failed, s.ifname);
	return s.tun_fd;
}

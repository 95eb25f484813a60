// SPDX-License-Identifier: BSD-3-Clause
/* conf_host.c - complete the configuration from the host, and show it
 *
 * What options left open is taken from the host, for each IP version alone: a
 * version without network never takes anything from the other one. An address,
 * its prefix and the gateway come from the template interface. A version that
 * has none, or whose template has no address, is in local mode: the guest gets
 * link-local addresses, and the host's own services can still be reached.
 *
 * Name servers that the guest can't reach by their address are replaced. Those
 * are loopback ones, and those whose address means the host's loopback to the
 * guest (often the gateway serves names, too). In both cases an address for
 * --dns-forward is chosen if none was given, so that DNS, and only DNS, goes
 * to the server. Name servers given as options are never replaced.
 *
 * The host is read once, at start. Nothing found there is an error: whatever
 * its state, the program starts. The exceptions are -6 on a kernel without
 * IPv6, or with an MTU too small for it, and -o with a broadcast address.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "conf.h"
#include "log.h"
#include "netlink.h"
#include "resolv.h"
#include "sock.h"

#define RESOLV_CONF	"/etc/resolv.conf"	/* resolv.conf(5) */
#define NS_IFNAME	"tap0"	/* If there is no template to name it after */
#define IPV6_MTU_MIN	1280	/* RFC 8200, 5 */
#define LOCAL_BITS_V4	16	/* RFC 3927, 2.1 */
#define LOCAL_BITS_V6	64	/* RFC 4291, 2.5.6 */
#define LIST_MAX	512	/* Bytes of a list of addresses, when shown */

static const char *const version_name[IPVER_MAX] = { "IPv4", "IPv6" };

/* Local mode: address of the guest, unset for IPv6, and its gateway */
static const struct addr local_addr[IPVER_MAX] = {
	[V4] = { .a6.s6_addr = { [10] = 0xff, 0xff, 169, 254, 2, 1 } },
};
static const struct addr local_gw[IPVER_MAX] = {
	[V4] = { .a6.s6_addr = { [10] = 0xff, 0xff, 169, 254, 2, 2 } },
	[V6] = { .a6.s6_addr = { 0xfe, 0x80, [15] = 1 } },
};

/**
 * ipv6_check() - Disable IPv6 where it can't work
 * @conf:	Configuration
 */
static void ipv6_check(struct conf *conf)
{
	const char *why = NULL;
	int fd;

	if (!conf->ip[V6].enabled)
		return;

	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	else if (errno == EAFNOSUPPORT)
		why = "this kernel has no IPv6";

	if (conf->mtu && conf->mtu < IPV6_MTU_MIN)
		why = "an MTU below 1280 can't carry it";
	if (!why)
		return;

	if (!conf->ip[V4].enabled)
		die("option '--ipv6-only': %s", why);
	info("No IPv6: %s", why);
	conf->ip[V6].enabled = false;
}

/**
 * template_local() - Give an IP version what it has without the host's help
 * @conf:	Configuration
 * @v:		IP version
 */
static void template_local(struct conf *conf, enum ipver v)
{
	struct conf_ip *ip = &conf->ip[v];

	ip->local_mode = true;
	ip->template_index = 0;
	ip->copy_routes = ip->copy_addrs = false;
	if (!ip->addr_given)
		ip->addr = local_addr[v];
	if (ip->prefix_len < 0)
		ip->prefix_len = v == V4 ? LOCAL_BITS_V4 : LOCAL_BITS_V6;
	if (!ip->gw_given)
		ip->gw = local_gw[v];
}

/**
 * template_adopt() - Take over what the template interface tells
 * @conf:	Configuration
 * @v:		IP version
 * @t:		Template with an index, and an address unless that was given
 */
static void template_adopt(struct conf *conf, enum ipver v,
			   const struct nl_template *t)
{
	struct conf_ip *ip = &conf->ip[v];

	ip->template_index = t->ifindex;
	ip->template_choice = t->choice;
	util_copy_str(ip->template_if, t->ifname, sizeof(ip->template_if));
	if (!ip->addr_given) {
		ip->addr = t->addr;
		if (ip->prefix_len < 0)
			ip->prefix_len = t->prefix_len;
	}
	if (!ip->gw_given && t->has_gw) {
		ip->gw = t->gw;
		ip->gw_from_host = true;
	}

	/* Such a route is for a point-to-point link, which has no DHCP */
	if (v == V4 && !addr_is_set(&ip->gw))
		conf->no_dhcp = true;
}

/**
 * template_check_mapped() - Warn if an address can't mean something else
 * @ip:		Settings of an IP version, its address known
 * @v:		IP version
 *
 * With --address, that was an error already: see conf.c.
 */
static void template_check_mapped(const struct conf_ip *ip, enum ipver v)
{
	const char *name = conf_own_mapped(ip);
	char str[ADDR_STRLEN];

	if (name)
		warn("%s has no effect for %s: %s is the guest's own", name,
		     version_name[v], addr_str(&ip->addr, str));
}

/**
 * template_from_host() - Complete addresses and gateway of an IP version
 * @conf:	Configuration
 * @nl:		rtnetlink socket
 * @v:		IP version
 */
static void template_from_host(struct conf *conf, int nl, enum ipver v)
{
	struct nl_template t = { 0 };
	struct conf_ip *ip = &conf->ip[v];
	int rc = nl_template_find(nl, v, ip->template_index, &t);

	if (rc < 0) {
		warn("Can't read the host's %s configuration: %s",
		     version_name[v], log_strerror(rc));
		memset(&t, 0, sizeof(t));
	}

	ip->gw_from_host = ip->gw_given;
	if (t.ifindex && !t.has_addr && t.ifindex == ip->outbound_index)
		warn("Interface %s, given by --outbound-if%c, has no %s "
		     "address to use", ip->outbound_if, v == V4 ? '4' : '6',
		     version_name[v]);
	if (t.ifindex && (t.has_addr || ip->addr_given))
		template_adopt(conf, v, &t);
	else
		template_local(conf, v);

	template_check_mapped(ip, v);
	if (v == V6)
		ip->our_ll = addr_is_linklocal(&ip->gw) ? ip->gw : local_gw[V6];
	/* In local mode there is no machine at that address to be hidden */
	if (!addr_is_set(&ip->map_host_loopback) && !conf->no_map_gw &&
	    (ip->gw_from_host || ip->local_mode))
		ip->map_host_loopback = ip->gw;
	if (addr_is_set(&ip->map_guest_addr) &&
	    addr_is_equal(&ip->map_guest_addr, &ip->map_host_loopback))
		warn("--map-guest-addr has no effect for %s: the gateway means "
		     "the host's loopback, see --no-map-gw", version_name[v]);
}

/**
 * dns_forward_choose() - Have DNS to some address forwarded to a server
 * @ip:		Settings of an IP version
 * @server:	Name server of the host
 *
 * Does nothing if an address for this is known already.
 */
static void dns_forward_choose(struct conf_ip *ip, const struct addr *server)
{
	if (addr_is_set(&ip->dns_forward))
		return;

	if (addr_is_set(&ip->map_host_loopback))
		ip->dns_forward = ip->map_host_loopback;
	else if (addr_is_set(&ip->gw))
		ip->dns_forward = ip->gw;
	else
		ip->dns_forward = local_gw[addr_version(server)];
	if (!addr_is_set(&ip->dns_host))
		ip->dns_host = *server;
}

/**
 * dns_add() - Append to the guest's name servers, but none twice
 * @ip:		Settings of an IP version
 * @server:	Name server as the guest sees it
 */
static void dns_add(struct conf_ip *ip, const struct addr *server)
{
	unsigned i;

	for (i = 0; i < ip->dns_count; i++) {
		if (addr_is_equal(&ip->dns[i], server))
			return;
	}
	if (ip->dns_count < CONF_DNS_MAX)
		ip->dns[ip->dns_count++] = *server;
}

/**
 * dns_from_host() - Complete the name servers of an IP version
 * @conf:	Configuration
 * @v:		IP version
 * @r:		Name servers of the host
 */
static void dns_from_host(struct conf *conf, enum ipver v,
			  const struct resolv *r)
{
	struct conf_ip *ip = &conf->ip[v];
	bool host_given = addr_is_set(&ip->dns_host);
	const struct addr *first = NULL;
	unsigned i;

	for (i = 0; i < r->count; i++) {
		const struct addr *server = &r->servers[i], *told = server;

		if (addr_version(server) != v)
			continue;
		if (!first)
			first = server;

		/* Unset, @map_host_loopback equals no server */
		if (addr_is_equal(server, &ip->map_host_loopback) ||
		    (addr_is_loopback(server) && !ip->dns_given)) {
			dns_forward_choose(ip, server);
			told = &ip->dns_forward;
		}
		if (!ip->dns_given)
			dns_add(ip, told);
	}

	if (first && !addr_is_set(&ip->dns_host))
		ip->dns_host = *first;
	if (addr_is_set(&ip->dns_forward) && !addr_is_set(&ip->dns_host))
		info("--dns-forward has no effect for %s: no such name server "
		     "in " RESOLV_CONF ", see --dns-host", version_name[v]);
	if (host_given && !addr_is_set(&ip->dns_forward))
		warn("--dns-host has no effect for %s: no address leads there, "
		     "see --dns-forward", version_name[v]);
}

/**
 * outbound_check() - End if the outbound address can't be one, ever
 * @conf:	Configuration
 * @nl:		rtnetlink socket
 * @v:		IP version
 */
static void outbound_check(const struct conf *conf, int nl, enum ipver v)
{
	const struct addr *a = &conf->ip[v].outbound;
	char str[ADDR_STRLEN];

	if (addr_is_set(a) && nl_addr_is_broadcast(nl, a))
		die("option '--outbound': invalid value '%s', the broadcast "
		    "address of a subnet of this host, accepted: unicast "
		    "address of this host", addr_str(a, str));
}

/**
 * outbound_probe() - Warn if outbound sockets of an IP version can't be bound
 * @conf:	Configuration
 * @v:		IP version
 *
 * No error: address and interface may come up later.
 */
static void outbound_probe(const struct conf *conf, enum ipver v)
{
	const struct addr *dst = &addr_any[v], *a;
	union sockaddr_any sa;
	char str[ADDR_STRLEN];
	socklen_t len;
	int fd, rc;

	fd = socket(addr_family(v), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;

	rc = sock_bind_interface(conf, fd, dst);
	if (rc)
		warn("Can't bind to %s, given by --outbound-if%c (%s): until "
		     "this works, %s traffic is refused",
		     conf->ip[v].outbound_if, v == V4 ? '4' : '6',
		     log_strerror(-rc), version_name[v]);

	a = sock_source(conf, dst, NULL);
	len = addr_to_sockaddr(&sa, a, 0, 0);
	if (!addr_is_unspecified(a) && bind(fd, &sa.sa, len))
		warn("Can't bind to %s, given by --outbound (%s): until this "
		     "works, %s traffic is refused", addr_str(a, str),
		     log_strerror(errno), version_name[v]);

	close(fd);
}

/**
 * interface_check() - Warn if --interface gave us nothing
 * @conf:	Configuration, templates found
 *
 * No address of one IP version is usual, but none at all is hardly meant.
 */
static void interface_check(const struct conf *conf)
{
	const struct conf_ip *ip;

	for (ip = conf->ip; ip < conf->ip + IPVER_MAX; ip++)
		if (ip->enabled && !ip->local_mode)
			return;
	if (*conf->interface)
		warn("Interface %s, given by --interface, has no address to "
		     "use: the guest gets link-local ones", conf->interface);
}

/**
 * conf_from_host() - Complete the configuration with what the host has
 * @conf:	Configuration as conf_parse() left it
 *
 * To be called in the host's network namespace. Ends with a message if the
 * host can't be read at all, or can't do what -6 asked for.
 */
void conf_from_host(struct conf *conf)
{
	static struct resolv r;
	int rc, nl = nl_open();
	enum ipver v;

	if (nl < 0)
		log_die(nl, "Can't open a netlink socket");
	rc = resolv_read(RESOLV_CONF, &r);
	if (rc)
		info("Can't read " RESOLV_CONF ": %s", log_strerror(rc));

	ipv6_check(conf);
	for (v = 0; v < IPVER_MAX; v++) {
		if (!conf->ip[v].enabled)
			continue;
		template_from_host(conf, nl, v);
		dns_from_host(conf, v, &r);
		outbound_check(conf, nl, v);
		outbound_probe(conf, v);
	}
	interface_check(conf);
	close(nl);

	if (!conf->search_given)
		util_copy_str(conf->search, r.search, sizeof(conf->search));
	if (!*conf->ns_ifname) {
		const char *name = conf->ip[V4].template_if;

		if (!*name)
			name = conf->ip[V6].template_if;
		util_copy_str(conf->ns_ifname, *name ? name : NS_IFNAME,
			      sizeof(conf->ns_ifname));
	}
}

/**
 * list_add() - Append an address to a list for messages
 * @list:	List, LIST_MAX bytes
 * @a:		Address, unset to append nothing
 */
static void list_add(char *list, const struct addr *a)
{
	size_t len = strlen(list);
	char str[ADDR_STRLEN];

	if (addr_is_set(a))
		snprintf(list + len, LIST_MAX - len, "%s%s", len ? ", " : "",
			 addr_str(a, str));
}

/**
 * addr_or_none() - Text of an address
 * @a:		Address, may be unset
 * @buf:	Where to write it
 *
 * Return: the text
 */
static const char *addr_or_none(const struct addr *a,
				char buf[static ADDR_STRLEN])
{
	return addr_is_set(a) ? addr_str(a, buf) : "none";
}

/**
 * print_interfaces() - Tell where addresses and routes come from and go to
 * @conf:	Configuration
 */
static void print_interfaces(const struct conf *conf)
{
	const char *text[IPVER_MAX], *told = NULL;
	char mac[MAC_STRLEN];
	enum ipver v;

	for (v = 0; v < IPVER_MAX; v++) {
		const struct conf_ip *ip = &conf->ip[v];

		text[v] = !ip->enabled ? "disabled" :
			  ip->local_mode ? "none" : ip->template_if;
	}
	info("Template interface: %s (IPv4), %s (IPv6)", text[V4], text[V6]);
	for (v = 0; v < IPVER_MAX; v++) {
		const char *choice = conf->ip[v].template_choice;

		if (choice && (!told || strcmp(text[v], told) != 0))
			info("%s is one of %s: see --interface", text[v],
			     choice);
		told = choice ? text[v] : told;
	}
	if (conf->mode == MODE_PASTA)
		info("Namespace interface: %s", conf->ns_ifname);
	info("Our MAC address: %s", util_mac_str(conf->our_mac, mac));
}

/**
 * print_guest() - Tell the addresses that the guest gets
 * @conf:	Configuration
 */
static void print_guest(const struct conf *conf)
{
	const struct conf_ip *ip4 = &conf->ip[V4], *ip6 = &conf->ip[V6];
	char addr[ADDR_STRLEN], gw[ADDR_STRLEN], ll[ADDR_STRLEN];
	struct in_addr mask = { 0 };
	char text[INET_ADDRSTRLEN];

	if (ip4->enabled) {
		if (ip4->prefix_len > 0)
			mask.s_addr = htonl(~0U << (32 - ip4->prefix_len));
		inet_ntop(AF_INET, &mask, text, sizeof(text));
		info("%s: assign %s, mask %s, router %s",
		     conf->no_dhcp ? "IPv4, no DHCP" : "DHCP",
		     addr_str(&ip4->addr, addr), text,
		     addr_or_none(&ip4->gw, gw));
	}
	if (ip6->enabled)
		info("%s: assign %s, router %s, our link-local %s",
		     conf->no_ndp && conf->no_dhcpv6 ? "IPv6, no NDP, DHCPv6" :
						       "NDP/DHCPv6",
		     addr_or_none(&ip6->addr, addr),
		     addr_or_none(&ip6->gw, gw), addr_str(&ip6->our_ll, ll));
}

/**
 * print_names() - Tell name servers, search list, and mapped addresses
 * @conf:	Configuration
 */
static void print_names(const struct conf *conf)
{
	char dns[LIST_MAX] = "", map[LIST_MAX] = "", guest[LIST_MAX] = "";
	char forward[ADDR_STRLEN], host[ADDR_STRLEN];
	const struct conf_ip *ip;
	unsigned i;

	for (ip = conf->ip; ip < conf->ip + IPVER_MAX; ip++) {
		if (!ip->enabled)
			continue;
		for (i = 0; i < ip->dns_count; i++)
			list_add(dns, &ip->dns[i]);
		list_add(map, &ip->map_host_loopback);
		list_add(guest, &ip->map_guest_addr);
		if (addr_is_set(&ip->dns_forward) && addr_is_set(&ip->dns_host))
			info("DNS to %s goes to %s",
			     addr_str(&ip->dns_forward, forward),
			     addr_str(&ip->dns_host, host));
	}
	if (*dns)
		info("DNS: %s", dns);
	if (*conf->search)
		info("Search list: %s", conf->search);
	if (*map)
		info("Host's loopback: %s", map);
	if (*guest)
		info("Guest's addresses on the host: %s", guest);
}

/**
 * print_outbound() - Tell what outbound sockets are bound to
 * @conf:	Configuration
 */
static void print_outbound(const struct conf *conf)
{
	char str[ADDR_STRLEN];
	enum ipver v;

	for (v = 0; v < IPVER_MAX; v++) {
		const struct conf_ip *ip = &conf->ip[v];

		if (ip->enabled && addr_is_set(&ip->outbound))
			info("Outbound %s address: %s", version_name[v],
			     addr_str(&ip->outbound, str));
		if (ip->enabled && *ip->outbound_if)
			info("Outbound %s interface: %s", version_name[v],
			     ip->outbound_if);
	}
}

/**
 * conf_print() - Tell the user what is in force
 * @conf:	Configuration, complete
 */
void conf_print(const struct conf *conf)
{
	if (!conf->splice_only) {
		print_interfaces(conf);
		print_guest(conf);
		print_names(conf);
	}
	print_outbound(conf);
	if (conf->runas_uid != geteuid())
		info("Started as root, will change to UID %u, GID %u",
		     conf->runas_uid, conf->runas_gid);
}

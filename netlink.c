// SPDX-License-Identifier: BSD-3-Clause
/* netlink.c - links and addresses, by rtnetlink
 *
 * Each function takes a socket from nl_open(), which stands for the network
 * namespace it was opened in: copying needs two of them. All wait for the
 * kernel's answer and are for start-up only. Routes are in netlink_route.c,
 * messages and transport in nlmsg.c.
 *
 * A kernel without IPv6 answers with -EAFNOSUPPORT or -EOPNOTSUPP, and one
 * where it is disabled with -EACCES: callers tell about it and go on with the
 * other version.
 *
 * What is copied into the namespace is usable at once, and stays: addresses
 * are added without duplicate address detection, as nobody else is on the
 * link, and without lifetimes, as nobody would refresh them there.
 */

#include <errno.h>
#include <string.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "log.h"
#include "netlink.h"
#include "nlmsg.h"

/* Address flags worth copying: the others are states of the host's address.
 * Without IFA_F_NOPREFIXROUTE, the kernel would add a route the host has not.
 */
#define ADDR_FLAGS_COPIED	IFA_F_NOPREFIXROUTE

#define PREFIX_MAX_V4		32	/* Bits of an address */
#define PREFIX_MAX_V6		128

#define RANK_DEPRECATED		1	/* See nl_addr_rank() */

/**
 * struct nl_link - what the kernel tells about a link
 * @flags:	IFF_*
 * @has_mac:	It is an Ethernet link, @mac is known
 * @mac:	MAC address
 */
struct nl_link {
	unsigned flags;
	bool has_mac;
	uint8_t mac[MAC_LEN];
};

/**
 * struct nl_address - an address of an interface
 * @ifa:	Fixed part
 * @flags:	IFA_F_*
 * @local:	The address
 * @at:		Attributes, referring to the message
 */
struct nl_address {
	struct ifaddrmsg ifa;
	uint32_t flags;
	struct addr local;
	struct nl_attr at[IFA_RT_PRIORITY + 1];
};

/**
 * nl_link_get() - Ask for a link
 * @nl:		Socket
 * @ifindex:	Interface
 * @l:		Answer
 *
 * Return: 0, -errno
 */
static int nl_link_get(int nl, unsigned ifindex, struct nl_link *l)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct nl_attr at[IFLA_ADDRESS + 1];
	const struct nlmsghdr *h;
	struct nl_dump d;
	struct nl_req r;
	int ret;

	nl_req_start(&r, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	ret = nl_query(nl, &r, &d);
	if (ret)
		goto out;

	ret = -ENODEV;
	for (h = nl_dump_next(&d, NULL); h; h = nl_dump_next(&d, h)) {
		if (h->nlmsg_type != RTM_NEWLINK ||
		    !nl_body(h, &ifi, sizeof(ifi)) ||
		    ifi.ifi_index != (int)ifindex)
			continue;

		nl_msg_attrs(h, sizeof(ifi), at, IFLA_ADDRESS);
		l->flags = ifi.ifi_flags;
		l->has_mac = ifi.ifi_type == ARPHRD_ETHER &&
			     at[IFLA_ADDRESS].len == MAC_LEN;
		if (l->has_mac)
			memcpy(l->mac, at[IFLA_ADDRESS].data, MAC_LEN);
		ret = 0;
	}
out:
	nl_dump_free(&d);
	return ret;
}

/**
 * nl_link_set() - Set one attribute of a link
 * @nl:		Socket
 * @ifindex:	Interface
 * @type:	Attribute, IFLA_*
 * @data:	Its payload
 * @len:	Length of that, bytes
 *
 * Return: 0, -errno
 */
static int nl_link_set(int nl, unsigned ifindex, uint16_t type,
		       const void *data, size_t len)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct nl_req r;

	nl_req_start(&r, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	nl_req_put(&r, type, data, len);
	return nl_request(nl, &r);
}

/**
 * nl_link_mac() - MAC address of an interface
 * @nl:		Socket
 * @ifindex:	Interface
 * @mac:	MAC address, set on success
 *
 * Return: 0, -EADDRNOTAVAIL for a link without (tun, WireGuard), -errno
 */
int nl_link_mac(int nl, unsigned ifindex, uint8_t mac[static MAC_LEN])
{
	struct nl_link l = { 0 };
	int ret = nl_link_get(nl, ifindex, &l);

	if (ret)
		return ret;
	if (!l.has_mac)
		return -EADDRNOTAVAIL;

	memcpy(mac, l.mac, MAC_LEN);
	return 0;
}

/**
 * nl_link_set_mac() - Set the MAC address of an interface
 * @nl:		Socket
 * @ifindex:	Interface
 * @mac:	MAC address
 *
 * Return: 0, -errno: -EADDRNOTAVAIL for a multicast address
 */
int nl_link_set_mac(int nl, unsigned ifindex,
		    const uint8_t mac[static MAC_LEN])
{
	return nl_link_set(nl, ifindex, IFLA_ADDRESS, mac, MAC_LEN);
}

/**
 * nl_link_set_mtu() - Set the MTU of an interface
 * @nl:		Socket
 * @ifindex:	Interface
 * @mtu:	MTU, bytes
 *
 * Return: 0, -errno: -EINVAL if out of the driver's range
 */
int nl_link_set_mtu(int nl, unsigned ifindex, unsigned mtu)
{
	uint32_t value = mtu;

	return nl_link_set(nl, ifindex, IFLA_MTU, &value, sizeof(value));
}

/**
 * nl_link_set_txqlen() - Set the length of an interface's transmit queue
 * @nl:		Socket
 * @ifindex:	Interface
 * @frames:	Frames it may hold
 *
 * Return: 0, -errno
 */
int nl_link_set_txqlen(int nl, unsigned ifindex, unsigned frames)
{
	uint32_t value = frames;

	return nl_link_set(nl, ifindex, IFLA_TXQLEN, &value, sizeof(value));
}

/**
 * nl_link_set_ll_mode() - Say how the kernel makes the link-local address
 * @nl:		Socket
 * @ifindex:	Interface
 * @mode:	IN6_ADDR_GEN_MODE_*
 *
 * Return: 0, -errno
 */
static int nl_link_set_ll_mode(int nl, unsigned ifindex, uint8_t mode)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct nlattr *spec, *inet6;
	struct nl_req r;

	nl_req_start(&r, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	spec = nl_req_nest(&r, IFLA_AF_SPEC);
	inet6 = nl_req_nest(&r, AF_INET6);
	nl_req_put(&r, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	nl_req_nest_end(&r, inet6);
	nl_req_nest_end(&r, spec);
	return nl_request(nl, &r);
}

/**
 * nl_link_up() - Bring an interface up
 * @nl:		Socket
 * @ifindex:	Interface
 *
 * Return: 0, -errno
 */
static int nl_link_up(int nl, unsigned ifindex)
{
	struct ifinfomsg ifi = {
		.ifi_index = (int)ifindex,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct nl_req r;

	nl_req_start(&r, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	return nl_request(nl, &r);
}

/**
 * nl_link_add_ll() - Add the link-local address the kernel would have made
 * @nl:		Socket
 * @ifindex:	Interface, up, with a MAC address
 *
 * Return: 0, -errno
 *
 * Source: RFC 4291, appendix A: modified EUI-64 of a 48-bit MAC address
 */
static int nl_link_add_ll(int nl, unsigned ifindex)
{
	struct in6_addr a6 = { .s6_addr = { 0xfe, 0x80 } };
	uint8_t mac[MAC_LEN];
	struct addr a;
	int ret;

	ret = nl_link_mac(nl, ifindex, mac);
	if (ret)
		return ret;

	memcpy(&a6.s6_addr[8], mac, 3);
	memcpy(&a6.s6_addr[13], mac + 3, 3);
	a6.s6_addr[8] ^= 0x02;		/* Universal/local bit, inverted */
	a6.s6_addr[11] = 0xff;
	a6.s6_addr[12] = 0xfe;

	a = addr_from_v6(&a6);
	return nl_addr_add(nl, ifindex, &a, 64);
}

/**
 * nl_link_set_up() - Bring an interface up
 * @nl:		Socket
 * @ifindex:	Interface
 * @no_ll_dad:	Have its IPv6 link-local address usable at once
 *
 * The kernel makes link-local addresses tentative, and nothing would be sent
 * for a second or so. Sysctls against that are not writable everywhere, and to
 * change the address afterwards is too late: so keep the kernel from making
 * one, and add it instead. Once that is done, let the kernel do it again, for
 * the next time the interface goes up.
 *
 * A missing link-local address is no failure: IPv6 might be disabled.
 *
 * Return: 0, -errno if the interface isn't up
 */
int nl_link_set_up(int nl, unsigned ifindex, bool no_ll_dad)
{
	bool ours = no_ll_dad &&
		    !nl_link_set_ll_mode(nl, ifindex, IN6_ADDR_GEN_MODE_NONE);
	int ret = nl_link_up(nl, ifindex);

	if (!ours)
		return ret;

	if (!ret && nl_link_add_ll(nl, ifindex))
		debug("netlink: no IPv6 link-local address on interface %u",
		      ifindex);
	nl_link_set_ll_mode(nl, ifindex, IN6_ADDR_GEN_MODE_EUI64);
	return ret;
}

/**
 * nl_addr_parse() - Take a message about an address apart
 * @h:		Message
 * @ifindex:	Interface the address has to belong to
 * @v:		IP version it has to be of
 * @a:		The address
 *
 * Return: true if it is an address as asked for
 */
static bool nl_addr_parse(const struct nlmsghdr *h, unsigned ifindex,
			  enum ipver v, struct nl_address *a)
{
	if (h->nlmsg_type != RTM_NEWADDR ||
	    !nl_body(h, &a->ifa, sizeof(a->ifa)) ||
	    a->ifa.ifa_index != ifindex || a->ifa.ifa_family != addr_family(v))
		return false;
	if (a->ifa.ifa_prefixlen > (v == V4 ? PREFIX_MAX_V4 : PREFIX_MAX_V6))
		return false;

	nl_msg_attrs(h, sizeof(a->ifa), a->at, ARRAY_SIZE(a->at) - 1);
	a->flags = nl_attr_u32(&a->at[IFA_FLAGS], a->ifa.ifa_flags);

	/* On a point-to-point link, IFA_ADDRESS is the peer's address */
	if (!nl_attr_addr(&a->at[IFA_LOCAL], &a->local) &&
	    !nl_attr_addr(&a->at[IFA_ADDRESS], &a->local))
		return false;
	return addr_version(&a->local) == v;
}

/**
 * nl_addr_dump() - Ask for the addresses of an interface
 * @nl:		Socket
 * @ifindex:	Interface
 * @v:		IP version
 * @d:		Answer, possibly with addresses of other interfaces; to be
 *		freed by nl_dump_free() in any case
 *
 * Return: 0, -errno
 */
static int nl_addr_dump(int nl, unsigned ifindex, enum ipver v,
			struct nl_dump *d)
{
	struct ifaddrmsg ifa = {
		.ifa_family = (uint8_t)addr_family(v), .ifa_index = ifindex,
	};
	struct nl_req r;

	nl_req_start(&r, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));
	return nl_query(nl, &r, d);
}

/**
 * nl_addr_rank() - How well an address represents its interface
 * @a:		Address
 *
 * Return: greater for better ones: lasting addresses, then ones that go away
 *	   or change, then ones of the link only; -1 for ones that don't work
 */
static int nl_addr_rank(const struct nl_address *a)
{
	if (a->ifa.ifa_scope >= RT_SCOPE_HOST || (a->flags & IFA_F_DADFAILED))
		return -1;
	if (a->ifa.ifa_scope >= RT_SCOPE_LINK)
		return a->ifa.ifa_family == AF_INET ? 0 : -1;
	if (a->flags & IFA_F_DEPRECATED)
		return RANK_DEPRECATED;
	if (a->ifa.ifa_family == AF_INET6 && (a->flags & IFA_F_TEMPORARY))
		return 2;
	return 3;
}

/**
 * nl_addr_first() - Address of an interface to present to the guest
 * @nl:		Socket
 * @ifindex:	Interface
 * @v:		IP version
 * @a:		Address, set on success
 * @prefix_len:	Length of its prefix, bits, set on success
 *
 * This is the first one that is global. An IPv4 address of the link only will
 * do if there is nothing else.
 *
 * Return: 0, -EADDRNOTAVAIL if the interface has none, -errno
 */
int nl_addr_first(int nl, unsigned ifindex, enum ipver v, struct addr *a,
		  int *prefix_len)
{
	const struct nlmsghdr *h;
	struct nl_address cand;
	struct nl_dump d;
	int ret, best = -1;

	ret = nl_addr_dump(nl, ifindex, v, &d);
	if (ret)
		goto out;

	for (h = nl_dump_next(&d, NULL); h; h = nl_dump_next(&d, h)) {
		if (!nl_addr_parse(h, ifindex, v, &cand) ||
		    nl_addr_rank(&cand) <= best)
			continue;
		best = nl_addr_rank(&cand);
		*a = cand.local;
		*prefix_len = cand.ifa.ifa_prefixlen;
	}
	if (best < 0)
		ret = -EADDRNOTAVAIL;
out:
	nl_dump_free(&d);
	return ret;
}

/**
 * nl_addr_start() - Start a request for a lasting address, usable at once
 * @r:		Request
 * @ifindex:	Interface
 * @a:		Address
 * @prefix_len:	Length of its prefix, bits
 * @flags:	IFA_F_* besides those
 *
 * An address that is there already is left as it is.
 */
static void nl_addr_start(struct nl_req *r, unsigned ifindex,
			  const struct addr *a, int prefix_len, uint32_t flags)
{
	struct ifaddrmsg ifa = {
		.ifa_family = (uint8_t)addr_family(addr_version(a)),
		.ifa_prefixlen = (uint8_t)prefix_len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = ifindex,
	};

	if (addr_version(a) == V6)
		flags |= IFA_F_NODAD;

	nl_req_start(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa,
		     sizeof(ifa));
	nl_req_put_addr(r, IFA_LOCAL, a);
	nl_req_put_u32(r, IFA_FLAGS, flags | IFA_F_PERMANENT);
}

/**
 * nl_addr_add() - Give an interface an address, lasting and usable at once
 * @nl:		Socket
 * @ifindex:	Interface
 * @a:		Address
 * @prefix_len:	Length of its prefix, bits
 *
 * Return: 0, also if it has the address already; -errno
 */
int nl_addr_add(int nl, unsigned ifindex, const struct addr *a, int prefix_len)
{
	struct nl_req r;
	int ret;

	nl_addr_start(&r, ifindex, a, prefix_len, 0);
	nl_req_put_addr(&r, IFA_ADDRESS, a);
	ret = nl_request(nl, &r);
	return ret == -EEXIST ? 0 : ret;
}

/**
 * nl_addr_copy_one() - Add an address as another interface has it
 * @nl:		Socket
 * @ifindex:	Interface that gets it
 * @a:		Address
 *
 * Return: 0, also if it has the address already; -errno
 */
static int nl_addr_copy_one(int nl, unsigned ifindex,
			    const struct nl_address *a)
{
	static const uint16_t kept[] = { IFA_BROADCAST, IFA_RT_PRIORITY };
	struct addr peer;
	struct nl_req r;
	size_t i;
	int ret;

	nl_addr_start(&r, ifindex, &a->local, a->ifa.ifa_prefixlen,
		      a->flags & ADDR_FLAGS_COPIED);
	if (!nl_attr_addr(&a->at[IFA_ADDRESS], &peer))
		peer = a->local;
	nl_req_put_addr(&r, IFA_ADDRESS, &peer);

	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		const struct nl_attr *attr = &a->at[kept[i]];

		if (attr->data)
			nl_req_put(&r, kept[i], attr->data, attr->len);
	}

	ret = nl_request(nl, &r);
	return ret == -EEXIST ? 0 : ret;
}

/**
 * nl_addr_in_turn() - Find the message about the address to be added next
 * @d:		Addresses, in the order the kernel has them
 * @v:		IP version
 * @n:		Number of those before
 *
 * The kernel puts new IPv4 addresses after those it has, but new IPv6 ones
 * before them. The order counts: where several addresses would do as the source
 * of a packet, the kernel takes the first one.
 *
 * Takes as long as there are addresses.
 *
 * Return: message, NULL if all have had their turn
 */
static const struct nlmsghdr *nl_addr_in_turn(const struct nl_dump *d,
					      enum ipver v, unsigned n)
{
	const struct nlmsghdr *h;
	unsigned count = 0;

	for (h = nl_dump_next(d, NULL); h; h = nl_dump_next(d, h))
		count++;
	if (n >= count)
		return NULL;

	n = v == V6 ? count - 1 - n : n;
	for (h = nl_dump_next(d, NULL); n; n--)
		h = nl_dump_next(d, h);
	return h;
}

/**
 * nl_addr_rank_copied() - Least rank of addresses that are copied
 * @d:		Addresses
 * @ifindex:	Interface that has them
 * @v:		IP version
 *
 * What is copied stays for good and may become the source of connections, but
 * deprecated addresses are on their way out: their prefix often doesn't work
 * any more. They are copied only if there are no others.
 *
 * Return: that rank, see nl_addr_rank()
 */
static int nl_addr_rank_copied(const struct nl_dump *d, unsigned ifindex,
			       enum ipver v)
{
	const struct nlmsghdr *h;
	struct nl_address a;

	for (h = nl_dump_next(d, NULL); h; h = nl_dump_next(d, h)) {
		if (nl_addr_parse(h, ifindex, v, &a) &&
		    nl_addr_rank(&a) > RANK_DEPRECATED)
			return RANK_DEPRECATED + 1;
	}
	return RANK_DEPRECATED;
}

/**
 * nl_addr_copy() - Copy the addresses of an interface, but for link-local and
 *		    deprecated ones
 * @src_nl:	Socket where they are
 * @src_ifindex: Interface that has them
 * @dst_nl:	Socket where they go
 * @dst_ifindex: Interface that gets them
 * @v:		IP version
 *
 * One that can't be added doesn't keep the others from being copied.
 *
 * Return: 0, the first -errno otherwise
 */
int nl_addr_copy(int src_nl, unsigned src_ifindex, int dst_nl,
		 unsigned dst_ifindex, enum ipver v)
{
	const struct nlmsghdr *h;
	struct nl_address a;
	struct nl_dump d;
	int ret, least;
	unsigned i;

	ret = nl_addr_dump(src_nl, src_ifindex, v, &d);
	if (ret)
		goto out;

	least = nl_addr_rank_copied(&d, src_ifindex, v);
	for (i = 0; (h = nl_addr_in_turn(&d, v, i)); i++) {
		char str[ADDR_STRLEN];
		int one;

		if (!nl_addr_parse(h, src_ifindex, v, &a) ||
		    nl_addr_rank(&a) < least)
			continue;

		one = nl_addr_copy_one(dst_nl, dst_ifindex, &a);
		if (!one)
			continue;
		warn("Can't copy address %s/%i: %s", addr_str(&a.local, str),
		     a.ifa.ifa_prefixlen, log_strerror(-one));
		if (!ret)
			ret = one;
	}
out:
	nl_dump_free(&d);
	return ret;
}

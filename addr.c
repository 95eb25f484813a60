// SPDX-License-Identifier: BSD-3-Clause
/* addr.c - one type for addresses of both IP versions
 *
 * IPv4 addresses are kept in their IPv4-mapped form (RFC 4291, 2.5.5.2), so
 * that most code compares, hashes and stores addresses without asking for the
 * version. An address of all zeroes is "unset" and, as an IPv6 address, the
 * unspecified one; 0.0.0.0 is unspecified too, but set.
 *
 * An IPv4-mapped address never means IPv6 here: addr_from_sockaddr() takes
 * what a dual-stack socket reports for an IPv4 peer as just that peer.
 */

#include <string.h>
#include <arpa/inet.h>

#include "addr.h"

#define MAPPED(a, b, c, d)						\
	{ .a6.s6_addr = { [10] = 0xff, [11] = 0xff, a, b, c, d } }

const struct addr addr_loopback[IPVER_MAX] = {
	[V4] = MAPPED(127, 0, 0, 1),
	[V6] = { .a6 = IN6ADDR_LOOPBACK_INIT },
};

const struct addr addr_any[IPVER_MAX] = {
	[V4] = MAPPED(0, 0, 0, 0),
	[V6] = { .a6 = IN6ADDR_ANY_INIT },
};

/**
 * addr_from_v4() - Make an address from an IPv4 one
 * @a4:		IPv4 address, network byte order
 *
 * Return: the address
 */
struct addr addr_from_v4(struct in_addr a4)
{
	struct addr a = addr_any[V4];

	memcpy(&a.a6.s6_addr[12], &a4, sizeof(a4));
	return a;
}

/**
 * addr_from_v6() - Make an address from an IPv6 one
 * @a6:		IPv6 address; an IPv4-mapped one yields an IPv4 address
 *
 * Return: the address
 */
struct addr addr_from_v6(const struct in6_addr *a6)
{
	return (struct addr){ .a6 = *a6 };
}

/**
 * addr_to_v4() - IPv4 form of an address
 * @a:		Address of version V4; others yield their last four bytes
 *
 * Return: IPv4 address, network byte order
 */
struct in_addr addr_to_v4(const struct addr *a)
{
	struct in_addr a4;

	memcpy(&a4, &a->a6.s6_addr[12], sizeof(a4));
	return a4;
}

/**
 * addr_host_v4() - IPv4 address as a number
 * @a:		Address of version V4
 *
 * Return: IPv4 address, host byte order
 */
static uint32_t addr_host_v4(const struct addr *a)
{
	return ntohl(addr_to_v4(a).s_addr);
}

/**
 * addr_version() - Which IP version an address belongs to
 * @a:		Address; an unset one counts as IPv6
 *
 * Return: version
 */
enum ipver addr_version(const struct addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(&a->a6) ? V4 : V6;
}

/**
 * addr_is_set() - Does this hold an address?
 * @a:		Address
 *
 * Return: false if all bits are zero
 */
bool addr_is_set(const struct addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&a->a6);
}

/**
 * addr_is_equal() - Are both the same address?
 * @a:		Address
 * @b:		Address
 *
 * Return: true if they are
 */
bool addr_is_equal(const struct addr *a, const struct addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/**
 * addr_is_loopback() - Is it an address of the own node?
 * @a:		Address
 *
 * Return: true for 127.0.0.0/8 and ::1
 *
 * Source: RFC 1122, 3.2.1.3 (g); RFC 4291, 2.5.3
 */
bool addr_is_loopback(const struct addr *a)
{
	if (addr_version(a) == V4)
		return addr_host_v4(a) >> 24 == 127;

	return IN6_IS_ADDR_LOOPBACK(&a->a6);
}

/**
 * addr_is_unspecified() - Is it the "any" address of its version?
 * @a:		Address
 *
 * Return: true for 0.0.0.0 and ::, the latter being an unset address as well
 */
bool addr_is_unspecified(const struct addr *a)
{
	return addr_is_equal(a, &addr_any[addr_version(a)]);
}

/**
 * addr_is_multicast() - Is it the address of a group?
 * @a:		Address
 *
 * Return: true for 224.0.0.0/4 and ff00::/8
 *
 * Source: RFC 5771, 3; RFC 4291, 2.7
 */
bool addr_is_multicast(const struct addr *a)
{
	if (addr_version(a) == V4)
		return addr_host_v4(a) >> 28 == 0xe;

	return IN6_IS_ADDR_MULTICAST(&a->a6);
}

/**
 * addr_is_broadcast() - Is it the limited broadcast address?
 * @a:		Address
 *
 * Return: true for 255.255.255.255; directed ones can't be told without the
 *	   prefix
 */
bool addr_is_broadcast(const struct addr *a)
{
	return addr_version(a) == V4 && addr_host_v4(a) == INADDR_BROADCAST;
}

/**
 * addr_is_linklocal() - Is it a unicast address valid on one link only?
 * @a:		Address
 *
 * Return: true for 169.254.0.0/16 and fe80::/10
 *
 * Source: RFC 3927, 2.1; RFC 4291, 2.5.6
 */
bool addr_is_linklocal(const struct addr *a)
{
	if (addr_version(a) == V4)
		return addr_host_v4(a) >> 16 == 0xa9fe;

	return IN6_IS_ADDR_LINKLOCAL(&a->a6);
}

/**
 * addr_is_unicast() - Can it be the address of exactly one interface?
 * @a:		Address
 *
 * Return: false for unset, unspecified, multicast and broadcast addresses;
 *	   true for all others, loopback ones included, unlike
 *	   addr_is_external()
 */
bool addr_is_unicast(const struct addr *a)
{
	return !addr_is_unspecified(a) && !addr_is_multicast(a) &&
	       !addr_is_broadcast(a);
}

/**
 * addr_is_external() - Can a machine have this address on a network?
 * @a:		Address
 *
 * Return: false for unset, unspecified, multicast, broadcast and loopback
 *	   addresses; true for all others, link-local ones included
 *
 * Source: RFC 1122, 3.2.1.3; RFC 4291, 2.5.2 and 2.5.3
 */
bool addr_is_external(const struct addr *a)
{
	return addr_is_unicast(a) && !addr_is_loopback(a);
}

/**
 * addr_may_send() - Can a machine on a network send from this address?
 * @a:		Address
 *
 * Return: true for those that addr_is_external() is true for, and for the
 *	   unspecified one, as who has none yet may ask for one
 *
 * Source: RFC 1122, 3.2.1.3 (a); RFC 4291, 2.5.2
 */
bool addr_may_send(const struct addr *a)
{
	return addr_is_external(a) || addr_is_unspecified(a);
}

/**
 * addr_in_prefix() - Does a prefix contain an address?
 * @a:		Address
 * @net:	Any address in the prefix
 * @bits:	Length of the prefix, 0 to 32 for IPv4, 0 to 128 for IPv6
 *
 * Return: true if it does; false too for different versions and for @bits out
 *	   of range
 */
bool addr_in_prefix(const struct addr *a, const struct addr *net, int bits)
{
	enum ipver v = addr_version(net);
	int bytes;
	uint8_t diff;

	if (addr_version(a) != v || bits < 0 || bits > (v == V4 ? 32 : 128))
		return false;

	if (v == V4)
		bits += 96;
	bytes = bits / 8;
	if (memcmp(&a->a6, &net->a6, (size_t)bytes) != 0)
		return false;
	if (!(bits % 8))
		return true;

	diff = a->a6.s6_addr[bytes] ^ net->a6.s6_addr[bytes];
	return !(diff >> (8 - bits % 8));
}

/**
 * addr_family() - Address family of an IP version
 * @v:		Version
 *
 * Return: AF_INET or AF_INET6
 */
int addr_family(enum ipver v)
{
	return v == V4 ? AF_INET : AF_INET6;
}

/**
 * addr_str() - Text of an address
 * @a:		Address
 * @buf:	Where to write it
 *
 * Return: @buf
 */
const char *addr_str(const struct addr *a, char buf[static ADDR_STRLEN])
{
	struct in_addr a4 = addr_to_v4(a);

	if (addr_version(a) == V4)
		inet_ntop(AF_INET, &a4, buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, &a->a6, buf, ADDR_STRLEN);

	return buf;
}

/**
 * addr_to_sockaddr() - Make a socket address of the address's own family
 * @sa:		Where to write it
 * @a:		Address
 * @port:	Port, host byte order
 * @scope_id:	Interface index for link-local IPv6 addresses, 0 for none
 *
 * Return: length of the socket address
 */
socklen_t addr_to_sockaddr(union sockaddr_any *sa, const struct addr *a,
			   uint16_t port, uint32_t scope_id)
{
	memset(sa, 0, sizeof(*sa));

	if (addr_version(a) == V4) {
		sa->v4.sin_family = AF_INET;
		sa->v4.sin_port = htons(port);
		sa->v4.sin_addr = addr_to_v4(a);
		return sizeof(sa->v4);
	}

	sa->v6.sin6_family = AF_INET6;
	sa->v6.sin6_port = htons(port);
	sa->v6.sin6_addr = a->a6;
	sa->v6.sin6_scope_id = scope_id;
	return sizeof(sa->v6);
}

/**
 * addr_from_sockaddr() - Take address and port out of a socket address
 * @sa:		Socket address, as the kernel filled it
 * @a:		Where the address goes
 * @port:	Where the port goes, host byte order; may be NULL
 *
 * Return: false for families other than AF_INET and AF_INET6, then nothing
 *	   is written
 */
bool addr_from_sockaddr(const union sockaddr_any *sa, struct addr *a,
			uint16_t *port)
{
	uint16_t p;

	if (sa->sa.sa_family == AF_INET) {
		*a = addr_from_v4(sa->v4.sin_addr);
		p = ntohs(sa->v4.sin_port);
	} else if (sa->sa.sa_family == AF_INET6) {
		*a = addr_from_v6(&sa->v6.sin6_addr);
		p = ntohs(sa->v6.sin6_port);
	} else {
		return false;
	}

	if (port)
		*port = p;
	return true;
}

// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_netlink.c - the kernel's answers to rtnetlink requests, notifications
 *
 * Not that the kernel is hostile: but attributes come and go with versions,
 * and names, routes and addresses in there are other people's. The input is
 * what recvfrom() gives, message by message: a byte for the type, one for
 * flags, one for the length of the payload, and that. Headers are made right,
 * unless a flag says that all is taken as it is. All functions that ask the
 * kernel are called, in turn, or messages go to who watches neighbours.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "arp.h"
#include "ndp.h"
#include "neigh.h"
#include "neigh_watch.h"
#include "netlink.h"
#include "own.h"
#include "passt.h"

#define CALLS_MAX		300	/* Of send(): copying is O(N^2) */
#define EVENTS_MAX		16	/* Of neighbours */
#define NO_FD			(1 << 20)
#define AS_IT_IS		0x80
#define IN_ONE			0x40	/* With the next message */
#define OTHER_SEQ		0x20

static const uint8_t *input;
static size_t input_len;
static uint32_t seq;
static unsigned calls;

/**
 * next_byte() - Next byte of the input
 *
 * Return: it, 0 at the end
 */
static uint8_t next_byte(void)
{
	if (!input_len)
		return 0;
	input_len--;
	return *input++;
}

/**
 * put_message() - Write the next message
 * @buf:	Where to
 * @more:	Set to whether another one follows at once
 *
 * Return: its length, padded
 */
static size_t put_message(uint8_t *buf, bool *more)
{
	static const uint16_t types[] = {
		RTM_NEWROUTE, RTM_NEWADDR, RTM_NEWLINK, NLMSG_DONE,
		NLMSG_ERROR, NLMSG_NOOP, RTM_NEWNEXTHOP, NLMSG_OVERRUN,
	};
	static const uint16_t neigh_types[] = { RTM_NEWNEIGH, RTM_DELNEIGH };
	uint8_t type = next_byte(), flags = next_byte();
	size_t len = next_byte();
	struct nlmsghdr h = {
		.nlmsg_type = type < 0xf0 ? types[type % 8] :
					    neigh_types[type % 2],
		.nlmsg_flags = flags & 0x1f,
		.nlmsg_seq = flags & OTHER_SEQ ? seq + 1 : seq,
	};

	len = len < input_len ? len : input_len;
	memset(buf, 0, NLMSG_SPACE(len));
	h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(buf, &h, sizeof(h));
	memcpy(flags & AS_IT_IS ? buf : buf + NLMSG_HDRLEN, input, len);
	input += len;
	input_len -= len;
	*more = flags & IN_ONE;
	return flags & AS_IT_IS ? len : NLMSG_SPACE(len);
}

/**
 * send() - See send(2): takes note of the request's number
 */
ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct nlmsghdr h;

	(void)fd;
	(void)flags;
	assert_true(len >= sizeof(h));
	memcpy(&h, buf, sizeof(h));
	assert_int_equal(h.nlmsg_len, len);
	seq = h.nlmsg_seq;
	if (calls++ < CALLS_MAX)
		return (ssize_t)len;
	errno = ECONNREFUSED;
	return -1;
}

/**
 * recvfrom() - See recvfrom(2): gives the next messages
 */
ssize_t recvfrom(int fd, void *buf, size_t size, int flags,
		 struct sockaddr *from, socklen_t *from_len)
{
	uint8_t *p = buf;
	size_t len = 0;
	bool more = true;

	(void)fd;
	(void)flags;
	memset(from, 0, *from_len);
	if (!input_len) {
		errno = EIO;
		return -1;
	}
	while (more && input_len && len + NLMSG_SPACE(256) <= size)
		len += put_message(p + len, &more);
	return (ssize_t)len;
}

/**
 * socket() - See socket(2): gives a descriptor that is none
 */
int socket(int domain, int type, int protocol)
{
	(void)type;
	(void)protocol;
	assert_int_equal(domain, AF_NETLINK);
	return NO_FD;
}

/**
 * bind() - See bind(2): does nothing
 */
int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)fd;
	(void)sa;
	(void)len;
	return 0;
}

/**
 * setsockopt() - See setsockopt(2): does nothing
 */
int setsockopt(int fd, int level, int opt, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)opt;
	(void)value;
	(void)len;
	return 0;
}

/**
 * check_announced() - Check a neighbour that the guest would be told of
 * @c:		Execution context
 * @a:		Its address
 */
static void check_announced(struct ctx *c, const struct addr *a)
{
	const uint8_t *mac = neigh_mac(&c->tap, a);

	assert_true(addr_is_unicast(a) && !addr_is_loopback(a));
	if (mac == c->tap.our_mac)	/* The guest has the same */
		return;
	assert_false(mac[0] & 1);
	assert_true(neigh_has_mac(c->tap.neigh, mac));
}

/**
 * arp_announce_neighbour() - Check an IPv4 neighbour
 */
void arp_announce_neighbour(struct ctx *c, const struct addr *a)
{
	assert_true(addr_version(a) == V4);
	check_announced(c, a);
}

/**
 * ndp_announce_neighbour() - Check an IPv6 neighbour
 */
void ndp_announce_neighbour(struct ctx *c, const struct addr *a)
{
	assert_true(addr_version(a) == V6);
	check_announced(c, a);
}

/**
 * watch_neighbours() - Have notifications of neighbours come
 */
static void watch_neighbours(void)
{
	static struct ctx c;
	unsigned i;

	for (i = 0; i < IPVER_MAX; i++) {
		c.conf.ip[i].enabled = true;
		c.conf.ip[i].template_index = 2;
	}
	c.tap.ready = true;
	c.neigh_watch = NULL;
	neigh_watch_init(&c);
	assert_non_null(c.neigh_watch);
	for (i = 0; i < EVENTS_MAX && input_len; i++)
		neigh_watch_event(&c);
	free(c.neigh_watch);
	free(c.tap.neigh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nl_template t;
	uint8_t mac[MAC_LEN], how;
	struct addr a;
	enum ipver v;
	int bits;

	input = data;
	input_len = size;
	calls = 0;
	how = next_byte();
	v = how & 1 ? V6 : V4;

	if (how & 2 && !nl_template_find(-1, v, how & 128 ? 2 : 0, &t)) {
		assert_non_null(memchr(t.ifname, '\0', sizeof(t.ifname)));
		assert_true(!t.has_addr || t.prefix_len <= 128);
	}
	if (how & 4)
		nl_route_copy(-1, 2, -1, 3, v);
	if (how & 8)
		nl_addr_copy(-1, 2, -1, 3, v);
	if (how & 16 && !nl_addr_first(-1, 2, v, &a, &bits))
		assert_true(addr_version(&a) == v);
	if (how & 32)
		nl_link_mac(-1, 2, mac);
	if (how & 64)
		nl_link_set_up(-1, 2, true);
	if (!(how & ~1U))
		watch_neighbours();
	nl_addr_is_broadcast(-1, &addr_loopback[v]);
	return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
/* test_netlink.c - what netlink.c makes of a kernel's answers
 *
 * send() and recvfrom() are the kernel's end: one answer, made by the test.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "netlink.h"
#include "nlmsg.h"

#define IFINDEX			2

static uint8_t answer[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
static size_t answer_len;
static uint32_t seq;

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	const struct nlmsghdr *h = buf;

	(void)fd;
	(void)flags;
	seq = h->nlmsg_seq;
	return (ssize_t)len;
}

ssize_t recvfrom(int fd, void *buf, size_t size, int flags,
		 struct sockaddr *from, socklen_t *from_len)
{
	struct nlmsghdr *h = (struct nlmsghdr *)answer;
	size_t len = answer_len;

	(void)fd;
	(void)flags;
	memset(from, 0, *from_len);
	assert_true(len && len <= size);
	while (len) {
		h->nlmsg_seq = seq;
		len -= NLMSG_ALIGN(h->nlmsg_len);
		h = (struct nlmsghdr *)((uint8_t *)h +
					NLMSG_ALIGN(h->nlmsg_len));
	}
	memcpy(buf, answer, answer_len);
	return (ssize_t)answer_len;
}

/* Append a message to the answer */
static void put(uint16_t type, const void *body, size_t len)
{
	struct nlmsghdr h = {
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(len), .nlmsg_type = type,
	};

	memcpy(answer + answer_len, &h, sizeof(h));
	memcpy(answer + answer_len + NLMSG_HDRLEN, body, len);
	answer_len += NLMSG_SPACE(len);
}

/* Append an address of the interface */
static void put_addr(const struct addr *a, uint8_t prefix_len)
{
	bool v4 = addr_version(a) == V4;
	size_t len = v4 ? 4 : 16;
	struct {
		struct ifaddrmsg ifa;
		struct nlattr attr;
		uint8_t addr[16];
	} body = {
		.ifa.ifa_family = (uint8_t)addr_family(addr_version(a)),
		.ifa.ifa_prefixlen = prefix_len, .ifa.ifa_index = IFINDEX,
		.attr.nla_type = IFA_LOCAL,
		.attr.nla_len = (uint16_t)(sizeof(body.attr) + len),
	};

	memcpy(body.addr, a->a6.s6_addr + (v4 ? 12 : 0), len);
	put(RTM_NEWADDR, &body, sizeof(body) - sizeof(body.addr) + len);
}

/* Addresses whose prefix is longer than they are don't count */
static void prefix_too_long(void **state)
{
	static const uint8_t none[4];
	static const uint8_t longest[IPVER_MAX] = { 32, 128 };
	struct in6_addr a6 = { .s6_addr = { 0x20, 1, 0x0d, 0xb8, [15] = 2 } };
	struct in_addr a4 = { htonl(0xc0000202) };
	struct addr good[IPVER_MAX], bad, got;
	int prefix_len;
	enum ipver v;

	(void)state;
	good[V4] = addr_from_v4(a4);
	good[V6] = addr_from_v6(&a6);
	for (v = V4; v < IPVER_MAX; v++) {
		answer_len = 0;
		bad = good[v];
		bad.a6.s6_addr[15] ^= 1;
		put_addr(&bad, longest[v] + 1);
		put_addr(&good[v], longest[v]);
		put(NLMSG_DONE, none, sizeof(none));
		assert_int_equal(nl_addr_first(-1, IFINDEX, v, &got,
					       &prefix_len), 0);
		assert_true(addr_is_equal(&got, &good[v]));
		assert_int_equal(prefix_len, longest[v]);

		answer_len = 0;
		put_addr(&bad, 255);
		put(NLMSG_DONE, none, sizeof(none));
		assert_int_equal(nl_addr_first(-1, IFINDEX, v, &got,
					       &prefix_len), -EADDRNOTAVAIL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

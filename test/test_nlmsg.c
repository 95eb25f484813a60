// SPDX-License-Identifier: BSD-3-Clause
/* test_nlmsg.c - rtnetlink messages: answers as kernels give them, and worse
 *
 * Answers are given datagram by datagram, to nl_collect() or through a socket
 * that stands in for the kernel.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include <cmocka.h>

#include "nlmsg.h"

#define SEQ	7

static uint8_t dgram[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
static size_t dgram_len;

/* Add a message to the datagram. Return: it, to be spoilt */
static struct nlmsghdr *add(uint16_t type, uint16_t flags, uint32_t seq,
			    const void *body, size_t len)
{
	struct nlmsghdr *h = (void *)(dgram + dgram_len);

	memset(h, 0, NLMSG_SPACE(len));
	h->nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_seq = seq;
	if (len)
		memcpy(NLMSG_DATA(h), body, len);
	dgram_len += NLMSG_SPACE(len);
	return h;
}

static void add_route(uint16_t flags, uint8_t dst_len)
{
	struct rtmsg rtm = { .rtm_family = AF_INET, .rtm_dst_len = dst_len };

	add(RTM_NEWROUTE, flags, SEQ, &rtm, sizeof(rtm));
}

static void add_end(uint16_t type, int error)
{
	add(type, NLM_F_MULTI, SEQ, &error, sizeof(error));
}

/* A copy of its exact size: the sanitizer sees each byte read beyond it */
static int collect(struct nl_dump *d)
{
	void *copy = malloc(dgram_len ? dgram_len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, dgram, dgram_len);
	ret = nl_collect(copy, dgram_len, SEQ, d);
	free(copy);
	dgram_len = 0;
	return ret;
}

static unsigned count(const struct nl_dump *d)
{
	const struct nlmsghdr *h;
	unsigned n = 0;

	for (h = nl_dump_next(d, NULL); h; h = nl_dump_next(d, h)) {
		struct rtmsg rtm;

		assert_true(nl_body(h, &rtm, sizeof(rtm)));
		assert_int_equal(rtm.rtm_dst_len, n++);
	}
	return n;
}

/* The end stands behind data, in the same datagram: scenario 65 */
static void test_done_in_same_datagram(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add_route(NLM_F_MULTI, 0);
	add_route(NLM_F_MULTI, 1);
	add_end(NLMSG_DONE, 0);
	assert_int_equal(collect(&d), 1);
	assert_int_equal(count(&d), 2);
	nl_dump_free(&d);
}

static void test_several_datagrams(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add_route(NLM_F_MULTI, 0);
	assert_int_equal(collect(&d), 0);
	add_route(NLM_F_MULTI, 1);
	add_route(NLM_F_MULTI, 2);
	assert_int_equal(collect(&d), 0);
	add(NLMSG_DONE, NLM_F_MULTI, SEQ, NULL, 0);
	assert_int_equal(collect(&d), 1);
	assert_int_equal(count(&d), 3);
	nl_dump_free(&d);
}

/* What follows the end belongs to nothing we asked for */
static void test_nothing_after_the_end(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add_route(NLM_F_MULTI, 0);
	add_end(NLMSG_DONE, 0);
	add_route(NLM_F_MULTI, 1);
	assert_int_equal(collect(&d), 1);
	assert_int_equal(count(&d), 1);
	nl_dump_free(&d);
}

static void test_results(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add_end(NLMSG_ERROR, 0);
	assert_int_equal(collect(&d), 1);
	add_end(NLMSG_ERROR, -EEXIST);
	assert_int_equal(collect(NULL), -EEXIST);
	add_end(NLMSG_DONE, -EINTR);
	assert_int_equal(collect(&d), -EINTR);
	add_end(NLMSG_DONE, 5);			/* No error number */
	assert_int_equal(collect(&d), -EPROTO);
	add(NLMSG_ERROR, 0, SEQ, NULL, 0);	/* Without the result */
	assert_int_equal(collect(&d), -EPROTO);
	assert_null(d.buf);
}

/* An answer to a request before, or to somebody else's, is not ours */
static void test_other_sequence(void **state)
{
	struct nl_dump d = { 0 };
	int error = -EPERM;

	(void)state;
	add(RTM_NEWROUTE, NLM_F_MULTI, SEQ - 1, NULL, 0);
	add(NLMSG_ERROR, 0, SEQ - 1, &error, sizeof(error));
	add(NLMSG_DONE, 0, SEQ + 1, NULL, 0);
	add_route(NLM_F_MULTI, 0);
	assert_int_equal(collect(&d), 0);
	assert_int_equal(count(&d), 1);
	nl_dump_free(&d);
}

/* Tables changed meanwhile: in whichever message that is noted */
static void test_interrupted(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add_route(NLM_F_MULTI, 0);
	add_route(NLM_F_MULTI | NLM_F_DUMP_INTR, 1);
	assert_int_equal(collect(&d), 0);
	assert_true(d.interrupted);

	d.interrupted = false;
	add(NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, SEQ, NULL, 0);
	assert_int_equal(collect(&d), 1);
	assert_true(d.interrupted);
	nl_dump_free(&d);
}

static void test_noop_skipped(void **state)
{
	struct nl_dump d = { 0 };

	(void)state;
	add(NLMSG_NOOP, 0, SEQ, NULL, 0);
	add_route(NLM_F_MULTI, 0);
	assert_int_equal(collect(&d), 0);
	assert_int_equal(count(&d), 1);
	nl_dump_free(&d);
}

/* Lengths that lie, and every place a datagram may be cut at */
static void test_malformed(void **state)
{
	static const uint32_t lies[] = {
		0, 1, NLMSG_HDRLEN - 1, 4096, 0x7fffffff, 0x80000000,
		0xfffffff0, 0xfffffffd, 0xffffffff,
	};
	struct nl_dump d = { 0 };
	struct nlmsghdr *h;
	size_t i, full;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		h = add(RTM_NEWROUTE, NLM_F_MULTI, SEQ, "abcd", 4);
		h->nlmsg_len = lies[i];
		assert_int_equal(collect(&d), -EPROTO);
	}

	add_route(NLM_F_MULTI, 0);
	full = dgram_len;
	for (i = 1; i < full; i++) {
		dgram_len = i;
		assert_int_equal(collect(&d), -EPROTO);
	}
	assert_int_equal(d.len, 0);
	dgram_len = 0;
	assert_int_equal(collect(&d), 0);
	nl_dump_free(&d);
}

/* Length is no multiple of four at the very end */
static void test_unpadded_end(void **state)
{
	struct nl_dump d = { 0 };
	struct nlmsghdr *h;

	(void)state;
	h = add(RTM_NEWROUTE, NLM_F_MULTI, SEQ, "abcde", 5);
	dgram_len = h->nlmsg_len;
	assert_int_equal(collect(&d), 0);
	h = nl_dump_next(&d, NULL);
	assert_non_null(h);
	assert_int_equal(h->nlmsg_len, NLMSG_HDRLEN + 5);
	assert_null(nl_dump_next(&d, h));
	nl_dump_free(&d);
}

/* Messages of an answer that has to grow its memory stay as they were */
static void test_dump_grows(void **state)
{
	struct nl_dump d = { 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 200; i++) {
		add_route(NLM_F_MULTI, (uint8_t)i);
		assert_int_equal(collect(&d), 0);
	}
	assert_int_equal(count(&d), 200);
	nl_dump_free(&d);
}

/* Bytes of a number as the kernel has it: in the machine's own order */
#if __BYTE_ORDER == __BIG_ENDIAN
#define U16(x)		(uint8_t)((x) >> 8), (uint8_t)(x)
#else
#define U16(x)		(uint8_t)(x), (uint8_t)((x) >> 8)
#endif

static void test_attributes(void **state)
{
	static const uint8_t data[] __attribute__((aligned(4))) = {
		U16(5), U16(1), 'a', 0, 0, 0,		/* Type 1, padded */
		U16(4), U16(2),				/* Type 2, empty */
		U16(8), U16(99), 1, 2, 3, 4,		/* Beyond our types */
		U16(8), U16(0x8003), 9, 9, 9, 9,	/* Nested bit */
		U16(8), U16(3), 1, 0, 0, 0,		/* The last counts */
		U16(9), U16(4), 1, 2, 3, 4,		/* Longer than it is */
	};
	struct nl_attr at[5];

	(void)state;
	nl_attrs(data, sizeof(data), at, 4);
	assert_int_equal(at[1].len, 1);
	assert_int_equal(at[1].data[0], 'a');
	assert_non_null(at[2].data);
	assert_int_equal(at[2].len, 0);
	assert_int_equal(nl_attr_u32(&at[3], 5), htole32(1));
	assert_int_equal(nl_attr_u32(&at[1], 5), 5);	/* Too short */
	assert_int_equal(nl_attr_u32(&at[0], 5), 5);	/* Not there */
	assert_null(at[4].data);

	nl_attrs(data, 3, at, 4);
	assert_null(at[1].data);
	nl_attrs("\1\0\1\0", 4, at, 4);	/* Shorter than itself */
	assert_null(at[1].data);
	nl_attrs("\0\0\1\0", 4, at, 4);
	assert_null(at[1].data);
}

static void test_body(void **state)
{
	struct rtmsg rtm;
	struct nl_attr at[RTA_MAX + 1];
	struct nlmsghdr *h;

	(void)state;
	h = add(RTM_NEWROUTE, 0, SEQ, "abc", 3);
	dgram_len = 0;
	assert_false(nl_body(h, &rtm, sizeof(rtm)));
	assert_true(nl_body(h, &rtm, 3));
	nl_msg_attrs(h, sizeof(rtm), at, RTA_MAX);
	assert_null(at[RTA_OIF].data);
}

static void test_addresses(void **state)
{
	static const uint8_t bytes[17] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct nl_attr at = { bytes, 4 };
	struct addr a;

	(void)state;
	assert_true(nl_attr_addr(&at, &a));
	assert_int_equal(addr_version(&a), V4);
	at.len = 16;
	assert_true(nl_attr_addr(&at, &a));
	assert_int_equal(addr_version(&a), V6);
	for (at.len = 0; at.len < 18; at.len++) {
		if (at.len != 4 && at.len != 16)
			assert_false(nl_attr_addr(&at, &a));
	}
	assert_false(nl_attr_addr(&(struct nl_attr){ 0 }, &a));
}

/* What is built can be taken apart, nested attributes included */
static void test_request(void **state)
{
	struct rtmsg rtm = { .rtm_family = AF_INET6 };
	struct nl_attr at[RTA_MAX + 1], inner[3];
	struct nlattr *nest;
	struct nl_req r;

	(void)state;
	nl_req_start(&r, RTM_NEWROUTE, NLM_F_CREATE, &rtm, sizeof(rtm));
	nl_req_put(&r, RTA_IIF, "x", 1);
	nest = nl_req_nest(&r, RTA_METRICS);
	nl_req_put_u32(&r, 1, 10);
	nl_req_put_u32(&r, 2, 20);
	nl_req_nest_end(&r, nest);
	nl_req_put_addr(&r, RTA_DST, &addr_loopback[V4]);
	nl_req_put_addr(&r, RTA_GATEWAY, &addr_loopback[V6]);

	assert_false(r.full);
	assert_int_equal(r.hdr.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	nl_msg_attrs(&r.hdr, sizeof(rtm), at, RTA_MAX);
	assert_int_equal(at[RTA_IIF].len, 1);
	assert_int_equal(at[RTA_DST].len, 4);
	assert_int_equal(at[RTA_GATEWAY].len, 16);
	nl_attrs(at[RTA_METRICS].data, at[RTA_METRICS].len, inner, 2);
	assert_int_equal(nl_attr_u32(&inner[1], 0), 10);
	assert_int_equal(nl_attr_u32(&inner[2], 0), 20);
}

/* A request that doesn't fit is not sent in part */
static void test_request_too_long(void **state)
{
	static const uint8_t big[NL_REQ_MAX];
	struct nl_req r;
	unsigned i;

	(void)state;
	nl_req_start(&r, RTM_NEWROUTE, 0, NULL, 0);
	for (i = 0; i < NL_REQ_MAX; i++)
		nl_req_put_u32(&r, 1, i);
	assert_true(r.full);
	assert_true(r.hdr.nlmsg_len <= NL_REQ_MAX);
	assert_int_equal(nl_request(-1, &r), -EMSGSIZE);

	nl_req_start(&r, RTM_NEWROUTE, 0, big, sizeof(big));
	assert_int_equal(nl_request(-1, &r), -EMSGSIZE);
	nl_req_start(&r, RTM_NEWROUTE, 0, NULL, 0);
	nl_req_nest_end(&r, nl_req_nest(&r, 1));
	nl_req_put(&r, 1, big, (size_t)-1);
	assert_int_equal(nl_request(-1, &r), -EMSGSIZE);
}

/* Answer ahead of the request: its sequence number has to be foreseen */
static void answer(int fd, uint32_t seq, uint16_t flags, int error)
{
	struct rtmsg rtm = { .rtm_dst_len = 0 };

	dgram_len = 0;
	add(RTM_NEWROUTE, NLM_F_MULTI, seq, &rtm, sizeof(rtm));
	add(NLMSG_DONE, (uint16_t)(NLM_F_MULTI | flags), seq, &error,
	    sizeof(error));
	assert_int_equal(send(fd, dgram, dgram_len, 0), dgram_len);
	dgram_len = 0;
}

static unsigned requests(int fd)
{
	unsigned n = 0;

	while (recv(fd, dgram, sizeof(dgram), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

/* What number the next request gets, found out by one nobody answers */
static uint32_t next_seq(int nl, int kernel)
{
	struct nl_req r;
	struct nlmsghdr h;

	nl_req_start(&r, RTM_GETROUTE, NLM_F_DUMP, NULL, 0);
	answer(kernel, 0, 0, 0);		/* Never the one expected */
	shutdown(kernel, SHUT_WR);
	assert_int_equal(nl_request(nl, &r), -EMSGSIZE);
	assert_int_equal(recv(kernel, &h, sizeof(h), 0), sizeof(h));
	return h.nlmsg_seq + 1;
}

/* Dumps that were interrupted are asked for again, but not for ever */
static void test_repeated(void **state)
{
	static const struct {
		unsigned interrupted, eintr;
		int last, ret;
		unsigned asked, found;
	} cases[] = {
		{ 0, 0, 0, 0, 1, 1 },
		{ 2, 0, 0, 0, 3, 1 },
		{ 0, 2, 0, 0, 3, 1 },
		{ 2, 2, 0, 0, 5, 1 },
		{ 20, 0, 0, 0, 10, 1 },
		{ 0, 20, 0, -EINTR, 10, 1 },
		{ 0, 0, -EPERM, -EPERM, 1, 1 },
		{ 1, 0, -ENOENT, -ENOENT, 2, 1 },
	};
	uint32_t seq;
	size_t i;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	seq = next_seq(sv[0], sv[1]);
	close(sv[0]);
	close(sv[1]);

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nl_dump d;
		struct nl_req r;
		unsigned n;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
		for (n = 0; n < cases[i].interrupted && n < 10; n++)
			answer(sv[1], seq + n, NLM_F_DUMP_INTR, 0);
		for (; n < cases[i].interrupted + cases[i].eintr && n < 10; n++)
			answer(sv[1], seq + n, 0, -EINTR);
		if (n < 10)
			answer(sv[1], seq + n, 0, cases[i].last);

		nl_req_start(&r, RTM_GETROUTE, NLM_F_DUMP, NULL, 0);
		assert_int_equal(nl_query(sv[0], &r, &d), cases[i].ret);
		assert_int_equal(count(&d), cases[i].found);
		nl_dump_free(&d);
		assert_int_equal(requests(sv[1]), cases[i].asked);
		seq += cases[i].asked;
		close(sv[0]);
		close(sv[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done_in_same_datagram),
		cmocka_unit_test(test_several_datagrams),
		cmocka_unit_test(test_nothing_after_the_end),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_other_sequence),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_noop_skipped),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unpadded_end),
		cmocka_unit_test(test_dump_grows),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_too_long),
		cmocka_unit_test(test_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
/* frame_icmp.c - pings of the guest, answered by the kernel for addresses of lo
 */

#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "flow.h"
#include "guest.h"
#include "icmp.h"
#include "log.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp_ends.h"

#define ECHO_HLEN		8
#define ECHO_MAX		65507	/* RFC 792, with IPv4 */

static const uint8_t request_type[IPVER_MAX] = { 8, 128 };
static const uint8_t reply_type[IPVER_MAX] = { 0, 129 };
static const uint8_t unreachable[IPVER_MAX] = { 3, 1 };
static const uint8_t exceeded[IPVER_MAX] = { 11, 3 };

/**
 * struct ping - an echo request
 * @dst:	Destination
 * @id:		Identifier
 * @seq:	Sequence number
 * @len:	Bytes of udp_data[]
 * @ttl:	TTL, 0 for the default one
 */
struct ping {
	struct addr dst;
	uint16_t id;
	uint16_t seq;
	size_t len;
	uint8_t ttl;
};

/**
 * send_ping() - Have the guest send an echo request
 * @s:		Stack
 * @p:		Request
 */
static void send_ping(struct stack *s, const struct ping *p)
{
	static uint8_t l4[DATA_MAX];
	struct guest_out out = {
		.src = &s->guest, .dst = &p->dst, .ttl = p->ttl,
		.proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.l4 = l4, .len = ECHO_HLEN + p->len,
	};

	memset(l4, 0, ECHO_HLEN);
	l4[0] = request_type[s->v];
	put16(l4 + 4, p->id);
	put16(l4 + 6, p->seq);
	memcpy(l4 + ECHO_HLEN, udp_data, p->len);
	guest_send(s, &out);
}

/**
 * expect_reply() - The guest must get the answer to an echo request
 * @s:		Stack
 * @p:		Request
 */
static void expect_reply(struct stack *s, const struct ping *p)
{
	struct guest_in in;

	assert_true(guest_wait(s, &in));
	assert_int_equal(in.proto,
			 s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	assert_int_equal(in.l4[0], reply_type[s->v]);
	assert_int_equal(in.l4[1], 0);
	assert_true(addr_is_equal(&in.src, &p->dst));
	assert_true(addr_is_equal(&in.dst, &s->guest));
	assert_int_equal(get16(in.l4 + 4), p->id);
	assert_int_equal(get16(in.l4 + 6), p->seq);
	assert_int_equal(in.l4_len, ECHO_HLEN + p->len);
	assert_memory_equal(in.l4 + ECHO_HLEN, udp_data, p->len);
}

/**
 * expect_error() - The guest must get an ICMP error about an echo request
 * @s:		Stack
 * @p:		Request
 * @type:	ICMP types by IP version
 * @code:	Its code
 * @in:		Set to the packet
 */
static void expect_error(struct stack *s, const struct ping *p,
			 const uint8_t type[IPVER_MAX], uint8_t code,
			 struct guest_in *in)
{
	size_t hlen = s->v == V4 ? IPV4_HLEN : IPV6_HLEN;
	const uint8_t *echo;

	assert_true(guest_wait(s, in));
	assert_int_equal(in->l4[0], type[s->v]);
	assert_int_equal(in->l4[1], code);
	assert_true(addr_is_equal(&in->dst, &s->guest));
	assert_true(in->l4_len >= 8 + hlen + ECHO_HLEN);
	echo = in->l4 + 8 + hlen;
	assert_int_equal(echo[0], request_type[s->v]);
	assert_int_equal(get16(echo + 4), p->id);
	assert_int_equal(get16(echo + 6), p->seq);
	if (s->v == V4 && in->l4_len == 8 + hlen + ECHO_HLEN + p->len)
		assert_int_equal(guest_csum(0, echo, ECHO_HLEN + p->len), 0);
}

/**
 * icmp_teardown() - Have all flows time out, then check as udp_teardown()
 * @state:	The struct stack
 *
 * Return: 0
 */
static int icmp_teardown(void **state)
{
	struct stack *s = *state;

	stack_advance(s, ICMP_TIMEOUT_MS + 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
	return udp_teardown(state);
}

/**
 * host_id() - Identifier that the requests of a flow have on the host
 * @s:		Stack
 * @p:		Request
 *
 * Return: identifier
 */
static uint16_t host_id(struct stack *s, const struct ping *p)
{
	const struct flow_side key = {
		.far = s->guest, .far_port = p->id, .near = p->dst,
		.place = PLACE_GUEST,
	};
	const struct flow *flow;

	flow = flow_lookup(s->c.flows,
			   s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			   &key, NULL);
	assert_non_null(flow);
	return flow->side[SIDE_TGT].near_port;
}

/* The host's loopback, and an address that is what it says */
static void ping_reply(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = s->host, .id = 1234, .seq = 1, .len = 56 };

	send_ping(s, &p);
	expect_reply(s, &p);
	p.dst = udp_remote(s);
	for (p.seq = 65534; p.seq != 3; p.seq++) {
		send_ping(s, &p);
		expect_reply(s, &p);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 2);
	guest_expect_nothing(s);
}

/* scenario 45: id 0, ids up to 65535, first sequence number 0 */
static void ping_ids(void **state)
{
	static const uint16_t ids[] = { 0, 65535, 1, 32768, 0, 65535 };
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .len = 8 };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		p.id = ids[i];
		p.seq = 0;
		send_ping(s, &p);
		expect_reply(s, &p);
	}
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 4);
	guest_expect_nothing(s);
}

/* One id to several hosts: the kernel doesn't look at who answers, so each
 * socket needs its own
 */
static void ping_same_id(void **state)
{
	struct stack *s = *state;
	struct ping a = { .dst = udp_remote(s), .id = 7, .seq = 1, .len = 9 };
	struct ping b = a, l = a;

	b.dst = text_addr(udp_other_text[s->v]);
	l.dst = s->host;
	for (; a.seq < 4; a.seq++, b.seq++, l.seq++) {
		send_ping(s, &a);
		expect_reply(s, &a);
		send_ping(s, &b);
		expect_reply(s, &b);
		send_ping(s, &l);
		expect_reply(s, &l);
	}
	assert_int_not_equal(host_id(s, &a), host_id(s, &b));
	assert_int_not_equal(host_id(s, &a), host_id(s, &l));
	assert_int_not_equal(host_id(s, &b), host_id(s, &l));
	guest_expect_nothing(s);
}

static void ping_sizes(void **state)
{
	struct stack *s = *state;
	size_t max = s->c.tap.mtu - ECHO_HLEN -
		     (s->v == V4 ? IPV4_HLEN : IPV6_HLEN);
	struct ping p = { .dst = udp_remote(s), .id = 5 };

	for (p.len = 0; p.len < 5; p.len++) {
		send_ping(s, &p);
		expect_reply(s, &p);
	}
	p.len = max;
	send_ping(s, &p);
	expect_reply(s, &p);
	guest_expect_nothing(s);
}

/* Longer than the MTU: the answer comes in fragments */
static void ping_longest(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 5, .len = ECHO_MAX };
	size_t off = 0, n, skip;
	struct guest_in in;

	if (s->v == V6)
		p.len = FRAME_LEN_MAX - ETH_HLEN - IPV6_HLEN - ECHO_HLEN;
	send_ping(s, &p);
	while (off < ECHO_HLEN + p.len) {
		assert_true(guest_wait(s, &in));
		assert_true(in.is_frag);
		skip = in.v == V6 ? 8 : 0;
		n = in.l4_len - skip;
		if (off)
			assert_memory_equal(in.l4 + skip,
					    udp_data + off - ECHO_HLEN, n);
		else
			assert_int_equal(in.l4[skip], reply_type[s->v]);
		off += n;
	}
	assert_int_equal(off, ECHO_HLEN + p.len);
	guest_expect_nothing(s);
}

/**
 * inject() - Have udp_other_text[] send an ICMP message to a host
 * @s:		Stack
 * @dst:	Where to
 * @icmp:	Message, its checksum zero
 * @len:	Its length
 */
static void inject(struct stack *s, const struct addr *dst, uint8_t *icmp,
		   size_t len)
{
	struct addr from = text_addr(udp_other_text[s->v]);
	int proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	union sockaddr_any sa;
	socklen_t sl;
	int fd;

	if (s->v == V4)
		put16(icmp + 2, guest_csum(0, icmp, len));
	fd = socket(addr_family(s->v), SOCK_RAW | SOCK_CLOEXEC, proto);
	assert_true(fd >= 0);
	sl = addr_to_sockaddr(&sa, &from, 0, 0);
	assert_int_equal(bind(fd, &sa.sa, sl), 0);
	sl = addr_to_sockaddr(&sa, dst, 0, 0);
	assert_int_equal(sendto(fd, icmp, len, 0, &sa.sa, sl), len);
	close(fd);
}

/**
 * ping_error() - Have a router send "time exceeded" for an echo request
 * @s:		Stack
 * @p:		Request
 */
static void ping_error(struct stack *s, const struct ping *p)
{
	struct in_addr a4 = addr_to_v4(&p->dst);
	uint8_t icmp[128] = { 0 }, *ip = icmp + 8, *echo;
	size_t echo_len = ECHO_HLEN + p->len;

	icmp[0] = exceeded[s->v];
	echo = ip + (s->v == V4 ? IPV4_HLEN : IPV6_HLEN);
	if (s->v == V4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)(IPV4_HLEN + echo_len));
		ip[8] = 1;
		ip[9] = IPPROTO_ICMP;
		memcpy(ip + 12, &a4, 4);
		memcpy(ip + 16, &a4, 4);
		put16(ip + 10, guest_csum(0, ip, IPV4_HLEN));
	} else {
		put32(ip, 0x60000000);
		put16(ip + 4, (uint16_t)echo_len);
		ip[6] = IPPROTO_ICMPV6;
		ip[7] = 1;
		memcpy(ip + 8, &p->dst.a6, 16);
		memcpy(ip + 24, &p->dst.a6, 16);
	}
	echo[0] = request_type[s->v];
	put16(echo + 4, host_id(s, p));
	put16(echo + 6, p->seq);
	memcpy(echo + ECHO_HLEN, udp_data, p->len);
	put16(echo + 2, guest_csum(0, echo, echo_len));
	inject(s, &p->dst, icmp, (size_t)(echo - icmp) + echo_len);
}

/* scenario 37, with pings: traceroute -I, the host having changed the id */
static void ping_router_error(void **state)
{
	struct stack *s = *state;
	struct ping p = {
		.dst = udp_remote(s), .id = 99, .seq = 17, .len = 20, .ttl = 1,
	};
	struct addr router = text_addr(udp_other_text[s->v]);
	struct guest_in in;
	unsigned i;

	for (i = 0; i < 2; i++) {
		send_ping(s, &p);
		expect_reply(s, &p);
		ping_error(s, &p);
		expect_error(s, &p, exceeded, 0, &in);
		assert_true(addr_is_equal(&in.src, &router));
		guest_expect_nothing(s);
		p.seq++;
	}
	assert_int_not_equal(host_id(s, &p), p.id);
}

/* Answers of somebody else, which the kernel lets through */
static void ping_stranger(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 66, .len = 8 };
	uint8_t icmp[ECHO_HLEN + 8] = { reply_type[s->v] };

	send_ping(s, &p);
	expect_reply(s, &p);
	put16(icmp + 4, host_id(s, &p));
	inject(s, &p.dst, icmp, sizeof(icmp));
	guest_expect_nothing(s);
}

/* The guest's TTL leaves with the request, as a raw socket sees it */
static void ping_ttl(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 3, .len = 4 };
	static const uint8_t ttls[] = { 1, 2, 255, 64 };
	uint8_t buf[256];
	unsigned i, found = 0;
	ssize_t n;
	int fd;

	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	assert_true(fd >= 0);
	for (i = 0; i < ARRAY_SIZE(ttls); i++) {
		p.ttl = ttls[i];
		p.seq = i;
		send_ping(s, &p);
		expect_reply(s, &p);
	}
	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (buf[IPV4_HLEN] != request_type[V4])
			continue;
		assert_true(found < ARRAY_SIZE(ttls));
		assert_int_equal(buf[8], ttls[found]);
		found++;
	}
	assert_int_equal(found, ARRAY_SIZE(ttls));
	close(fd);
}

static void ping_no_way(void **state)
{
	struct stack *s = *state;
	struct ping p = {
		.dst = text_addr(udp_nowhere_text[s->v]), .id = 1, .len = 56,
	};
	struct guest_in in;

	send_ping(s, &p);
	expect_error(s, &p, unreachable, 0, &in);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
}

/* An outbound address the host doesn't have is an error, not ignored */
static void ping_bad_outbound(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 1, .len = 56 };
	struct guest_in in;

	s->c.conf.ip[s->v].outbound = text_addr(udp_nowhere_text[s->v]);
	send_ping(s, &p);
	expect_error(s, &p, unreachable, 0, &in);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
	p.dst = s->host;
	send_ping(s, &p);
	expect_reply(s, &p);
}

/* Ping sockets may be forbidden: the guest gets "filtered" at once, and the
 * user is told what to change, once
 */
static void ping_forbidden(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 1, .len = 56 };
	char text[4096] = { 0 }, *told;
	struct guest_in in;
	int err, log;
	unsigned i;

	/* A user namespace has no other group to give the permission to */
	if (!own_netns_allow_ping(false))
		skip();
	err = dup(STDERR_FILENO);
	log = memfd_create("log", 0);
	assert_true(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
	log_set_level(LOG_LEVEL_WARN);
	for (i = 0; i < 3; i++) {
		send_ping(s, &p);
		expect_error(s, &p, unreachable, s->v == V4 ? 13 : 1, &in);
	}
	dup2(err, STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	close(err);
	close(log);

	told = strstr(text, "net.ipv4.ping_group_range");
	assert_non_null(told);
	assert_null(strstr(told + 1, "net.ipv4.ping_group_range"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);

	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
	assert_true(own_netns_allow_ping(true));
	send_ping(s, &p);
	expect_reply(s, &p);
}

/* RFC 5508, REQ-2 */
static void ping_timeout(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .id = 1, .len = 56 };
	unsigned i;

	for (i = 0; i < 3; i++) {
		send_ping(s, &p);
		expect_reply(s, &p);
		stack_advance(s, ICMP_TIMEOUT_MS - 1000);
		assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 1);
	}
	stack_advance(s, 2000);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
}

/* What is no echo request ends here */
static void ping_others(void **state)
{
	struct stack *s = *state;
	uint8_t l4[16] = { 0 };
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host,
		.proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.l4 = l4,
	};
	unsigned type;

	for (type = 0; type < 256; type++) {
		l4[0] = (uint8_t)type;
		/* Neighbour discovery has an answer for some */
		if (type == request_type[s->v] || (type > 132 && type < 138))
			continue;
		out.len = sizeof(l4);
		guest_send(s, &out);
		if (type % TAP_BATCH_MAX == 0)
			stack_turn(s, 0);
	}
	guest_expect_nothing(s);

	l4[0] = request_type[s->v];
	for (out.len = 0; out.len < ECHO_HLEN; out.len++)
		guest_send(s, &out);
	out.len = sizeof(l4);
	out.bad_csum = true;
	guest_send(s, &out);
	out.bad_csum = false;
	l4[1] = 1;
	guest_send(s, &out);
	guest_expect_nothing(s);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
	assert_int_equal(stack_stat(s, STAT_BAD_CSUM), 1);
}

/* scenario 43, with pings */
static void ping_churn(void **state)
{
	struct stack *s = *state;
	struct ping p = { .dst = udp_remote(s), .len = 2 };
	struct guest_in in;
	unsigned i;

	for (i = 0; i < 2 * STACK_FLOWS; i++) {
		p.id = (uint16_t)i;
		send_ping(s, &p);
		if (i % 16 == 15)
			stack_turn(s, 0);
		while (guest_recv(s, &in))
			;
	}
	stack_settle(s);
	while (guest_recv(s, &in))
		;
	p.seq = 77;
	send_ping(s, &p);
	expect_reply(s, &p);
	assert_true(flow_count(s->c.flows, FLOW_ICMP) <= STACK_FLOWS);
}

#define ICMP_TEST(f, var)						\
	{ #f " " #var, (f), stack_setup, icmp_teardown,			\
	  (void *)(uintptr_t)&(stack_##var) }

#define ICMP_TESTS(f)							\
	ICMP_TEST(f, v4), ICMP_TEST(f, v6),				\
	ICMP_TEST(f, v4_offload), ICMP_TEST(f, v6_offload),		\
	ICMP_TEST(f, v4_bytes), ICMP_TEST(f, v6_bytes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ICMP_TESTS(ping_reply),
		ICMP_TESTS(ping_ids),
		ICMP_TEST(ping_same_id, v4),
		ICMP_TEST(ping_same_id, v6),
		ICMP_TESTS(ping_sizes),
		ICMP_TEST(ping_longest, v4),
		ICMP_TEST(ping_longest, v6),
		ICMP_TEST(ping_longest, v4_bytes),
		ICMP_TEST(ping_router_error, v4),
		ICMP_TEST(ping_router_error, v6),
		ICMP_TEST(ping_stranger, v4),
		ICMP_TEST(ping_stranger, v6),
		ICMP_TEST(ping_ttl, v4),
		ICMP_TEST(ping_no_way, v4),
		ICMP_TEST(ping_no_way, v6),
		ICMP_TEST(ping_bad_outbound, v4),
		ICMP_TEST(ping_bad_outbound, v6),
		ICMP_TEST(ping_forbidden, v4),
		ICMP_TEST(ping_forbidden, v6),
		ICMP_TEST(ping_timeout, v4),
		ICMP_TEST(ping_timeout, v6),
		ICMP_TEST(ping_others, v4),
		ICMP_TEST(ping_others, v6),
		ICMP_TEST(ping_churn, v4),
		ICMP_TEST(ping_churn, v6),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}

// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_ndp.c - a guest's neighbour discovery, and other ICMPv6
 *
 * The input is a sequence of messages: a byte for addresses and hop limit, one
 * for the length, and the message from its ICMPv6 type on; its checksum is
 * made right. A byte of 0xff lets time pass. Answers of neighbour discovery
 * must be messages as RFC 4861 has them.
 */

#include <string.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "fuzz.h"
#include "guest.h"
#include "ndp.h"

#define MESSAGES_MAX		32
#define TIME_PASSES		0xff

static struct addr sources[4], targets[4];

/**
 * check_options() - Options of a message must fill it
 * @p:		First option
 * @len:	Bytes
 */
static void check_options(const uint8_t *p, size_t len)
{
	size_t i = 0;

	while (i < len) {
		assert_true(i + 2 <= len && p[i + 1]);
		i += p[i + 1] * 8U;
	}
	assert_int_equal(i, len);
}

/**
 * take() - Check an answer
 */
static void take(struct stack *s, const struct guest_in *in)
{
	static const size_t hlen[] = {
		[ND_ROUTER_ADVERT] = sizeof(struct nd_router_advert),
		[ND_NEIGHBOR_SOLICIT] = sizeof(struct nd_neighbor_solicit),
		[ND_NEIGHBOR_ADVERT] = sizeof(struct nd_neighbor_advert),
	};
	uint8_t type = in->l4[0];

	(void)s;
	if (in->proto != IPPROTO_ICMPV6 || type < ND_ROUTER_SOLICIT ||
	    type > ND_REDIRECT)
		return;
	/* We are a router, and never redirect */
	assert_true(type < ARRAY_SIZE(hlen) && hlen[type]);
	assert_int_equal(in->ttl, 255);
	assert_int_equal(in->l4[1], 0);
	assert_true(in->l4_len >= hlen[type]);
	check_options(in->l4 + hlen[type], in->l4_len - hlen[type]);
}

/**
 * set_addrs() - Addresses to choose from
 * @s:		Stack
 */
static void set_addrs(const struct stack *s)
{
	const struct conf_ip *ip = &s->c.conf.ip[V6];

	memset(sources, 0, sizeof(sources));
	sources[0] = s->guest;
	sources[1] = ip->our_ll;
	sources[1].a6.s6_addr[15] ^= 3;
	sources[2] = addr_any[V6];
	sources[3] = s->guest;
	sources[3].a6.s6_addr[15] ^= 9;
	memset(targets, 0, sizeof(targets));
	targets[0] = ip->our_ll;
	targets[1] = ip->gw;
	targets[2].a6.s6_addr[0] = targets[3].a6.s6_addr[0] = 0xff;
	targets[2].a6.s6_addr[1] = targets[3].a6.s6_addr[1] = 2;
	targets[2].a6.s6_addr[15] = 2;	/* All routers */
	/* Solicited-node address of our link-local one */
	memcpy(targets[3].a6.s6_addr + 11, "\1\xff\0\0\1", 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct stack *s = fuzz_stack_start(1);
	struct conf *c = &s->c.conf;
	uint8_t how = fuzz_u8(&in);
	unsigned i;

	set_addrs(s);
	c->no_ra = how & 1;
	c->dhcp_dns = how & 2;
	c->dhcp_search = how & 4;
	c->ip[V6].dns_count = how & 8 ? CONF_DNS_MAX : 1;
	c->mtu = how & 16 ? 65520 : 0;
	c->ip[V6].local_mode = how & 32;
	if (how & 64)
		ndp_guest_connected(&s->c);

	for (i = 0; in.len && i < MESSAGES_MAX; i++) {
		struct guest_out out = { .proto = IPPROTO_ICMPV6 };

		how = fuzz_u8(&in);
		if (how == TIME_PASSES) {
			stack_advance(s, fuzz_u8(&in) * 4000U);
			continue;
		}
		out.src = &sources[how & 3];
		out.dst = &targets[(how >> 2) & 3];
		out.ttl = how & 16 ? 64 : 255;
		out.len = fuzz_u8(&in);
		out.len = MIN(out.len, in.len);
		out.l4 = in.p;
		in.p += out.len;
		in.len -= out.len;
		guest_send(s, &out);
		stack_settle(s);
		fuzz_stack_drain(s, take);
	}
	c->no_ra = true;
	fuzz_stack_drain(s, take);
	fuzz_stack_end(s);
	return 0;
}

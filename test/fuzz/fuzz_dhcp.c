// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_dhcp.c - a guest's DHCP messages
 *
 * The input is a byte that chooses settings and addresses, and the message.
 * Answers must be messages as RFC 2131 has them, for that client.
 */

#include <string.h>
#include <netinet/in.h>

#include "fuzz.h"
#include "guest.h"

#define UDP_HLEN		8
#define PORT_CLIENT		68
#define PORT_SERVER		67

/* Offsets in a message: RFC 2131, 2 */
#define DHCP_XID		4
#define DHCP_CHADDR		28
#define DHCP_COOKIE		236
#define DHCP_OPTIONS		240

static uint8_t l4[2048];
static size_t l4_len;

/**
 * check_options() - Options must end where they say, one of each
 * @p:		First option
 * @len:	Bytes
 */
static void check_options(const uint8_t *p, size_t len)
{
	bool seen[256] = { false };
	size_t i = 0;

	while (i < len && p[i] != 0xff) {
		if (!p[i]) {
			i++;
			continue;
		}
		assert_true(i + 1 < len && i + 2 + p[i + 1] <= len);
		assert_false(seen[p[i]]);
		seen[p[i]] = true;
		i += 2U + p[i + 1];
	}
	assert_true(i < len);
	/* Message type and server: without, it is BOOTP, RFC 1534 */
	assert_int_equal(seen[53], seen[54]);
}

/**
 * take() - Check an answer
 */
static void take(struct stack *s, const struct guest_in *in)
{
	const uint8_t *p = in->l4 + UDP_HLEN, *q = l4 + UDP_HLEN;

	if (in->ethertype == ETH_P_ARP || in->proto != IPPROTO_UDP)
		return;
	(void)s;
	assert_int_equal(get16(in->l4), PORT_SERVER);
	assert_true(in->l4_len >= UDP_HLEN + DHCP_OPTIONS);
	assert_int_equal(p[0], 2);
	assert_memory_equal(p + DHCP_XID, q + DHCP_XID, 4);
	assert_memory_equal(p + DHCP_CHADDR, q + DHCP_CHADDR, 16);
	assert_memory_equal(p + DHCP_COOKIE, "\x63\x82\x53\x63", 4);
	check_options(p + DHCP_OPTIONS, in->l4_len - UDP_HLEN - DHCP_OPTIONS);
}

/**
 * configure() - Choose settings
 * @c:		Configuration
 * @how:	Which ones
 */
static void configure(struct conf *c, uint8_t how)
{
	c->dhcp_dns = how & 1;
	c->dhcp_search = how & 2;
	c->mtu = how & 4 ? 65520 : 0;
	c->ip[V4].dns_count = how & 8 ? CONF_DNS_MAX : 1;
	util_copy_str(c->hostname, how & 16 ? "guest" : "", CONF_NAME_MAX);
	util_copy_str(c->fqdn, how & 16 ? "guest.example.com" : "",
		      CONF_NAME_MAX);
	c->ip[V4].prefix_len = how & 32 ? 24 : 32;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct addr any = addr_any[V4], all = addr_any[V4];
	struct stack *s = fuzz_stack_start(0);
	uint8_t how = fuzz_u8(&in);
	struct guest_out out = {
		.src = how & 0x40 ? &s->guest : &any,
		.dst = how & 0x80 ? &s->host : &all,
		.proto = IPPROTO_UDP, .l4 = l4,
	};

	memset(all.a6.s6_addr + 12, 0xff, 4);
	configure(&s->c.conf, how);
	in.len = MIN(in.len, 1400);
	memset(l4, 0, sizeof(l4));
	memcpy(l4 + UDP_HLEN, in.p, in.len);
	out.len = l4_len = UDP_HLEN + in.len;
	put16(l4, PORT_CLIENT);
	put16(l4 + 2, PORT_SERVER);
	put16(l4 + 4, (uint16_t)l4_len);
	guest_send(s, &out);
	stack_settle(s);
	fuzz_stack_drain(s, take);
	fuzz_stack_end(s);
	return 0;
}

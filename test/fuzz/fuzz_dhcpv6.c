// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_dhcpv6.c - a guest's DHCPv6 messages
 *
 * The input is a byte that chooses settings and addresses, and the message.
 * Answers must be messages as RFC 8415 has them, for that transaction.
 */

#include <string.h>
#include <netinet/in.h>

#include "fuzz.h"
#include "guest.h"

#define UDP_HLEN		8
#define PORT_CLIENT		546
#define PORT_SERVER		547
#define DHCPV6_HLEN		4	/* RFC 8415, 8 */
#define DHCPV6_REPLY		7
#define DHCPV6_ADVERTISE	2

static uint8_t l4[2048];

/**
 * take() - Check an answer
 */
static void take(struct stack *s, const struct guest_in *in)
{
	const uint8_t *p = in->l4 + UDP_HLEN;
	size_t i = DHCPV6_HLEN, len = in->l4_len - UDP_HLEN;
	unsigned ids = 0;

	(void)s;
	if (in->proto != IPPROTO_UDP)
		return;
	assert_int_equal(get16(in->l4), PORT_SERVER);
	assert_true(in->l4_len >= UDP_HLEN + DHCPV6_HLEN);
	assert_true(p[0] == DHCPV6_REPLY || p[0] == DHCPV6_ADVERTISE);
	assert_memory_equal(p + 1, l4 + UDP_HLEN + 1, 3);
	while (i < len) {
		uint16_t type;

		assert_true(i + 4 <= len);
		type = get16(p + i);
		/* Of client and server, in each answer: RFC 8415, 18.3 */
		if (type == 1 || type == 2)
			ids |= type;
		i += 4U + get16(p + i + 2);
	}
	assert_int_equal(i, len);
	assert_true(ids & 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct stack *s = fuzz_stack_start(1);
	struct conf *c = &s->c.conf;
	struct addr ll = s->host, servers = { { { { 0xff, 2 } } } };
	uint8_t how = fuzz_u8(&in);
	struct guest_out out = {
		.src = how & 0x40 ? &s->guest : &ll,
		.dst = how & 0x80 ? &c->ip[V6].our_ll : &servers,
		.proto = IPPROTO_UDP, .l4 = l4,
	};

	memset(&ll, 0, sizeof(ll));
	ll.a6.s6_addr[0] = 0xfe;
	ll.a6.s6_addr[1] = 0x80;
	ll.a6.s6_addr[15] = 2;
	servers.a6.s6_addr[13] = 1;	/* ff02::1:2 */
	servers.a6.s6_addr[15] = 2;
	c->dhcp_dns = how & 1;
	c->dhcp_search = how & 2;
	c->ip[V6].dns_count = how & 8 ? CONF_DNS_MAX : 1;
	util_copy_str(c->fqdn, how & 16 ? "guest.example.com" : "",
		      CONF_NAME_MAX);

	in.len = MIN(in.len, 1400);
	memset(l4, 0, sizeof(l4));
	memcpy(l4 + UDP_HLEN, in.p, in.len);
	out.len = UDP_HLEN + in.len;
	put16(l4, PORT_CLIENT);
	put16(l4 + 2, PORT_SERVER);
	put16(l4 + 4, (uint16_t)out.len);
	guest_send(s, &out);
	stack_settle(s);
	fuzz_stack_drain(s, take);
	fuzz_stack_end(s);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* svc_fake.h - a guest port that only remembers what the services sent
 *
 * Stands in for tap.c and ip.c in the unit tests of ARP, NDP, DHCP and DHCPv6:
 * included by exactly one C file of a test program.
 */
#ifndef SVC_FAKE_H
#define SVC_FAKE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "ip.h"
#include "passt.h"
#include "text_addr.h"
#include "view.h"

/* What was sent last: a frame, or headers and payload of a packet */
static struct {
	unsigned count;
	struct addr src;
	struct addr dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t data[2048];
	size_t len;
} sent;

static bool fake_csum_is_good = true;

int tap_send_buf(struct tap *tap, const void *frame, size_t len)
{
	(void)tap;
	assert_true(len <= sizeof(sent.data));
	sent.count++;
	memcpy(sent.data, frame, len);
	sent.len = len;
	return 0;
}

int ip_send(struct tap *tap, const struct ip_out *out, const void *payload,
	    size_t payload_len)
{
	(void)tap;
	assert_true(out->l4_len <= 60);
	assert_true(out->l4_len + payload_len <= sizeof(sent.data));
	sent.count++;
	sent.src = *out->src;
	sent.dst = *out->dst;
	sent.proto = out->proto;
	sent.ttl = out->ttl;
	memcpy(sent.data, out->l4, out->l4_len);
	memcpy(sent.data + out->l4_len, payload, payload_len);
	sent.len = out->l4_len + payload_len;
	return 0;
}

int ip_send_fragmented(struct tap *tap, const struct ip_out *out,
		       const void *payload, size_t payload_len)
{
	return ip_send(tap, out, payload, payload_len);
}

bool ip_csum_is_good(const struct pkt *pkt)
{
	(void)pkt;
	return fake_csum_is_good;
}

/* Bytes from hexadecimal digits, blanks between them are skipped */
static inline size_t fake_hex(const char *text, uint8_t *buf, size_t size)
{
	size_t n = 0;

	for (; *text; text++) {
		char digits[3] = { text[0], text[1] };

		if (*text == ' ')
			continue;
		assert_true(n < size);
		buf[n++] = (uint8_t)strtoul(digits, NULL, 16);
		text++;
	}
	return n;
}

/* Compare bytes sent, from an offset to the end, with hexadecimal digits */
static inline void assert_sent(size_t off, const char *text)
{
	uint8_t want[2048];
	size_t len = fake_hex(text, want, sizeof(want));

	assert_true(off <= sent.len);
	assert_int_equal(sent.len - off, len);
	assert_memory_equal(sent.data + off, want, len);
}

static inline void assert_addr(const struct addr *a, const char *text)
{
	char str[ADDR_STRLEN];

	assert_string_equal(addr_str(a, str), text);
}

/* Settings that are the same in all tests */
static inline void fake_setup(struct ctx *c)
{
	static const uint8_t our_mac[] = { 0x9a, 0x55, 0x9a, 0x55, 0x9a, 0x55 };
	/* cppcheck-suppress uninitvar ; only the address is taken */
	struct conf_ip *v4 = &c->conf.ip[V4], *v6 = &c->conf.ip[V6];

	memset(c, 0, sizeof(*c));
	memset(&sent, 0, sizeof(sent));
	fake_csum_is_good = true;

	v4->enabled = v6->enabled = true;
	v4->addr = text_addr("192.0.2.2");
	v4->prefix_len = 24;
	v4->gw = text_addr("192.0.2.1");
	v4->map_host_loopback = v4->gw;
	v6->addr = text_addr("2001:db8::2");
	v6->prefix_len = 64;
	v6->gw = text_addr("2001:db8::1");
	v6->our_ll = text_addr("fe80::1");
	c->conf.mtu = 65520;
	c->tap.mtu = 65520;
	memcpy(c->conf.our_mac, our_mac, MAC_LEN);
	memcpy(c->tap.our_mac, our_mac, MAC_LEN);
	c->tap.guest_addr[V4] = v4->addr;
	c->tap.guest_addr[V6] = v6->addr;
}

#endif /* SVC_FAKE_H */

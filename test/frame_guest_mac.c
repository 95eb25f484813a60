// SPDX-License-Identifier: BSD-3-Clause
/* frame_guest_mac.c - several machines on the guest's link: who gets what
 *
 * Besides the guest there is a second machine, with addresses of its own. What
 * is for one of them must not be sent to the other one's MAC address.
 */

#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/if_ether.h>

#include "guest.h"
#include "guest_mac.h"
#include "link.h"
#include "stack.h"
#include "udp_ends.h"

#define LEN		100	/* Bytes of a datagram */
#define PORT_NOBODY	9
#define MACHINES	100	/* Of which nine in one row is unlikely */

static const uint8_t macs[2][MAC_LEN] = {
	{ 2, 0, 0, 0, 0, 2 }, { 2, 0, 0, 0, 0, 0x77 },
};

/**
 * struct link - two machines, with a flow each
 * @s:		Stack
 * @addr:	Their addresses
 * @fd:		Sockets of the host they talk to
 * @host_port:	Ports of these
 * @port:	Ports of the flows' sockets, once they have sent
 */
struct link {
	struct stack *s;
	struct addr addr[2];
	int fd[2];
	uint16_t host_port[2];
	uint16_t port[2];
};

/**
 * machine_send() - Have a machine send a packet
 * @l:		Link
 * @i:		Which machine's MAC address it comes from
 * @out:	Packet
 */
static void machine_send(struct link *l, unsigned i,
			 const struct guest_out *out)
{
	static uint8_t frame[FRAME_LEN_MAX];
	struct virtio_net_hdr_v1 vnet;
	size_t len = guest_build(l->s, out, &vnet, frame);

	memcpy(frame + MAC_LEN, macs[i], MAC_LEN);
	assert_true(stack_push(l->s, &vnet, frame, len));
	stack_settle(l->s);
}

/**
 * machine_send_udp() - Have a machine send a datagram to the host
 * @l:		Link
 * @i:		Which machine
 * @src:	Address it sends from
 * @port:	Port it is for
 */
static void machine_send_udp(struct link *l, unsigned i,
			     const struct addr *src, uint16_t port)
{
	static uint8_t l4[UDP_HLEN + LEN];
	const struct guest_out out = {
		.src = src, .dst = &l->s->host, .proto = IPPROTO_UDP,
		.l4 = l4, .len = sizeof(l4),
	};

	memset(l4, 0, UDP_HLEN);
	put16(l4, GUEST_PORT);
	put16(l4 + 2, port);
	put16(l4 + 4, sizeof(l4));
	memcpy(l4 + UDP_HLEN, udp_data, LEN);
	machine_send(l, i, &out);
}

/**
 * link_open() - Have both machines begin a flow, the second one last
 * @l:		Link to set up
 * @s:		Stack
 */
static void link_open(struct link *l, struct stack *s)
{
	unsigned i;

	*l = (struct link){ .s = s, .addr = { s->guest, s->guest } };
	l->addr[1].a6.s6_addr[15] = 0x77;
	s->has_bridge = true;
	for (i = 0; i < 2; i++) {
		l->fd[i] = host_bind_udp(&addr_loopback[s->v],
					 &l->host_port[i]);
		machine_send_udp(l, i, &l->addr[i], l->host_port[i]);
		l->port[i] = host_expect_udp(s, l->fd[i], 0, LEN);
	}
}

/**
 * link_answer() - Have the host send to a machine
 * @l:		Link
 * @i:		Which one
 * @mac:	MAC address that the frame must go to
 */
static void link_answer(struct link *l, unsigned i, const uint8_t *mac)
{
	struct guest_in in;

	host_reply_udp(l->s, l->fd[i], l->port[i], 0, LEN);
	guest_expect_udp(l->s, &in, 0, LEN);
	assert_true(addr_is_equal(&in.dst, &l->addr[i]));
	assert_memory_equal(in.frame, mac, MAC_LEN);
}

/**
 * link_close() - End what link_open() began
 * @l:		Link
 */
static void link_close(struct link *l)
{
	close(l->fd[0]);
	close(l->fd[1]);
}

/* Whoever spoke last in between */
static void answers_go_to_who_asked(void **state)
{
	struct link l;

	link_open(&l, *state);
	link_answer(&l, 0, macs[0]);
	link_answer(&l, 1, macs[1]);
	link_answer(&l, 0, macs[0]);
	link_close(&l);
}

/* What we say ourselves: a reset, an unreachable port */
static void refusals_go_to_who_asked(void **state)
{
	struct stack *s = *state;
	uint8_t l4[20] = { [1] = 9, [3] = PORT_NOBODY, [12] = 0x50,
			   [13] = 0x10 };
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = IPPROTO_TCP,
		.l4 = l4, .len = sizeof(l4),
	};
	struct guest_in in;
	struct link l;
	unsigned i;

	link_open(&l, s);
	for (i = 0; i < 2; i++) {
		out.src = &l.addr[i];
		machine_send(&l, i, &out);
		assert_true(guest_wait(s, &in));
		assert_int_equal(in.proto, IPPROTO_TCP);
		assert_true(addr_is_equal(&in.dst, &l.addr[i]));
		assert_memory_equal(in.frame, macs[i], MAC_LEN);
	}
	/* Here another one speaks before the error comes */
	close(l.fd[0]);
	machine_send_udp(&l, 0, &l.addr[0], l.host_port[0]);
	machine_send_udp(&l, 1, &l.addr[1], l.host_port[1]);
	assert_true(guest_wait(s, &in));
	assert_true(in.proto == IPPROTO_ICMP || in.proto == IPPROTO_ICMPV6);
	assert_true(addr_is_equal(&in.dst, &l.addr[0]));
	assert_memory_equal(in.frame, macs[0], MAC_LEN);
	close(l.fd[1]);
}

/* Who sends from an address has it: one that moves to another machine */
static void addresses_move(void **state)
{
	struct link l;

	link_open(&l, *state);
	machine_send_udp(&l, 1, &l.addr[0], l.host_port[0]);
	link_answer(&l, 0, macs[1]);
	machine_send_udp(&l, 0, &l.addr[0], l.host_port[0]);
	link_answer(&l, 0, macs[0]);
	link_answer(&l, 1, macs[1]);
	link_close(&l);
}

/* ARP tells as well who has an address */
static void addresses_move_by_arp(void **state)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 2 };
	uint8_t frame[42] = { [12] = 8, [13] = 6 };
	struct link l;

	link_open(&l, *state);
	memset(frame, 0xff, MAC_LEN);
	memcpy(frame + MAC_LEN, macs[1], MAC_LEN);
	memcpy(frame + 14, head, sizeof(head));
	memcpy(frame + 22, macs[1], MAC_LEN);
	memcpy(frame + 28, l.addr[0].a6.s6_addr + 12, 4);
	assert_true(stack_push(l.s, NULL, frame, sizeof(frame)));
	stack_settle(l.s);
	link_answer(&l, 0, macs[1]);
	link_close(&l);
}

/* An address that nobody has sent from, and all of them with a new guest */
static void unknown_goes_to_the_last_one(void **state)
{
	struct stack *s = *state;
	struct addr other = s->guest;
	struct link l;

	link_open(&l, s);
	other.a6.s6_addr[15] = 0x88;
	assert_memory_equal(guest_mac_of(&s->c.tap, &other), macs[1], MAC_LEN);
	assert_memory_equal(guest_mac_of(&s->c.tap, &s->guest), macs[0],
			    MAC_LEN);
	guest_macs_forget(s->c.tap.macs);
	assert_memory_equal(guest_mac_of(&s->c.tap, &s->guest), macs[1],
			    MAC_LEN);
	link_close(&l);
}

/* Who doesn't answer is looked for, but not for each of a flood of datagrams */
static void questions_are_limited(void **state)
{
	struct stack *s = *state;
	unsigned i, questions = 0;
	struct guest_in in;
	struct link l;

	link_ask_who_has(&s->c, &s->guest);
	assert_false(guest_recv(s, &in));	/* There is only one */
	link_open(&l, s);
	for (i = 0; i < 1000; i++)
		link_ask_who_has(&s->c, &l.addr[0]);
	tap_flush(&s->c.tap);
	for (; guest_recv(s, &in); questions++) {
		assert_true(in.frame[0] & 1);
		assert_int_equal(in.ethertype, s->v == V4 ? ETH_P_ARP :
							    ETH_P_IPV6);
	}
	assert_int_equal(questions, 10);
	link_close(&l);
}

/* As many machines as may well be there are all known at the same time */
static void many_machines_are_known(void **state)
{
	struct stack *s = *state;
	uint8_t mac[MAC_LEN] = { 2 };
	struct addr a = s->guest;
	unsigned i;

	for (i = 0; i < MACHINES; i++) {
		a.a6.s6_addr[15] = mac[5] = (uint8_t)i;
		guest_mac_learn(s->c.tap.macs, &a, mac);
	}
	for (i = 0; i < MACHINES; i++) {
		a.a6.s6_addr[15] = mac[5] = (uint8_t)i;
		assert_memory_equal(guest_mac_of(&s->c.tap, &a), mac, MAC_LEN);
	}
}

/* And who speaks now and then stays known among any number */
static void who_speaks_stays_known(void **state)
{
	struct stack *s = *state;
	struct guest_macs *m = s->c.tap.macs;
	struct addr a = s->guest;
	unsigned i;

	/* Others than the guest's, and what isn't known is for the other one */
	a.a6.s6_addr[13] ^= 1;
	memcpy(s->c.tap.guest_mac, macs[1], MAC_LEN);
	guest_mac_learn(m, &s->guest, macs[0]);
	for (i = 0; i < 20000; i++) {
		put16(a.a6.s6_addr + 14, (uint16_t)i);
		guest_mac_learn(m, &a, macs[1]);
		if (i % 20)
			continue;
		assert_memory_equal(guest_mac_of(&s->c.tap, &s->guest), macs[0],
				    MAC_LEN);
		guest_mac_learn(m, &s->guest, macs[0]);
	}
}

/* DHCP gives its one address to whoever asks: the answer is for that one */
static void lease_goes_to_who_asked(void **state)
{
	static const uint8_t discover[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1,
					    255 };
	static uint8_t l4[UDP_HLEN + 236 + sizeof(discover)];
	struct stack *s = *state;
	struct addr none = addr_any[V4], all = none;
	struct guest_out out = {
		.src = &none, .dst = &all, .proto = IPPROTO_UDP, .l4 = l4,
		.len = sizeof(l4),
	};
	struct guest_in in;
	struct link l;

	link_open(&l, s);
	memset(all.a6.s6_addr + 12, 0xff, 4);
	put16(l4, 68);
	put16(l4 + 2, 67);
	put16(l4 + 4, sizeof(l4));
	memcpy(l4 + UDP_HLEN, "\1\1\6", 3);
	memcpy(l4 + UDP_HLEN + 28, macs[1], MAC_LEN);
	memcpy(l4 + UDP_HLEN + 236, discover, sizeof(discover));
	machine_send(&l, 1, &out);
	assert_true(guest_wait(s, &in));
	assert_int_equal(get16(in.l4), 67);
	assert_true(addr_is_equal(&in.dst, &s->guest));
	assert_memory_equal(in.frame, macs[1], MAC_LEN);
	link_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UDP_TESTS(answers_go_to_who_asked),
		UDP_TEST(refusals_go_to_who_asked, v4),
		UDP_TEST(refusals_go_to_who_asked, v6),
		UDP_TEST(addresses_move, v4),
		UDP_TEST(addresses_move, v6),
		UDP_TEST(addresses_move_by_arp, v4),
		UDP_TEST(unknown_goes_to_the_last_one, v4),
		UDP_TEST(unknown_goes_to_the_last_one, v6),
		UDP_TEST(questions_are_limited, v4),
		UDP_TEST(questions_are_limited, v6),
		UDP_TEST(many_machines_are_known, v4),
		UDP_TEST(many_machines_are_known, v6),
		UDP_TEST(who_speaks_stays_known, v4),
		UDP_TEST(who_speaks_stays_known, v6),
		UDP_TEST(lease_goes_to_who_asked, v4),
	};

	return udp_run_tests(tests, ARRAY_SIZE(tests));
}

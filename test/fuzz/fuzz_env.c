// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_env.c - the stack between guest and model host, kept from run to run
 *
 * Setting up everything takes far longer than handling a few frames. So there
 * is one stack for each variant of circumstances, set up once; after each
 * input all flows are closed, what waits for fragments runs out of time, and
 * what the stack may not keep - buffers, flows, sockets - is counted. Frames
 * to the guest are checked one by one, by guest_recv().
 *
 * Assertions of cmocka end the program here.
 */

#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "flow.h"
#include "fuzz.h"
#include "guest.h"
#include "guest_mac.h"
#include "hooks.h"
#include "model.h"
#include "ports.h"

/* Longer than any fragment is kept: RFC 8200, 4.5 */
#define FORGET_MS		(61 * 1000)
#define SLOW_HOST		0x80	/* In the number of circumstances */
#define SLOW_US			300	/* A third flow in a turn has to wait */

static const struct fwd_rule tcp_in = {
	.proto = IPPROTO_TCP, .from = PLACE_HOST,
	.first = 2000, .last = 2000, .to_first = 80,
};

static const struct fwd_rule udp_in = {
	.proto = IPPROTO_UDP, .from = PLACE_HOST,
	.first = 2001, .last = 2001, .to_first = 53,
};

static const struct stack_variant *const variants[] = {
	&stack_v4, &stack_v6, &stack_v4_offload, &stack_v6_offload,
	&stack_v4_bytes, &stack_v6_bytes, &stack_v4_no_peek_off,
	&stack_v6_no_peek_off,
};

static struct stack *stacks[ARRAY_SIZE(variants)];

/**
 * LLVMFuzzerInitialize() - Have failed assertions noticed
 * @argc:	Unused
 * @argv:	Unused
 *
 * Return: 0
 */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/**
 * stack_make() - Set up a stack
 * @variant:	Index of its circumstances
 *
 * Return: stack
 */
static struct stack *stack_make(unsigned variant)
{
	void *state = (void *)(uintptr_t)variants[variant];
	struct conf *conf;
	enum ipver v;

	stack_setup(&state);
	conf = &((struct stack *)state)->c.conf;
	for (v = V4; v < IPVER_MAX; v++) {
		conf->ip[v].dns[0] = conf->ip[v].gw;
		conf->ip[v].dns_count = 1;
	}
	conf->dhcp_dns = conf->dhcp_search = true;
	util_copy_str(conf->search, "example.com example.org",
		      CONF_SEARCH_MAX);
	util_copy_str(conf->hostname, "guest", CONF_NAME_MAX);
	util_copy_str(conf->fqdn, "guest.example.com", CONF_NAME_MAX);
	ports_open(state);
	return state;
}

/**
 * fuzz_stack_start() - Stack for the next input
 * @variant:	Circumstances, any number
 *
 * Return: stack, with a listener for TCP and one for UDP
 */
struct stack *fuzz_stack_start(unsigned variant)
{
	bool is_slow = variant & SLOW_HOST;
	struct stack *s;

	variant %= ARRAY_SIZE(variants);
	model_reset();
	if (!stacks[variant])
		stacks[variant] = stack_make(variant);
	s = stacks[variant];
	stack_step_us = is_slow ? SLOW_US : 0;
	hook_no_peek_off = s->var->no_peek_off;
	memcpy(s->c.tap.guest_mac, s->c.conf.ns_mac, MAC_LEN);
	guest_macs_forget(s->c.tap.macs);
	s->has_bridge = true;
	s->c.tap.guest_addr[V4] = s->c.conf.ip[V4].addr;
	s->c.tap.guest_addr[V6] = s->c.conf.ip[V6].addr;
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	tap_mem_lose(&s->c.tap, 0);

	ports_add(s, &tcp_in);
	ports_add(s, &udp_in);
	return s;
}

/**
 * fuzz_stack_drain() - Take all frames to the guest, each checked
 * @s:		Stack
 * @take:	What to do with each, may be NULL
 */
void fuzz_stack_drain(struct stack *s, void (*take)(struct stack *s,
						    const struct guest_in *in))
{
	struct guest_in in;

	while (guest_recv(s, &in)) {
		if (take)
			take(s, &in);
	}
}

/**
 * fuzz_stack_end() - Nothing must be left over from this input
 * @s:		Stack
 */
void fuzz_stack_end(struct stack *s)
{
	const struct tap_mem_check *check = tap_mem_check(&s->c.tap);

	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	tap_mem_lose(&s->c.tap, 0);
	/* Also for a listener that waits until it may accept again */
	s->c.now_ms += FORGET_MS;
	stack_settle(s);
	ports_remove(s, &tcp_in);
	ports_remove(s, &udp_in);
	flow_close_all(&s->c);
	stack_settle(s);
	fuzz_stack_drain(s, NULL);

	assert_int_equal(check->reserved, 0);
	assert_int_equal(check->lent, 0);
	assert_int_equal(check->misused, 0);
	assert_int_equal(check->too_long, 0);
	assert_int_equal(flow_count(s->c.flows, FLOW_TCP), 0);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	assert_int_equal(flow_count(s->c.flows, FLOW_ICMP), 0);
	assert_int_equal(model_open_count(), 0);
}

// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp_inbound.c - TCP, segment by segment: connections to the guest
 *
 * The host's client is a socket on loopback; what listens accepts it as the
 * program's listener would, and hands it over.
 */

#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "ends.h"
#include "guest_tcp.h"
#include "stack.h"
#include "tcp.h"

#define SOME_LEN		20000
#define STREAM_LEN		300000
#define SERVER_PORT		8080
#define PORT_DYNAMIC		49152	/* RFC 6335, 6 */
/* RFC 9293, 3.8.3: attempts end after three minutes at the latest */
#define GIVE_UP_MS		(4 * 60 * 1000)

static bool is_guess;	/* Nobody has said that the guest is there */

/**
 * client_connect() - Connect a client, and hand it over to the stack
 * @s:		Stack
 * @near_port:	Port the guest is to see, 0 for the client's own
 *
 * Return: the client's socket
 */
static int client_connect(struct stack *s, uint16_t *near_port)
{
	struct flow_side host = { .place = PLACE_HOST }, guest = {
		.far = s->guest, .far_port = SERVER_PORT, .near = s->host,
		.place = PLACE_GUEST, .is_guess = is_guess,
	};
	union sockaddr_any sa;
	uint16_t port;
	socklen_t sl;
	int listener = host_listen(s, &port), fd;

	sl = addr_to_sockaddr(&sa, &addr_loopback[s->v], port, 0);
	fd = socket(addr_family(s->v), SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &sa.sa, sl), 0);
	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	host.far = host.near = addr_loopback[s->v];
	host.near_port = port;
	host.far_port = ntohs(s->v == V4 ? sa.v4.sin_port : sa.v6.sin6_port);
	guest.near_port = *near_port ? *near_port : host.far_port;
	*near_port = guest.near_port;
	tcp_accepted(&s->c, host_accept(listener), &host, &guest);
	close(listener);
	return fd;
}

/**
 * struct inbound - a connection and both its ends
 * @s:		Stack
 * @g:		The guest's end, a server
 * @fd:		The host's client
 */
struct inbound {
	struct stack *s;
	struct guest_tcp *g;
	int fd;
};

/**
 * inbound_begin() - Have a client connect; the guest has said nothing yet
 * @state:	Of the test
 *
 * Return: the ends
 */
static struct inbound inbound_begin(void **state)
{
	struct inbound in = { .s = *state };
	uint16_t port = 0;

	in.fd = client_connect(in.s, &port);
	in.g = guest_tcp_new(in.s, port);
	in.g->port = SERVER_PORT;
	return in;
}

/**
 * inbound_answer() - The guest accepts
 * @in:		Connection
 */
static void inbound_answer(struct inbound *in)
{
	struct seg seg;

	guest_tcp_expect(in->g, F_SYN, &seg);
	guest_tcp_send(in->g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in->g, F_ACK, &seg);
	assert_int_equal(seg.ack, in->g->iss + 1);
}

static void both_ways(void **state)
{
	struct inbound in = inbound_begin(state);

	inbound_answer(&in);
	guest_tcp_upload(in.g, in.fd, STREAM_LEN);
	guest_tcp_download(in.g, in.fd, STREAM_LEN);
	guest_tcp_upload(in.g, in.fd, 1);
	assert_int_equal(in.g->retrans, 0);
	assert_int_equal(in.g->gaps, 0);
	expect_flows(in.s, 1);
	close(in.fd);
}

static void syn_has_options(void **state)
{
	struct inbound in = inbound_begin(state);
	size_t hlen = in.s->v == V4 ? 40 : 60;
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	assert_int_equal(seg.mss, in.s->var->mtu - hlen);
	assert_in_range(seg.wscale, 1, 14);
	assert_int_equal(seg.ack, 0);
	assert_true(seg.wnd > 0);
	guest_tcp_send(in.g, F_RST | F_ACK, 0);
	host_expect_reset(in.s, in.fd);
	close(in.fd);
}

static void client_speaks_before_answer(void **state)
{
	struct inbound in = inbound_begin(state);

	host_write(in.fd, 0, SOME_LEN);
	stack_settle(in.s);
	inbound_answer(&in);
	guest_tcp_read(in.g, SOME_LEN);
	assert_int_equal(in.g->retrans, 0);
	close(in.fd);
}

static void syn_ack_without_options(void **state)
{
	struct inbound in = inbound_begin(state);

	/* guest_tcp.c fails on segments longer than the default, and on bytes
	 * beyond a window that isn't scaled
	 */
	in.g->mss = in.g->wscale = -1;
	in.g->wnd = 3000;
	inbound_answer(&in);
	host_write(in.fd, 0, SOME_LEN);
	guest_tcp_drain(in.g);
	assert_in_range(in.g->count, 1, 3000);
	guest_tcp_ack(in.g);
	guest_tcp_read(in.g, SOME_LEN);
	guest_tcp_upload(in.g, in.fd, STREAM_LEN);
	/* The host has read all: what is told is what there is, not shifted */
	assert_in_range(in.g->peer_wnd, UINT16_MAX / 2, UINT16_MAX);
	close(in.fd);
}

static void scaled_windows_are_used(void **state)
{
	struct inbound in = inbound_begin(state);

	/* 100 means 200 kB, which neither SYN nor SYN,ACK can tell */
	in.g->wscale = 11;
	in.g->wnd = 100;
	inbound_answer(&in);
	assert_true(in.g->peer_wnd > UINT16_MAX);
	guest_tcp_ack(in.g);
	stack_settle(in.s);
	in.g->edge = in.g->rcv_nxt + (100 << 11);
	host_write(in.fd, 0, 5 * SOME_LEN);
	guest_tcp_drain(in.g);
	assert_int_equal(in.g->count, 5 * SOME_LEN);
	guest_tcp_ack(in.g);
	close(in.fd);
}

static void scenario_17_syn_is_repeated_then_given_up(void **state)
{
	struct inbound in = inbound_begin(state);
	unsigned segs, i;
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	stack_advance(in.s, 900);
	guest_tcp_expect_none(in.g);
	/* RFC 6298, 5.5: one second, then each time twice as long */
	for (i = 0; i < 3; i++) {
		stack_advance(in.s, 1000UL << i);
		guest_tcp_expect(in.g, F_SYN, &seg);
		guest_tcp_expect_none(in.g);
	}
	host_expect_quiet(in.s, in.fd);
	segs = in.g->segs;
	stack_advance(in.s, GIVE_UP_MS);
	guest_tcp_drain(in.g);
	assert_in_range(in.g->segs - segs, 2, 6);
	assert_true(in.g->reset);
	expect_flows(in.s, 0);
	host_expect_reset(in.s, in.fd);
	close(in.fd);
}

static void scenario_17_answer_to_repeated_syn(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	stack_advance(in.s, 1000);
	inbound_answer(&in);
	/* Nothing more comes by itself, and the timer starts anew */
	stack_advance(in.s, GIVE_UP_MS);
	guest_tcp_expect_none(in.g);
	guest_tcp_download(in.g, in.fd, SOME_LEN);
	assert_false(in.g->reset);
	close(in.fd);
}

/**
 * expect_syn_to() - The SYN must be repeated once, to an address of the guest
 * @in:		Connection
 * @ms:		Time until then
 * @a:		Address
 */
static void expect_syn_to(struct inbound *in, uint64_t ms,
			  const struct addr *a)
{
	struct guest_in syn;

	guest_tcp_expect_none(in->g);
	stack_advance(in->s, ms);
	assert_true(guest_wait(in->s, &syn));
	assert_int_equal(syn.proto, IPPROTO_TCP);
	assert_int_equal(syn.l4[13], F_SYN);
	assert_true(addr_is_equal(&syn.dst, a));
	in->g->irs = get32(syn.l4 + 4);
}

/* The guest has an address of its own choice, which we hear of late */
static void guessed_address_is_given_up(void **state)
{
	struct addr before = ((struct stack *)*state)->guest, seen;
	struct inbound in;
	struct seg seg;

	is_guess = true;
	in = inbound_begin(state);
	is_guess = false;
	guest_tcp_expect(in.g, F_SYN, &seg);
	expect_syn_to(&in, 1000, &before);
	guest_moves(in.s, 0x77);
	seen = in.s->guest;
	expect_syn_to(&in, 2000, &seen);
	/* Now that it was heard it stays, others may be there too */
	guest_moves(in.s, 0x88);
	expect_syn_to(&in, 4000, &seen);
	in.s->guest = seen;
	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in.g, F_ACK, &seg);
	guest_tcp_upload(in.g, in.fd, SOME_LEN);
	guest_tcp_download(in.g, in.fd, SOME_LEN);
	expect_flows(in.s, 1);
	close(in.fd);
}

/* Another address than that, by an option or as it was heard, isn't tried */
static void known_address_is_kept(void **state)
{
	struct addr before = ((struct stack *)*state)->guest;
	struct inbound in = inbound_begin(state);
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	guest_moves(in.s, 0x77);
	expect_syn_to(&in, 1000, &before);
	in.s->guest = before;
	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in.g, F_ACK, &seg);
	guest_tcp_download(in.g, in.fd, SOME_LEN);
	close(in.fd);
}

static void answer_comes_twice(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	inbound_answer(&in);
	/* The guest didn't get our ACK: it is told again */
	guest_tcp_send_at(in.g, F_SYN | F_ACK, in.g->iss, 0);
	guest_tcp_expect(in.g, F_ACK, &seg);
	assert_int_equal(seg.ack, in.g->iss + 1);
	guest_tcp_upload(in.g, in.fd, SOME_LEN);
	close(in.fd);
}

static void refused_by_guest(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	seg_init(in.g, &seg, F_RST | F_ACK);
	seg.seq = 0;
	guest_tcp_put(in.g, &seg);
	host_expect_reset(in.s, in.fd);
	expect_flows(in.s, 0);
	assert_int_equal(stack_stat(in.s, STAT_FLOW_REFUSED), 1);
	guest_tcp_expect_none(in.g);
	close(in.fd);
}

static void blind_answers_do_nothing(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg, syn;

	guest_tcp_expect(in.g, F_SYN, &syn);
	/* RFC 9293, 3.10.7.3: a RST that doesn't acknowledge our SYN */
	seg_init(in.g, &seg, F_RST | F_ACK);
	seg.ack++;
	guest_tcp_put(in.g, &seg);
	guest_tcp_expect_none(in.g);
	seg_init(in.g, &seg, F_RST);
	guest_tcp_put(in.g, &seg);
	guest_tcp_expect_none(in.g);
	seg_init(in.g, &seg, F_ACK);
	guest_tcp_put(in.g, &seg);
	guest_tcp_expect_none(in.g);
	host_expect_quiet(in.s, in.fd);

	/* An acknowledgement of what was never sent: is reset by its number */
	seg_init(in.g, &seg, F_SYN | F_ACK);
	seg.ack += 1000;
	guest_tcp_put(in.g, &seg);
	guest_tcp_expect(in.g, F_RST, &seg);
	assert_int_equal(seg.seq, in.g->rcv_nxt + 1000);
	in.g->reset = false;

	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in.g, F_ACK, &seg);
	guest_tcp_upload(in.g, in.fd, 100);
	close(in.fd);
}

static void client_resets_before_answer(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	guest_tcp_expect(in.g, F_SYN, &seg);
	host_reset(in.fd);
	guest_tcp_expect(in.g, F_RST | F_ACK, &seg);
	assert_int_equal(seg.seq, in.g->irs + 1);
	expect_flows(in.s, 0);
	/* The answer that was under way finds nobody */
	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in.g, F_RST, &seg);
}

static void client_finishes_before_answer(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	/* A request and its end are passed on when there is somebody */
	host_write(in.fd, 0, 1000);
	shutdown(in.fd, SHUT_WR);
	stack_settle(in.s);
	guest_tcp_expect(in.g, F_SYN, &seg);
	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_drain(in.g);
	assert_int_equal(in.g->rcv_nxt - in.g->irs, 1 + 1000 + in.g->fin);
	/* Where the kernel has no peek offset, the end comes behind the data */
	guest_tcp_ack(in.g);
	guest_tcp_drain(in.g);
	assert_true(in.g->fin);
	guest_tcp_ack(in.g);
	guest_tcp_upload(in.g, in.fd, SOME_LEN);
	guest_tcp_send(in.g, F_FIN | F_ACK, 0);
	host_expect_eof(in.s, in.fd);
	expect_flows(in.s, 0);
	close(in.fd);
}

static void half_close_by_guest(void **state)
{
	struct inbound in = inbound_begin(state);
	struct seg seg;

	inbound_answer(&in);
	guest_tcp_upload(in.g, in.fd, 1000);
	guest_tcp_send(in.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(in.g);
	host_expect_eof(in.s, in.fd);
	guest_tcp_download(in.g, in.fd, SOME_LEN);
	close(in.fd);
	guest_tcp_expect(in.g, F_FIN | F_ACK, &seg);
	guest_tcp_ack(in.g);
	expect_flows(in.s, 0);
}

static void full_link_holds_syn_back(void **state)
{
	struct stack *s = *state;
	struct inbound in;
	struct seg seg;

	tap_mem_set_room(&s->c.tap, 0);
	in = inbound_begin(state);
	guest_tcp_expect_none(in.g);
	tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	/* Without any timer */
	guest_tcp_expect(in.g, F_SYN, &seg);
	guest_tcp_send(in.g, F_SYN | F_ACK, 0);
	guest_tcp_expect(in.g, F_ACK, &seg);
	guest_tcp_download(in.g, in.fd, 100);
	close(in.fd);
}

/**
 * next_syn_port() - Wait for a SYN that is none of the known connections'
 * @s:		Stack
 * @iss:	Set to its sequence number
 *
 * Return: port it came from
 */
static uint16_t next_syn_port(struct stack *s, uint32_t *iss)
{
	struct guest_in in;

	assert_true(guest_wait(s, &in));
	assert_int_equal(in.proto, IPPROTO_TCP);
	assert_int_equal(in.l4[13], F_SYN);
	assert_int_equal(get16(in.l4 + 2), SERVER_PORT);
	*iss = get32(in.l4 + 4);
	return get16(in.l4);
}

static void ports_of_clients_do_not_collide(void **state)
{
	struct inbound in = inbound_begin(state);
	uint16_t port = in.g->dst_port, other;
	struct guest_tcp *g;
	struct seg seg;
	uint32_t iss;
	int fd;

	inbound_answer(&in);
	/* Another client, of the same port by translation of its address */
	fd = client_connect(in.s, &port);
	other = next_syn_port(in.s, &iss);
	assert_int_not_equal(other, in.g->dst_port);
	assert_true(other >= PORT_DYNAMIC);
	expect_flows(in.s, 2);

	g = guest_tcp_new(in.s, other);
	g->port = SERVER_PORT;
	g->irs = iss;
	g->rcv_nxt = iss + 1;
	g->edge = g->rcv_nxt + g->wnd;
	g->synced = true;
	g->peer_wscale = 8;
	guest_tcp_send(g, F_SYN | F_ACK, 0);
	guest_tcp_expect(g, F_ACK, &seg);
	guest_tcp_upload(g, fd, 1000);
	guest_tcp_upload(in.g, in.fd, 2000);
	guest_tcp_download(g, fd, 3000);
	guest_tcp_download(in.g, in.fd, 4000);
	close(in.fd);
	close(fd);
}

static void many_of_one_port(void **state)
{
	uint16_t ports[100], port = 60000;
	struct stack *s = *state;
	struct guest_tcp *g;
	int fds[100];
	uint32_t iss;
	unsigned i, j;

	for (i = 0; i < 40; i++) {
		fds[i] = client_connect(s, &port);
		ports[i] = next_syn_port(s, &iss);
		for (j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
		/* Known from here on, so that it is reset at the end */
		g = guest_tcp_new(s, ports[i]);
		g->port = SERVER_PORT;
		g->rcv_nxt = iss + 1;
	}
	expect_flows(s, 40);
	for (i = 0; i < 40; i++)
		close(fds[i]);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)
#define ALL(f)								\
	BOTH(f), STACK_TEST(f, v4_offload), STACK_TEST(f, v6_offload),	\
	STACK_TEST(f, v4_twelve), STACK_TEST(f, v6_twelve),		\
	STACK_TEST(f, v4_no_peek_off), STACK_TEST(f, v6_no_peek_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(both_ways),
		ALL(client_speaks_before_answer),
		ALL(syn_ack_without_options),
		ALL(scaled_windows_are_used),
		BOTH(syn_has_options),
		STACK_TEST(syn_has_options, v4_offload),
		BOTH(scenario_17_syn_is_repeated_then_given_up),
		BOTH(scenario_17_answer_to_repeated_syn),
		BOTH(guessed_address_is_given_up),
		BOTH(known_address_is_kept),
		BOTH(answer_comes_twice),
		BOTH(refused_by_guest),
		BOTH(blind_answers_do_nothing),
		BOTH(client_resets_before_answer),
		ALL(client_finishes_before_answer),
		BOTH(half_close_by_guest),
		BOTH(full_link_holds_syn_back),
		BOTH(ports_of_clients_do_not_collide),
		BOTH(many_of_one_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp.c - TCP, segment by segment: how connections begin and end */

#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "ends.h"
#include "guest_tcp.h"
#include "stack.h"

/* Longer than any retransmission or time-out of an unanswered segment */
#define GIVE_UP_MS		(20 * 60 * 1000)
#define LONG_IDLE_MS		(60 * 60 * 1000)
#define CLOSE_LEN		100000
#define ENDED_LEN		5000

static void scenario_1_server_speaks_first(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int listener, fd;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	stack_turn(s, 0);
	fd = host_accept(listener);
	host_write(fd, 0, 100);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);

	/* A bare ACK ends the handshake, no data of the guest is needed */
	guest_tcp_ack(g);
	guest_tcp_read(g, 100);
	host_write(fd, 100, 50);
	guest_tcp_read(g, 150);
	assert_int_equal(g->retrans, 0);
	close(fd);
	close(listener);
}

static void syn_is_answered_once_host_is_connected(void **state)
{
	struct stack *s = *state;
	int listener, other[2], i, fd;
	union sockaddr_any sa;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	socklen_t sl;

	/* Two connections fill a backlog of one: the next has to wait until
	 * the first one is accepted
	 */
	listener = host_listen(s, &port);
	assert_int_equal(listen(listener, 1), 0);
	sl = addr_to_sockaddr(&sa, &addr_loopback[s->v], port, 0);
	for (i = 0; i < 2; i++) {
		other[i] = socket(addr_family(s->v), SOCK_STREAM, 0);
		assert_int_equal(connect(other[i], &sa.sa, sl), 0);
	}

	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect_none(g);
	/* The guest's retransmission doesn't open another connection */
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	guest_tcp_expect_none(g);
	expect_flows(s, 1);

	for (i = 0; i < 2; i++) {
		close(host_accept(listener));
		close(other[i]);
	}
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	guest_tcp_ack(g);
	stack_settle(s);
	fd = host_accept(listener);
	guest_tcp_send(g, F_ACK, 10);
	host_read(s, fd, 0, 10);
	close(fd);
	close(listener);
}

static void scenario_12_refused_connection_is_reset(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;

	close(host_listen(s, &port));
	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_RST | F_ACK, &seg);
	assert_int_equal(seg.ack, g->iss + 1);
	expect_flows(s, 0);
}

static void scenario_11_port_0_is_no_problem(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g = guest_tcp_new(s, 0);
	struct ends e;

	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_drain(g);
	assert_false(g->synced);
	g->dst_port = 1;
	g->port = 0;
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	guest_tcp_drain(g);
	expect_flows(s, 0);

	e = ends_open(state);
	guest_tcp_upload(e.g, e.fd, 100);
	ends_close(&e);
}

static void scenario_2_rst_then_syn_in_one_batch(void **state)
{
	struct ends e = ends_open(state);
	int fd;

	guest_tcp_upload(e.g, e.fd, 1000);
	guest_tcp_send(e.g, F_RST | F_ACK, 0);
	guest_tcp_restart(e.g, e.g->snd_nxt + 100000);
	fd = guest_tcp_connect(e.g, e.listener);
	host_expect_reset(e.s, e.fd);
	guest_tcp_upload(e.g, fd, 1000);
	expect_flows(e.s, 1);
	close(fd);
	ends_close(&e);
}

static void scenario_3_fin_ack_then_syn_in_one_batch(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int fd;

	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	/* Acknowledges our FIN too: nothing of the old connection is left */
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_restart(e.g, e.g->snd_nxt + 100000);
	guest_tcp_send(e.g, F_SYN, 0);
	stack_turn(e.s, 0);

	/* The old FIN may be acknowledged, then comes the new SYN's answer */
	e.g->snd_una = e.g->iss - 100000;
	while (!e.g->synced && e.g->segs < 2) {
		guest_tcp_drain(e.g);
		stack_turn(e.s, 1);
	}
	assert_true(e.g->synced);
	assert_int_equal(e.g->snd_una, e.g->iss + 1);
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	host_expect_eof(e.s, e.fd);
	fd = host_accept(e.listener);
	guest_tcp_upload(e.g, fd, 1000);
	close(fd);
	ends_close(&e);
}

/**
 * close_guest_first() - Close by the guest's FIN, then by the host's
 * @e:		Established connection
 */
static void close_guest_first(struct ends *e)
{
	struct seg seg;

	guest_tcp_send(e->g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e->g);
	host_expect_eof(e->s, e->fd);
	close(e->fd);
	if (!e->g->fin)
		guest_tcp_expect(e->g, F_FIN | F_ACK, &seg);
	assert_true(e->g->fin);
	guest_tcp_ack(e->g);
	stack_settle(e->s);
}

static void scenario_10_time_wait_reuse(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int i;

	/* Again and again over the same ports: each time data flows */
	for (i = 0; i < 3; i++) {
		guest_tcp_upload(e.g, e.fd, 3000);
		guest_tcp_download(e.g, e.fd, 3000);
		close_guest_first(&e);
		guest_tcp_restart(e.g, e.g->snd_nxt + 1000);
		e.fd = guest_tcp_connect(e.g, e.listener);
	}
	close_guest_first(&e);
	expect_flows(e.s, 0);

	/* What comes late for a closed connection gets to no other */
	seg_init(e.g, &seg, F_ACK);
	seg.len = 100;
	guest_tcp_put(e.g, &seg);
	guest_tcp_expect(e.g, F_RST, &seg);
	e.fd = -1;
	ends_close(&e);
}

static void scenario_10_old_segments_do_not_reach_new_connection(void **state)
{
	struct ends e = ends_open(state);
	uint32_t old = e.g->snd_nxt;

	guest_tcp_upload(e.g, e.fd, 500);
	close_guest_first(&e);
	guest_tcp_restart(e.g, e.g->snd_nxt + 0x10000000);
	e.fd = guest_tcp_connect(e.g, e.listener);
	guest_tcp_send_at(e.g, F_ACK | F_PSH, old, 500);
	host_expect_quiet(e.s, e.fd);
	guest_tcp_drain(e.g);
	assert_false(e.g->reset);
	guest_tcp_upload(e.g, e.fd, 1000);
	ends_close(&e);
}

static void scenario_3_syn_right_after_last_ack(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int fd;

	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	guest_tcp_ack(e.g);
	guest_tcp_restart(e.g, e.g->snd_nxt + 1);
	fd = guest_tcp_connect(e.g, e.listener);
	guest_tcp_upload(e.g, fd, 1000);
	close(fd);
	ends_close(&e);
}

static void half_close_by_guest(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_upload(e.g, e.fd, 1000);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	host_expect_eof(e.s, e.fd);
	assert_false(e.g->fin);

	guest_tcp_download(e.g, e.fd, CLOSE_LEN);
	assert_false(e.g->fin);
	close(e.fd);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);
	guest_tcp_ack(e.g);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void half_close_by_host(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	guest_tcp_download(e.g, e.fd, 1000);
	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	guest_tcp_ack(e.g);

	guest_tcp_upload(e.g, e.fd, CLOSE_LEN);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	host_expect_eof(e.s, e.fd);
	expect_flows(e.s, 0);
	ends_close(&e);
}

static void end_goes_with_last_data(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg, again;

	host_write(e.fd, 0, 1000);
	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	assert_int_equal(seg.len, 1000);

	/* It gets lost, and comes again in the same way */
	stack_advance(e.s, 1000);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &again);
	assert_int_equal(again.seq, seg.seq);
	assert_int_equal(again.len, 1000);
	/* Only the data is acknowledged, so the FIN is lost alone */
	seg_init(e.g, &seg, F_ACK);
	seg.ack = again.seq + 1000;
	guest_tcp_put(e.g, &seg);
	stack_advance(e.s, 60000);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &again);
	assert_int_equal(again.seq, seg.ack);
	assert_int_equal(again.len, 0);
	guest_tcp_ack(e.g);
	guest_tcp_upload(e.g, e.fd, 1000);
	ends_close(&e);
}

static void guest_fin_with_data(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_send(e.g, F_ACK, 700);
	guest_tcp_send(e.g, F_FIN | F_PSH | F_ACK, 300);
	host_read(e.s, e.fd, 0, 1000);
	host_expect_eof(e.s, e.fd);
	guest_tcp_expect_acked(e.g);
	ends_close(&e);
}

static void guest_fin_before_missing_data_waits(void **state)
{
	struct ends e = ends_open(state);

	/* The FIN comes first: the stream must not end there */
	guest_tcp_send_at(e.g, F_FIN | F_ACK, e.g->snd_nxt + 500, 0);
	host_expect_quiet(e.s, e.fd);
	guest_tcp_send(e.g, F_ACK, 500);
	host_read(e.s, e.fd, 0, 500);
	guest_tcp_drain(e.g);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	host_expect_eof(e.s, e.fd);
	ends_close(&e);
}

static void guest_fin_is_retransmitted(void **state)
{
	struct ends e = ends_open(state);
	uint32_t fin = e.g->snd_nxt;

	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	/* Our acknowledgment got lost: another one comes */
	guest_tcp_send_at(e.g, F_FIN | F_ACK, fin, 0);
	stack_settle(e.s);
	assert_true(tap_mem_pending(&e.s->c.tap) > 0);
	guest_tcp_drain(e.g);
	guest_tcp_download(e.g, e.fd, 100);
	ends_close(&e);
}

static void host_closes_with_pending_data(void **state)
{
	struct ends e = ends_open(state);

	host_write(e.fd, 0, CLOSE_LEN);
	close(e.fd);
	/* All the data, in order, and only then the FIN */
	guest_tcp_read(e.g, CLOSE_LEN);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, CLOSE_LEN);
	assert_int_equal(e.g->retrans, 0);
	assert_true(e.g->fin);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void host_closes_and_guest_acks_late(void **state)
{
	struct ends e = ends_open(state);

	/* All data and the end are there before anything is acknowledged */
	host_write(e.fd, 0, 1000);
	close(e.fd);
	guest_tcp_drain(e.g);
	assert_int_equal(e.g->count, 1000);
	guest_tcp_ack(e.g);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void both_close_at_once(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	close(e.fd);
	guest_tcp_expect_acked(e.g);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);
	guest_tcp_ack(e.g);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void host_reset_resets_guest(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	guest_tcp_upload(e.g, e.fd, 1000);
	guest_tcp_download(e.g, e.fd, 1000);
	guest_tcp_drain(e.g);
	host_reset(e.fd);
	do {
		stack_turn(e.s, 10);
	} while (!tap_mem_pending(&e.s->c.tap));
	assert_true(guest_tcp_recv(e.g, &seg));
	assert_true(seg.flags & F_RST);
	/* RFC 5961, 3.2: the guest only takes it at exactly this number */
	assert_int_equal(seg.seq, e.g->rcv_nxt);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void host_resets_behind_data(void **state)
{
	struct ends e = ends_open(state);

	/* One event tells of both */
	host_write(e.fd, 0, ENDED_LEN);
	host_reset(e.fd);
	stack_settle(e.s);
	guest_tcp_read(e.g, ENDED_LEN);
	expect_flows(e.s, 0);
	guest_tcp_drain(e.g);
	assert_true(e.g->reset);
	assert_false(e.g->fin);
	close(e.listener);
}

static void host_resets_behind_its_end(void **state)
{
	struct ends e = ends_open(state);

	/* The guest hasn't got all of it when the reset comes */
	e.g->wnd = 8;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	host_write(e.fd, 0, ENDED_LEN);
	shutdown(e.fd, SHUT_WR);
	stack_settle(e.s);
	host_reset(e.fd);
	stack_settle(e.s);
	guest_tcp_drain(e.g);
	assert_in_range(e.g->count, 1, ENDED_LEN - 1);
	e.g->wnd = UINT16_MAX;
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, ENDED_LEN);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);
	guest_tcp_ack(e.g);
	expect_flows(e.s, 0);
	guest_tcp_drain(e.g);
	assert_true(e.g->reset);
	close(e.listener);
}

static void host_resets_behind_lost_end(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg, again;

	host_write(e.fd, 0, 1000);
	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);

	/* It gets lost: what the host had ended well comes again anyway */
	host_reset(e.fd);
	stack_settle(e.s);
	guest_tcp_expect_none(e.g);
	stack_advance(e.s, 1000);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &again);
	assert_int_equal(again.seq, seg.seq);
	assert_int_equal(again.len, 1000);
	guest_tcp_ack(e.g);
	expect_flows(e.s, 0);
	guest_tcp_drain(e.g);
	assert_true(e.g->reset);
	close(e.listener);
}

static void guest_reset_resets_host(void **state)
{
	struct ends e = ends_open(state);

	guest_tcp_upload(e.g, e.fd, 1000);
	guest_tcp_send(e.g, F_RST, 0);
	host_expect_reset(e.s, e.fd);
	guest_tcp_expect_none(e.g);
	expect_flows(e.s, 0);
	ends_close(&e);
}

static void guest_reset_with_pending_data(void **state)
{
	struct ends e = ends_open(state);

	host_write(e.fd, 0, CLOSE_LEN);
	stack_settle(e.s);
	guest_tcp_send(e.g, F_ACK, 1000);
	guest_tcp_send(e.g, F_RST | F_ACK, 0);
	host_read(e.s, e.fd, 0, 1000);
	host_expect_reset(e.s, e.fd);
	guest_tcp_drain(e.g);
	expect_flows(e.s, 0);
	ends_close(&e);
}

/**
 * expect_reply() - Send a segment that belongs to no connection
 * @g:		Connection that isn't open
 * @seg:	Segment; set to the answer
 * @flags:	Flags of the answer, 0 for none
 */
static void expect_reply(struct guest_tcp *g, struct seg *seg, uint8_t flags)
{
	g->snd_nxt = seg->seq + (uint32_t)seg->len + 1;
	g->snd_una = seg->seq;
	guest_tcp_put(g, seg);
	if (flags)
		guest_tcp_expect(g, flags, seg);
	guest_tcp_expect_none(g);
	expect_flows(g->s, 0);
}

static void scenario_5_unsolicited_segments(void **state)
{
	struct guest_tcp *g = guest_tcp_new(*state, 9);
	struct seg seg;

	/* RFC 9293, 3.10.7.1: with ACK, the reset has its number and no ACK */
	seg_init(g, &seg, F_ACK);
	seg.ack = 0xabcdef01;
	expect_reply(g, &seg, F_RST);
	assert_int_equal(seg.seq, 0xabcdef01);

	seg_init(g, &seg, F_FIN | F_ACK);
	seg.ack = 0xfffffffe;
	seg.len = 10;
	expect_reply(g, &seg, F_RST);
	assert_int_equal(seg.seq, 0xfffffffe);

	seg_init(g, &seg, F_SYN | F_ACK);
	seg.ack = 77;
	expect_reply(g, &seg, F_RST);
	assert_int_equal(seg.seq, 77);

	/* Without, the reset is numbered 0 and acknowledges all of it */
	seg_init(g, &seg, F_FIN);
	seg.seq = 0xfffffff0;
	seg.len = 100;
	expect_reply(g, &seg, F_RST | F_ACK);
	assert_int_equal(seg.seq, 0);
	assert_int_equal(seg.ack, 0xfffffff0 + 101);

	/* A reset is never answered */
	seg_init(g, &seg, F_RST);
	expect_reply(g, &seg, 0);
	seg_init(g, &seg, F_RST | F_ACK);
	expect_reply(g, &seg, 0);
}

static void syn_ack_options(void **state)
{
	struct ends e = ends_open(state);
	size_t headers = e.s->v == V4 ? 40 : 60;

	assert_true(e.g->peer_mss >= (int)536);
	assert_true(e.g->peer_mss <= (int)(e.s->c.tap.mtu - headers));
	assert_true(e.g->peer_wscale >= 0 && e.g->peer_wscale <= 14);
	ends_close(&e);
}

static void no_window_scale_unless_offered(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	g->wscale = -1;
	g->mss = -1;
	fd = guest_tcp_connect(g, listener);
	assert_int_equal(g->peer_wscale, -1);
	guest_tcp_upload(g, fd, CLOSE_LEN);
	guest_tcp_download(g, fd, CLOSE_LEN);
	close(fd);
	close(listener);
}

static void syn_ack_is_repeated(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	int listener, fd;
	uint16_t port;
	struct seg seg;
	uint32_t irs;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	irs = seg.seq;

	/* For the guest's SYN sent again, and by time-out */
	guest_tcp_send_at(g, F_SYN, g->iss, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	assert_int_equal(seg.seq, irs);
	stack_advance(s, 4000);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	assert_int_equal(seg.seq, irs);
	while (guest_tcp_recv(g, &seg))
		;

	guest_tcp_ack(g);
	stack_settle(s);
	fd = host_accept(listener);
	guest_tcp_upload(g, fd, 100);
	stack_advance(s, 60000);
	guest_tcp_expect_none(g);
	close(fd);
	close(listener);
}

static void handshake_never_completed_is_given_up(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int listener, fd;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	fd = host_accept(listener);
	stack_advance(s, GIVE_UP_MS);
	guest_tcp_drain(g);
	assert_true(g->segs < 20);
	expect_flows(s, 0);
	assert_true(host_wait(fd, POLLIN, HOST_WAIT_MS));
	close(fd);
	close(listener);
}

static void syn_with_data_loses_nothing(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int listener, fd;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	seg_init(g, &seg, F_SYN);
	seg.len = 100;
	g->snd_nxt += 101;
	{
		static uint8_t data[100];

		pattern_fill(data, 0, sizeof(data));
		seg.data = data;
		guest_tcp_put(g, &seg);
	}
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	/* As RFC 7413 has it: what wasn't acknowledged is sent again */
	if (seg.ack == g->iss + 1)
		guest_tcp_send_at(g, F_ACK, g->iss + 1, 100);
	else
		assert_int_equal(seg.ack, g->iss + 101);
	guest_tcp_ack(g);
	stack_settle(s);
	fd = host_accept(listener);
	host_read(s, fd, 0, 100);
	guest_tcp_expect_acked(g);
	close(fd);
	close(listener);
}

static void data_with_last_ack_of_handshake(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int listener, fd;

	listener = host_listen(s, &port);
	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	guest_tcp_send(g, F_ACK | F_PSH | F_FIN, 300);
	fd = host_accept(listener);
	host_read(s, fd, 0, 300);
	host_expect_eof(s, fd);
	guest_tcp_expect_acked(g);
	close(fd);
	close(listener);
}

static void scenario_15_lone_unacked_fin_no_storm(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;
	int i;

	guest_tcp_download(e.g, e.fd, 1000);
	close(e.fd);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);

	/* Duplicates of the last ACK, the one before the FIN */
	for (i = 0; i < 30; i++) {
		seg_init(e.g, &seg, F_ACK);
		seg.ack = e.g->rcv_nxt - 1;
		guest_tcp_put(e.g, &seg);
		stack_turn(e.s, 0);
	}
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans <= 1);

	/* It is sent again by its timer, ever more slowly */
	e.g->retrans = 0;
	stack_advance(e.s, 60000);
	guest_tcp_drain(e.g);
	assert_true(e.g->retrans >= 2 && e.g->retrans <= 12);
	guest_tcp_ack(e.g);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	expect_flows(e.s, 0);
	close(e.listener);
}

static void fin_never_acked_is_given_up(void **state)
{
	struct ends e = ends_open(state);

	close(e.fd);
	guest_tcp_drain(e.g);
	assert_true(e.g->fin);
	stack_advance(e.s, GIVE_UP_MS);
	expect_flows(e.s, 0);
	guest_tcp_drain(e.g);
	close(e.listener);
}

static void scenario_9_idle_connection_stays(void **state)
{
	struct ends e = ends_open(state);

	/* Not a word from the server, no reset */
	stack_advance(e.s, LONG_IDLE_MS);
	guest_tcp_drain(e.g);
	assert_false(e.g->reset);
	guest_tcp_upload(e.g, e.fd, 1000);
	stack_advance(e.s, LONG_IDLE_MS);
	guest_tcp_drain(e.g);
	assert_false(e.g->reset);
	guest_tcp_download(e.g, e.fd, 1000);
	ends_close(&e);
}

static void guest_gone_for_good_is_noticed(void **state)
{
	struct ends e = ends_open(state);

	/* Nothing to send, and no answer for a day: RFC 9293, 3.8.4 */
	stack_advance(e.s, 24ULL * LONG_IDLE_MS);
	guest_tcp_drain(e.g);
	expect_flows(e.s, 0);
	host_expect_reset(e.s, e.fd);
	ends_close(&e);
}

static void many_connections_at_once(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *g[16];
	int listener, fd[16];
	uint16_t port;
	unsigned i;

	listener = host_listen(s, &port);
	for (i = 0; i < ARRAY_SIZE(g); i++) {
		g[i] = guest_tcp_new(s, port);
		g[i]->iss = g[i]->snd_una = g[i]->snd_nxt = i * 0x11111111U;
		fd[i] = guest_tcp_connect(g[i], listener);
	}
	expect_flows(s, ARRAY_SIZE(g));
	for (i = 0; i < ARRAY_SIZE(g); i++)
		guest_tcp_upload(g[i], fd[i], 1000 + i);
	for (i = 0; i < ARRAY_SIZE(g); i++)
		guest_tcp_download(g[i], fd[i], 5000 + i);
	for (i = 0; i < ARRAY_SIZE(g); i++) {
		struct ends e = { s, g[i], listener, fd[i] };

		close_guest_first(&e);
	}
	expect_flows(s, 0);
	close(listener);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		BOTH(scenario_1_server_speaks_first),
		STACK_TEST(syn_is_answered_once_host_is_connected, v4),
		BOTH(scenario_12_refused_connection_is_reset),
		BOTH(scenario_11_port_0_is_no_problem),
		BOTH(scenario_2_rst_then_syn_in_one_batch),
		BOTH(scenario_3_fin_ack_then_syn_in_one_batch),
		BOTH(scenario_3_syn_right_after_last_ack),
		BOTH(scenario_10_time_wait_reuse),
		BOTH(scenario_10_old_segments_do_not_reach_new_connection),
		BOTH(half_close_by_guest),
		BOTH(half_close_by_host),
		STACK_TEST(half_close_by_guest, v4_offload),
		STACK_TEST(half_close_by_host, v6_offload),
		STACK_TEST(half_close_by_guest, v6_bytes),
		STACK_TEST(half_close_by_host, v4_bytes),
		BOTH(guest_fin_with_data),
		BOTH(guest_fin_before_missing_data_waits),
		BOTH(guest_fin_is_retransmitted),
		BOTH(end_goes_with_last_data),
		STACK_TEST(end_goes_with_last_data, v4_offload),
		STACK_TEST(end_goes_with_last_data, v6_twelve),
		BOTH(host_closes_with_pending_data),
		STACK_TEST(host_closes_with_pending_data, v4_offload),
		STACK_TEST(host_closes_with_pending_data, v4_no_meminfo),
		STACK_TEST(host_closes_with_pending_data, v6_twelve),
		STACK_TEST(host_closes_with_pending_data, v4_no_peek_off),
		STACK_TEST(host_closes_with_pending_data, v6_no_peek_off),
		STACK_TEST(half_close_by_host, v4_no_peek_off),
		BOTH(host_closes_and_guest_acks_late),
		STACK_TEST(host_closes_and_guest_acks_late, v4_no_peek_off),
		STACK_TEST(host_closes_and_guest_acks_late, v6_no_peek_off),
		BOTH(both_close_at_once),
		BOTH(host_reset_resets_guest),
		BOTH(host_resets_behind_data),
		STACK_TEST(host_resets_behind_data, v4_no_peek_off),
		BOTH(host_resets_behind_its_end),
		STACK_TEST(host_resets_behind_its_end, v4_no_peek_off),
		BOTH(host_resets_behind_lost_end),
		BOTH(guest_reset_resets_host),
		BOTH(guest_reset_with_pending_data),
		BOTH(scenario_5_unsolicited_segments),
		STACK_TEST(scenario_5_unsolicited_segments, v4_bytes),
		BOTH(syn_ack_options),
		STACK_TEST(syn_ack_options, v4_offload),
		BOTH(no_window_scale_unless_offered),
		BOTH(syn_ack_is_repeated),
		BOTH(handshake_never_completed_is_given_up),
		BOTH(syn_with_data_loses_nothing),
		BOTH(data_with_last_ack_of_handshake),
		BOTH(scenario_15_lone_unacked_fin_no_storm),
		BOTH(fin_never_acked_is_given_up),
		BOTH(scenario_9_idle_connection_stays),
		BOTH(guest_gone_for_good_is_noticed),
		BOTH(many_connections_at_once),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

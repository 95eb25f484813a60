// SPDX-License-Identifier: BSD-3-Clause
/* frame_tcp_limits.c - TCP, segment by segment: when something runs short
 *
 * Windows and the pool of data that sockets didn't take, descriptors, places
 * in the flow table, time to open connections, and addresses that the guest
 * uses again before all of the old connection is done. Urgent data, where a
 * look at the queue ends early.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ends.h"
#include "flow.h"
#include "guest_tcp.h"
#include "hooks.h"
#include "opening.h"
#include "stack.h"
#include "tcp_conn.h"
#include "tcp_pool.h"
#include "view.h"

#define SOME_LEN		20000
#define STREAM_LEN		300000
#define RTO_MS			3000
#define SILENT_MS		1000	/* Who sends is heard within that */
#define HOUR_MS			(60 * 60 * 1000)
#define FLOOD			1500
#define FDS_LEFT		8
#define CROWD			20
#define OPEN_US			1000	/* To open a flow: that is long */
#define BEYOND			(2048 + 1000)	/* More than may wait */
#define CLOSED_PORT		9
#define REFUSED_TURNS	10000		/* For that, at most */
#define MANY			24
#define EDGE_ROUNDING		256	/* Windows are told in these units */
#define STEP			1024	/* Less isn't worth telling */
#define PIECES			8000	/* Segments of one byte */
#define PIECE_COST		500	/* Memory of each */
#define DROPPING_S		50	/* After that, it is sent rarely */

/**
 * use_most_of_pool() - Have somebody else use most of the pool
 * @s:		Stack
 * @k:		Filled with what is kept for them
 */
static void use_most_of_pool(struct stack *s, struct tcp_kept *k)
{
	static char data[TCP_CHUNK_SIZE];
	unsigned chunks = TCP_CHUNKS / 2 + 10;
	struct iovec iov;

	memset(k, 0, sizeof(*k));
	while (chunks--)
		assert_true(tcp_pool_add(&s->c.tcp->pool, k, view_from_buf(
			&iov, data, sizeof(data))));
}

/**
 * send_all_the_window_takes() - Use up the window, look at each answer
 * @e:		Connection
 *
 * Fails if the edge of the window moves by little.
 *
 * Return: bytes sent
 */
static size_t send_all_the_window_takes(struct ends *e)
{
	struct guest_tcp *g = e->g;
	uint32_t edge = g->snd_una + g->peer_wnd;
	size_t sent = 0;
	struct seg seg;
	int idle = 0;

	while (idle < 5) {
		int32_t room = seq_diff(g->snd_una + g->peer_wnd, g->snd_nxt);

		idle++;
		if (room > 0) {
			room = MIN(room, g->peer_mss);
			guest_tcp_send(g, F_ACK, (size_t)room);
			sent += (size_t)room;
			idle = 0;
		}
		stack_turn(e->s, idle ? 1 : 0);
		while (guest_tcp_recv(g, &seg)) {
			uint32_t now = g->snd_una + g->peer_wnd;
			int32_t more = seq_diff(now, edge);

			assert_true(more > -EDGE_ROUNDING);
			if (more >= EDGE_ROUNDING)
				assert_true(more > STEP - EDGE_ROUNDING);
			if (more >= EDGE_ROUNDING || more < 0)
				edge = now;
			idle = 0;
		}
		assert_true(sent < 64 << 20);
	}
	return sent;
}

static void window_moves_by_steps_without_pool(void **state)
{
	struct ends e = ends_open(state);
	struct tcp_kept others;
	size_t done = 0, sent;
	int i;

	use_most_of_pool(e.s, &others);
	for (i = 0; i < 3; i++) {
		sent = send_all_the_window_takes(&e);
		guest_tcp_expect_acked(e.g);
		assert_true(e.g->peer_wnd < (unsigned)e.g->peer_mss);
		/* Nothing was taken beyond what the socket had room for */
		assert_int_equal(stack_stat(e.s, STAT_TCP_POOL_FULL), 0);
		assert_true(sent > 0);

		/* The host reads: the guest is told without asking */
		host_read(e.s, e.fd, done, sent);
		done += sent;
		guest_tcp_drain(e.g);
		assert_true(e.g->peer_wnd >= (unsigned)e.g->peer_mss);
	}
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len);
	guest_tcp_upload(e.g, e.fd, STREAM_LEN);
	ends_close(&e);
}

static void window_moves_by_steps(void **state)
{
	struct ends e = ends_open(state);
	size_t sent = send_all_the_window_takes(&e);

	guest_tcp_expect_acked(e.g);
	host_read(e.s, e.fd, 0, sent);
	guest_tcp_drain(e.g);
	assert_true(e.g->peer_wnd >= (unsigned)e.g->peer_mss);
	guest_tcp_upload(e.g, e.fd, STREAM_LEN);
	ends_close(&e);
}

/* Whose probes have become rare hears of window before it is heard again */
static void guest_told_of_window_has_more_to_send(void **state)
{
	struct ends e = ends_open(state);
	size_t sent = send_all_the_window_takes(&e);

	guest_tcp_expect_acked(e.g);
	stack_advance(e.s, SILENT_MS);
	assert_int_equal(flow_count_busy(&e.s->c), 1);
	host_read(e.s, e.fd, 0, sent);
	guest_tcp_drain(e.g);
	assert_true(e.g->peer_wnd >= (unsigned)e.g->peer_mss);
	assert_int_equal(flow_count_busy(&e.s->c), 1);

	/* It had nothing more to send after all */
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	stack_advance(e.s, SILENT_MS);
	assert_int_equal(flow_count_busy(&e.s->c), 0);
	ends_close(&e);
}

static void window_offered_is_taken_by_pool(void **state)
{
	struct ends e = ends_open(state);
	struct tcp_kept others;
	uint64_t total;

	/* What was told before the pool ran low must be taken all the same */
	total = ends_fill_up(&e);
	use_most_of_pool(e.s, &others);
	total += ends_fill_up(&e);
	assert_int_equal(stack_stat(e.s, STAT_TCP_POOL_FULL), 0);
	guest_tcp_expect_acked(e.g);
	tcp_pool_take(&e.s->c.tcp->pool, &others, others.len);
	host_read(e.s, e.fd, 0, total);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

/**
 * ends_open_and_keep() - Connect, send until some of it is kept
 * @state:	Of the test
 * @total:	Set to how much was sent
 *
 * Return: the connection, its socket's buffers smaller than what was told
 */
static struct ends ends_open_and_keep(void **state, uint64_t *total)
{
	struct ends e = { .s = *state };
	uint16_t port;

	e.listener = host_listen(e.s, &port);
	host_set_int(e.listener, SOL_SOCKET, SO_RCVBUF, 1);
	e.g = guest_tcp_new(e.s, port);
	hook_sndbuf = 1;
	e.fd = guest_tcp_connect(e.g, e.listener);
	hook_sndbuf = 0;
	*total = ends_fill_up(&e);
	guest_tcp_expect_acked(e.g);
	assert_true(e.s->c.tcp->pool.free_count < TCP_CHUNKS);
	return e;
}

/**
 * expect_old_is_delivered() - The rest of an old connection reaches the host
 * @s:		Stack
 * @fd:		The old host's end
 * @total:	Bytes sent on it
 */
static void expect_old_is_delivered(struct stack *s, int fd, uint64_t total)
{
	host_read(s, fd, 0, total);
	host_expect_eof(s, fd);
	close(fd);
}

static void finished_with_data_kept(void **state)
{
	uint64_t total;
	struct ends e = ends_open_and_keep(state, &total);
	int old = e.fd;
	struct seg seg;

	shutdown(old, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	expect_flows(e.s, 1);

	/* To the guest, it is over: the port is free again */
	guest_tcp_restart(e.g, e.g->snd_nxt + 1);
	e.fd = guest_tcp_connect(e.g, e.listener);
	expect_flows(e.s, 2);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	stack_advance(e.s, HOUR_MS);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	/* Too old for an idle connection, but it isn't the guest's to answer;
	 * guest_tcp.c fails on anything of the old one
	 */
	stack_advance(e.s, HOUR_MS + HOUR_MS / 60);
	guest_tcp_expect_none(e.g);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);

	expect_old_is_delivered(e.s, old, total);
	expect_flows(e.s, 1);
	guest_tcp_download(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

static void syn_on_finished_with_data_kept(void **state)
{
	uint64_t total;
	struct ends e = ends_open_and_keep(state, &total);
	int old = e.fd;

	/* The host has sent what the guest doesn't acknowledge, and goes on */
	host_write(old, 0, SOME_LEN);
	stack_settle(e.s);
	guest_tcp_drain(e.g);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	guest_tcp_restart(e.g, e.g->snd_nxt + 100000);
	e.fd = guest_tcp_connect(e.g, e.listener);
	expect_flows(e.s, 2);

	host_write(old, SOME_LEN, SOME_LEN);
	stack_advance(e.s, 20 * RTO_MS);
	guest_tcp_expect_none(e.g);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	guest_tcp_download(e.g, e.fd, SOME_LEN);
	assert_int_equal(e.g->retrans, 0);
	assert_int_equal(e.g->gaps, 0);

	host_read(e.s, old, 0, total);
	shutdown(old, SHUT_WR);
	host_expect_eof(e.s, old);
	close(old);
	expect_flows(e.s, 1);
	guest_tcp_expect_none(e.g);
	ends_close(&e);
}

static void old_host_resets_with_data_kept(void **state)
{
	uint64_t total;
	struct ends e = ends_open_and_keep(state, &total);
	int old = e.fd;

	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect_acked(e.g);
	guest_tcp_restart(e.g, e.g->snd_nxt + 100000);
	e.fd = guest_tcp_connect(e.g, e.listener);
	/* That ends the old one and none else */
	host_reset(old);
	expect_flows(e.s, 1);
	guest_tcp_expect_none(e.g);
	guest_tcp_download(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

static void fin_is_acked_over_full_link_with_data_kept(void **state)
{
	uint64_t total;
	struct ends e = ends_open_and_keep(state, &total);
	struct seg seg;

	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	tap_mem_set_room(&e.s->c.tap, 0);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	stack_settle(e.s);
	/* The guest tries again before there is room: that is no stranger */
	guest_tcp_send_at(e.g, F_FIN | F_ACK, e.g->snd_nxt - 1, 0);
	stack_settle(e.s);
	tap_mem_set_room(&e.s->c.tap, TAP_MEM_UNLIMITED);
	guest_tcp_expect_acked(e.g);
	guest_tcp_drain(e.g);
	assert_false(e.g->reset);
	expect_old_is_delivered(e.s, e.fd, total);
	expect_flows(e.s, 0);
	e.fd = -1;
	ends_close(&e);
}

/**
 * handshake_ack_at() - End the handshake with a wrong sequence number
 * @state:	Of the test
 * @off:	How wrong
 */
static void handshake_ack_at(void **state, uint32_t off)
{
	struct stack *s = *state;
	struct guest_tcp *g;
	uint16_t port;
	struct seg seg;
	int fd, listener = host_listen(s, &port);

	g = guest_tcp_new(s, port);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_SYN | F_ACK, &seg);
	fd = host_accept(listener);
	host_write(fd, 0, 100);
	stack_settle(s);

	/* RFC 9293, 3.10.7.4, first: answered by what is expected, and no more
	 */
	guest_tcp_send_at(g, F_ACK, g->snd_nxt + off, 0);
	guest_tcp_expect(g, F_ACK, &seg);
	assert_int_equal(seg.seq, g->irs + 1);
	assert_int_equal(seg.ack, g->iss + 1);
	assert_int_equal(seg.len, 0);
	host_write(fd, 100, 100);
	guest_tcp_expect_none(g);

	guest_tcp_ack(g);
	guest_tcp_read(g, 200);
	guest_tcp_upload(g, fd, SOME_LEN);
	close(fd);
	close(listener);
}

static void handshake_ack_beyond_window(void **state)
{
	handshake_ack_at(state, 1 << 20);
}

static void handshake_ack_before_syn(void **state)
{
	handshake_ack_at(state, UINT32_MAX - 1000);
}

/**
 * drop_frames() - Take all frames to the guest, whosever they are
 * @s:		Stack
 */
static void drop_frames(struct stack *s)
{
	struct tap_mem_frame f;

	while (tap_mem_pop(&s->c.tap, &f))
		;
}

static void flood_of_attempts_spares_the_established(void **state)
{
	struct ends e = ends_open(state);
	struct guest_tcp flood = *e.g;
	int silent, other[2], i;
	union sockaddr_any sa;
	socklen_t sl;

	/* Nobody accepts there, and the queue is full: no answer ever */
	silent = host_listen(e.s, &flood.dst_port);
	assert_int_equal(listen(silent, 1), 0);
	sl = addr_to_sockaddr(&sa, &addr_loopback[e.s->v], flood.dst_port, 0);
	for (i = 0; i < 2; i++) {
		other[i] = socket(addr_family(e.s->v), SOCK_STREAM, 0);
		assert_int_equal(connect(other[i], &sa.sa, sl), 0);
	}

	guest_tcp_restart(&flood, 1000);
	for (i = 0; i < FLOOD; i++) {
		flood.port = (uint16_t)(10000 + i);
		guest_tcp_send_at(&flood, F_SYN, flood.iss, 0);
		stack_turn(e.s, 0);
		drop_frames(e.s);
	}
	assert_true(stack_stat(e.s, STAT_FLOW_FULL) > FLOOD - STACK_FLOWS);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	guest_tcp_download(e.g, e.fd, SOME_LEN);

	/* The link is gone: so is all that was open */
	flow_close_all(&e.s->c);
	drop_frames(e.s);
	expect_flows(e.s, 0);
	host_expect_reset(e.s, e.fd);
	for (i = 0; i < 2; i++)
		close(other[i]);
	close(silent);
	ends_close(&e);
}

static void new_ones_wait_for_the_established(void **state)
{
	struct ends e = ends_open(state);
	struct guest_tcp *g[CROWD];
	struct seg seg;
	unsigned i;

	stack_step_us = OPEN_US;
	for (i = 0; i < CROWD; i++) {
		g[i] = guest_tcp_new(e.s, e.g->dst_port);
		guest_tcp_send(g[i], F_SYN, 0);
	}
	guest_tcp_send(e.g, F_ACK, 100);
	stack_turn(e.s, 0);
	assert_true(flow_count(e.s->c.flows, FLOW_TCP) <= 3);
	assert_true(opening_count(&e.s->c) >= CROWD - 2);
	host_read(e.s, e.fd, 0, 100);

	/* No attempt is lost */
	for (i = 0; i < CROWD; i++)
		guest_tcp_expect(g[i], F_SYN | F_ACK, &seg);
	expect_flows(e.s, CROWD + 1);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

static void more_new_ones_than_may_wait(void **state)
{
	struct ends e = ends_open(state);
	uint64_t opened = stack_stat(e.s, STAT_FLOW_OPENED), done = 0;
	struct guest_tcp flood = *e.g;
	unsigned i;

	/* Nobody listens there. Of the ports that the kernel chooses from, it
	 * must be none: sooner or later, a socket would be connected to itself.
	 */
	flood.dst_port = CLOSED_PORT;
	guest_tcp_restart(&flood, 1000);
	stack_step_us = OPEN_US;
	for (i = 0; i < BEYOND; i++) {
		flood.port = (uint16_t)(10000 + i);
		guest_tcp_send_at(&flood, F_SYN, flood.iss, 0);
		if (i % TAP_BATCH_MAX)
			continue;
		guest_tcp_send(e.g, F_ACK, 100);
		stack_turn(e.s, 0);
		drop_frames(e.s);
		host_read(e.s, e.fd, done, 100);
		done += 100;
	}
	assert_true(stack_stat(e.s, STAT_OPENING_LOST) > 0);

	/* All get their turn, and are refused */
	stack_step_us = 0;
	for (i = 0; i < REFUSED_TURNS && (opening_count(&e.s->c) ||
	     flow_count(e.s->c.flows, FLOW_TCP) > 1); i++) {
		stack_turn(e.s, opening_count(&e.s->c) ? 0 : 10);
		drop_frames(e.s);
	}
	assert_int_equal(opening_count(&e.s->c), 0);
	opened = stack_stat(e.s, STAT_FLOW_OPENED) - opened;
	assert_int_equal(opened + stack_stat(e.s, STAT_OPENING_LOST), BEYOND);
	expect_flows(e.s, 1);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

/**
 * leave_descriptors() - Lower the limit so that few are left
 * @old:	Set to the limit as it was
 *
 * Return: how many are left, there may be used ones among those below the limit
 */
static int leave_descriptors(struct rlimit *old)
{
	int fds[FDS_LEFT], left = 0, i;
	struct rlimit few;

	fds[0] = dup(STDOUT_FILENO);
	assert_true(fds[0] >= 0);
	close(fds[0]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, old), 0);
	few = (struct rlimit){ (rlim_t)fds[0] + FDS_LEFT, old->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (left < FDS_LEFT && (fds[left] = dup(STDOUT_FILENO)) >= 0)
		left++;
	for (i = 0; i < left; i++)
		close(fds[i]);
	assert_true(left > 2);
	return left;
}

static void descriptors_run_out(void **state)
{
	struct guest_tcp *g[MANY];
	struct stack *s = *state;
	unsigned open = 0;
	struct rlimit old;
	int listener, left, i;
	uint16_t port;
	struct seg seg;

	listener = host_listen(s, &port);
	left = leave_descriptors(&old);
	/* Each new one works, at the cost of the oldest */
	for (i = 0; i < MANY; i++) {
		g[i] = guest_tcp_new(s, port);
		guest_tcp_send(g[i], F_SYN, 0);
		guest_tcp_expect(g[i], F_SYN | F_ACK, &seg);
		guest_tcp_ack(g[i]);
		guest_tcp_send(g[i], F_ACK, 100);
		guest_tcp_expect_acked(g[i]);
	}
	setrlimit(RLIMIT_NOFILE, &old);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(g[i]->reset, i < MANY - left);
		open += !g[i]->reset;
	}
	expect_flows(s, open);
	close(listener);
}

/* Who is heard again and again is no older than others, however long ago that
 * began, and however fast the others come
 */
static void descriptors_run_out_but_for_the_active(void **state)
{
	struct stack *s = *state;
	struct guest_tcp *active = NULL;
	struct rlimit old;
	uint16_t port;
	int listener, i;
	struct seg seg;

	listener = host_listen(s, &port);
	leave_descriptors(&old);
	for (i = 0; i < MANY; i++) {
		struct guest_tcp *g = guest_tcp_new(s, port);

		guest_tcp_send(g, F_SYN, 0);
		guest_tcp_expect(g, F_SYN | F_ACK, &seg);
		guest_tcp_ack(g);
		if (!active)
			active = g;
		guest_tcp_send(active, F_ACK, 100);
		guest_tcp_expect_acked(active);
		stack_advance(s, 1);
	}
	setrlimit(RLIMIT_NOFILE, &old);
	assert_false(active->reset);
	close(listener);
}

/* Not one to be had, and no flow to give up for it: the guest is refused, and
 * nothing is done to what would have been the socket, see hook_bad_fd
 */
static void no_descriptor_at_all(void **state)
{
	struct guest_tcp *g = guest_tcp_new(*state, 80);
	struct rlimit old, none;
	struct seg seg;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 0, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	guest_tcp_send(g, F_SYN, 0);
	guest_tcp_expect(g, F_RST | F_ACK, &seg);
	setrlimit(RLIMIT_NOFILE, &old);
	expect_flows(*state, 0);
}

/**
 * host_write_urgent() - Write one byte of the pattern as urgent data
 * @fd:		Descriptor
 * @offset:	Where in the pattern
 */
static void host_write_urgent(int fd, uint64_t offset)
{
	uint8_t byte;

	pattern_fill(&byte, offset, 1);
	assert_int_equal(send(fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

static void urgent_data_in_its_place(void **state)
{
	struct ends e = ends_open(state);
	uint64_t done = 0;
	struct seg seg;
	int i;

	/* First byte, in between, two in a row, last byte; some at once, some
	 * with the guest waiting for them
	 */
	for (i = 0; i < 12; i++) {
		host_write_urgent(e.fd, done++);
		if (i % 2)
			guest_tcp_read(e.g, done);
		host_write(e.fd, done, 1000);
		done += 1000;
		host_write_urgent(e.fd, done++);
		if (i % 3)
			host_write_urgent(e.fd, done++);
		if (i % 4 == 3)
			guest_tcp_read(e.g, done);
	}
	guest_tcp_read(e.g, done);
	host_write_urgent(e.fd, done++);
	shutdown(e.fd, SHUT_WR);
	guest_tcp_read(e.g, done);
	if (!e.g->fin)
		guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	assert_true(e.g->fin);
	guest_tcp_ack(e.g);
	assert_int_equal(e.g->retrans, 0);
	guest_tcp_upload(e.g, e.fd, 100);
	ends_close(&e);
}

static void urgent_data_lost_on_the_link(void **state)
{
	struct ends e = ends_open(state);
	uint64_t done = 0;
	int i;

	for (i = 0; i < 10; i++) {
		tap_mem_lose(&e.s->c.tap, (uint32_t)(i % 3) + 1);
		host_write(e.fd, done, 500);
		host_write_urgent(e.fd, done + 500);
		host_write(e.fd, done + 501, 499);
		done += 1000;
		stack_settle(e.s);
		tap_mem_lose(&e.s->c.tap, 0);
		stack_advance(e.s, RTO_MS);
		guest_tcp_drain(e.g);
		guest_tcp_ack(e.g);
		guest_tcp_read(e.g, done);
	}
	assert_false(e.g->reset);
	guest_tcp_download(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

/* RFC 5961, 7: ten at once, then two a second; data is answered always */
static void challenges_are_limited(void **state)
{
	struct ends e = ends_open(state);
	uint8_t flags[] = { F_RST, F_SYN, F_ACK, F_SYN | F_ACK };
	uint64_t withheld = stack_stat(e.s, STAT_ANSWERS_WITHHELD);
	struct seg seg;
	unsigned i, k;

	guest_tcp_upload(e.g, e.fd, 100);
	guest_tcp_drain(e.g);
	stack_advance(e.s, 60000);
	for (k = 10; k; k = k == 10 ? 2 : 0) {
		for (i = 0; i < 50; i++) {
			seg_init(e.g, &seg, flags[i % ARRAY_SIZE(flags)]);
			seg.seq += seg.flags == F_ACK ? -1U : 1;
			guest_tcp_put(e.g, &seg);
		}
		stack_settle(e.s);
		for (i = 0; i < k; i++)
			guest_tcp_expect(e.g, F_ACK, &seg);
		guest_tcp_expect_none(e.g);
		withheld += 50 - k;
		assert_int_equal(stack_stat(e.s, STAT_ANSWERS_WITHHELD),
				 withheld);
		if (k == 10)
			stack_advance(e.s, 1000);
	}

	/* Its acknowledgement got lost, the guest must learn of it */
	seg_init(e.g, &seg, F_ACK);
	seg.seq -= 100;
	seg.len = 100;
	guest_tcp_put(e.g, &seg);
	guest_tcp_expect(e.g, F_ACK, &seg);
	guest_tcp_upload(e.g, e.fd, 100);
	ends_close(&e);
}

/* Neither the host's socket nor the link to the guest have much room, and there
 * is something to be sent: this must be waited for
 */
static void fin_is_repeated_over_full_link(void **state)
{
	struct ends e = { .s = *state };
	uint16_t port;
	struct seg seg;

	e.listener = host_listen(e.s, &port);
	e.g = guest_tcp_new(e.s, port);
	hook_sndbuf = 1;
	e.fd = guest_tcp_connect(e.g, e.listener);
	hook_sndbuf = 0;
	shutdown(e.fd, SHUT_WR);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	tap_mem_set_room(&e.s->c.tap, 0);
	stack_advance(e.s, RTO_MS);
	tap_mem_set_room(&e.s->c.tap, TAP_MEM_UNLIMITED);
	guest_tcp_expect(e.g, F_FIN | F_ACK, &seg);
	guest_tcp_upload(e.g, e.fd, SOME_LEN);
	ends_close(&e);
}

/* What there is no reason to fail for, but might: nothing stalls, no end is
 * made up
 */
static void calls_that_end_things_fail(void **state)
{
	struct ends e = ends_open(state);
	struct seg seg;

	/* What the guest has got can't be dropped */
	host_write(e.fd, 0, SOME_LEN);
	guest_tcp_drain(e.g);
	hook_no_end = true;
	guest_tcp_ack(e.g);
	guest_tcp_expect(e.g, F_RST | F_ACK, &seg);
	host_expect_reset(e.s, e.fd);
	close(e.fd);

	/* The guest's end can't be passed on */
	guest_tcp_restart(e.g, e.g->snd_nxt + 1);
	e.fd = guest_tcp_connect(e.g, e.listener);
	guest_tcp_send(e.g, F_FIN | F_ACK, 0);
	guest_tcp_expect(e.g, F_RST | F_ACK, &seg);
	host_expect_reset(e.s, e.fd);
	close(e.fd);

	/* Nor can its reset, the usual way */
	guest_tcp_restart(e.g, e.g->snd_nxt + 1);
	e.fd = guest_tcp_connect(e.g, e.listener);
	guest_tcp_send(e.g, F_RST | F_ACK, 0);
	host_expect_reset(e.s, e.fd);
	hook_no_end = false;
	ends_close(&e);
}

/* The kernel searches the queue from its front for each piece that it finds */
static void many_pieces_are_not_looked_at_at_once(void **state)
{
	struct ends e = ends_open(state);

	e.g->wnd = 0;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	/* As if bytes had come one by one, from somebody who takes his time */
	host_write(e.fd, 0, PIECES);
	hook_rmem = PIECES * PIECE_COST;
	stack_advance(e.s, 1);

	e.g->wnd = UINT16_MAX;
	guest_tcp_ack(e.g);
	stack_settle(e.s);
	guest_tcp_drain(e.g);
	assert_true(e.g->count > 0);
	assert_true(e.g->count < PIECES / 2);
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, PIECES);
	assert_int_equal(e.g->retrans, 0);
	hook_rmem = 0;
	ends_close(&e);
}

/**
 * comes_after_window() - A guest drops data for a while, then takes it
 * @state:	Of the test
 * @wnd:	Window it tells meanwhile
 *
 * It answers to what is sent again and again, which becomes rare.
 */
static void comes_after_window(void **state, uint16_t wnd)
{
	struct ends e = ends_open(state);
	unsigned segs, i;

	guest_tcp_download(e.g, e.fd, SOME_LEN);
	tap_mem_lose(&e.s->c.tap, UINT8_MAX);
	host_write(e.fd, SOME_LEN, STEP);
	stack_settle(e.s);
	e.g->wnd = wnd;
	for (i = 0; i < DROPPING_S; i++) {
		if (i * 1000 == RTO_MS && !wnd)
			tap_mem_lose(&e.s->c.tap, 0);
		segs = e.g->segs;
		stack_advance(e.s, 1000);
		guest_tcp_drain(e.g);
		if (wnd || e.g->segs > segs || i * 1000 == RTO_MS)
			guest_tcp_ack(e.g);
	}
	tap_mem_lose(&e.s->c.tap, 0);
	assert_int_equal(e.g->count, SOME_LEN);

	e.g->wnd = UINT16_MAX;
	guest_tcp_ack(e.g);
	guest_tcp_read(e.g, SOME_LEN + STEP);
	ends_close(&e);
}

static void data_dropped_by_closed_window_comes(void **state)
{
	comes_after_window(state, 0);
}

static void data_dropped_by_little_window_comes(void **state)
{
	comes_after_window(state, STEP);
}

#define BOTH(f)		STACK_TEST(f, v4), STACK_TEST(f, v6)
#define ALL(f)								\
	BOTH(f), STACK_TEST(f, v4_offload), STACK_TEST(f, v6_offload),	\
	STACK_TEST(f, v4_no_peek_off), STACK_TEST(f, v6_no_peek_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(window_moves_by_steps_without_pool),
		STACK_TEST(window_moves_by_steps_without_pool, v4_offload),
		BOTH(window_moves_by_steps),
		STACK_TEST(window_moves_by_steps, v4_offload),
		BOTH(guest_told_of_window_has_more_to_send),
		BOTH(window_offered_is_taken_by_pool),
		STACK_TEST(window_offered_is_taken_by_pool, v4_no_meminfo),
		BOTH(finished_with_data_kept),
		ALL(syn_on_finished_with_data_kept),
		BOTH(old_host_resets_with_data_kept),
		BOTH(fin_is_acked_over_full_link_with_data_kept),
		ALL(fin_is_repeated_over_full_link),
		ALL(calls_that_end_things_fail),
		BOTH(handshake_ack_beyond_window),
		BOTH(handshake_ack_before_syn),
		BOTH(flood_of_attempts_spares_the_established),
		ALL(new_ones_wait_for_the_established),
		BOTH(more_new_ones_than_may_wait),
		BOTH(descriptors_run_out),
		BOTH(descriptors_run_out_but_for_the_active),
		BOTH(challenges_are_limited),
		BOTH(no_descriptor_at_all),
		ALL(many_pieces_are_not_looked_at_at_once),
		ALL(data_dropped_by_closed_window_comes),
		ALL(data_dropped_by_little_window_comes),
		ALL(urgent_data_in_its_place),
		ALL(urgent_data_lost_on_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

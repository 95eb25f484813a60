// SPDX-License-Identifier: BSD-3-Clause
/* test_portscan.c - what the kernel tells by netlink or /proc/net, and worse */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "netns.h"
#include "portscan.h"

#define HEAD	"  sl  local_address rem_address   st tx_queue rx_queue " \
		"tr tm->when retrnsmt   uid  timeout inode\n"
#define REST	" 00000000:00000000 00:00000000 00000000     0        0 " \
		"17215 1 0000000000000000 100 0 0 10 0\n"
#define HEAD6	"  sl  local_address                         " \
		"remote_address                        st\n"

/* portscan_open() on another namespace is up to netns.c */
int netns_call(const struct netns *ns, netns_fn *fn, void *arg)
{
	(void)ns;
	return fn(arg);
}

/**
 * put() - Write to a file
 * @fd:		File
 * @text:	What to append
 */
static void put(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(write(fd, text, len), len);
}

/**
 * setup() - Files in memory
 * @state:	Set to a struct portscan
 *
 * Return: 0
 */
static int setup(void **state)
{
	struct portscan *s = calloc(1, sizeof(*s));
	unsigned i;

	s->diag = -1;
	for (i = 0; i < 4; i++)
		s->fd[i / 2][i % 2] = memfd_create("scan", MFD_CLOEXEC);
	*state = s;
	return 0;
}

/**
 * teardown() - Close them
 * @state:	The struct portscan
 *
 * Return: 0
 */
static int teardown(void **state)
{
	struct portscan *s = *state;
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (s->fd[i / 2][i % 2] >= 0)
			close(s->fd[i / 2][i % 2]);
	}
	free(s);
	return 0;
}

/**
 * count() - How many ports are set?
 * @m:		Map
 *
 * Return: number
 */
static unsigned count(const struct portmap *m)
{
	unsigned i, n = 0;

	for (i = 0; i < 65536; i++)
		n += portmap_test(m, (uint16_t)i);
	return n;
}

static void listening_tcp_ports_of_both_versions(void **state)
{
	struct portscan *s = *state;
	struct portmap m;

	put(s->fd[0][V4], HEAD
	    "   0: 0100007F:0016 00000000:0000 0A" REST
	    "   1: 00000000:FFFF 00000000:0000 0A" REST
	    " 107: 0100007F:0017 0100007F:9C40 01" REST
	    "1000: 0100007F:0018 0100007F:9C40 06" REST);
	put(s->fd[0][V6], HEAD6
	    "   0: 00000000000000000000000001000000:1f90 "
	    "00000000000000000000000000000000:0000 0A" REST);
	put(s->fd[1][V4], HEAD
	    "   0: 00000000:0035 00000000:0000 07" REST);

	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_true(portmap_test(&m, 22));
	assert_true(portmap_test(&m, 65535));
	assert_true(portmap_test(&m, 8080));
	assert_int_equal(count(&m), 3);
}

/* Scenario 44: sockets we use to send what the guest sends are connected */
static void udp_sockets_that_are_not_connected(void **state)
{
	struct portscan *s = *state;
	struct portmap m;

	put(s->fd[1][V4], HEAD
	    "  500: 00000000:0035 00000000:0000 07" REST
	    "  501: 010200C0:2710 016433C6:0035 01" REST
	    "  502: 00000000:0000 00000000:0000 07" REST);

	assert_int_equal(portscan_read(s, IPPROTO_UDP, &m), 0);
	assert_true(portmap_test(&m, 53));
	assert_int_equal(count(&m), 1);
}

static void lines_of_garbage_are_passed_over(void **state)
{
	static const char *const bad[] = {
		"", " ", "\1\2\3\xff", "0:", "0: 0100007F",
		"0: 0100007F:0016", "0: 0100007F:0016 00000000:0000",
		"0: 0100007F:0016 00000000:0000 ",
		"0: 0100007F:0016 00000000:0000 0",
		"0: 0100007F:0016 00000000:0000 0B",
		"0: 0100007F:0016 00000000:0000 0A0",
		"0: 0100007F:00G6 00000000:0000 0A",
		"0: 0100007F:-016 00000000:0000 0A",
		"0: 0100007F.0016 00000000:0000 0A",
		"0: :016 00000000:0000 0A",
		"0 0100007F:0000 0A 0A 0A", "0A 0A 0A 0A",
	};
	struct portscan *s = *state;
	struct portmap m;
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(s->fd[0][V4], bad[i]);
		put(s->fd[0][V4], "\n");
	}
	assert_int_equal(write(s->fd[0][V4], "0: \0 0A\n", 8), 8);
	put(s->fd[0][V4], "   1: 00000000:0050 00000000:0000 0A" REST);
	put(s->fd[0][V4], "   2: 00000000:0051 00000000:0000 0A");

	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_true(portmap_test(&m, 80));	/* Whatever came before */
	assert_int_equal(count(&m), 1);		/* Cut off: not counted */
}

/* Lines cross the ends of our buffer at all offsets */
static void files_of_any_size(void **state)
{
	struct portscan *s = *state;
	struct portmap m;
	char line[256];
	unsigned port;

	for (port = 1; port < 20000; port++) {
		snprintf(line, sizeof(line),
			 "%*u: 00000000:%04X 00000000:0000 0A %s",
			 (int)(port % 7), port, port,
			 &REST[strlen(REST) - 1 - port % 50]);
		put(s->fd[0][V6], line);
	}
	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_int_equal(count(&m), 19999);
}

static void line_longer_than_the_buffer(void **state)
{
	static const size_t lens[] = { 16383, 16384, 16385, 100000 };
	struct portscan *s = *state;
	char *line = malloc(100001);
	struct portmap m;
	unsigned i;

	for (i = 0; i < 4; i++) {
		memset(line, ' ', lens[i]);
		/* Would count if the rest of the line were a line of its own */
		snprintf(line + lens[i] - 35, 36,
			 "9: 00000000:00%02X 00000000:0000 0A ", i + 1);
		put(s->fd[0][V4], line);
		put(s->fd[0][V4], "\n");
	}
	free(line);
	put(s->fd[0][V4], "   1: 00000000:0050 00000000:0000 0A" REST);

	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_true(portmap_test(&m, 80));
	assert_false(portmap_test(&m, 3));
	assert_false(portmap_test(&m, 4));
}

static void reading_again_shows_what_changed(void **state)
{
	struct portscan *s = *state;
	struct portmap m;

	put(s->fd[0][V4], "   1: 00000000:0050 00000000:0000 0A" REST);
	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_true(portmap_test(&m, 80));

	assert_int_equal(ftruncate(s->fd[0][V4], 0), 0);
	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_int_equal(count(&m), 0);
}

static void missing_and_broken_files(void **state)
{
	struct portscan *s = *state;
	struct portmap m;

	close(s->fd[0][V6]);
	s->fd[0][V6] = -1;			/* No IPv6 */
	put(s->fd[0][V4], "   1: 00000000:0050 00000000:0000 0A" REST);
	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_int_equal(count(&m), 1);

	close(s->fd[1][V4]);
	close(s->fd[1][V6]);
	s->fd[1][V4] = s->fd[1][V6] = -1;
	assert_int_equal(portscan_read(s, IPPROTO_UDP, &m), -ENOENT);

	s->fd[1][V6] = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(portscan_read(s, IPPROTO_UDP, &m), -EISDIR);
}

/**
 * bound() - Make a socket on any port of loopback
 * @type:	SOCK_STREAM or SOCK_DGRAM
 * @port:	Set to the port
 *
 * Return: descriptor
 */
static int bound(int type, uint16_t *port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/**
 * real_ports() - See real sockets come and go
 * @s:		What tells
 */
static void real_ports(const struct portscan *s)
{
	uint16_t tcp_port, udp_port;
	int tcp = bound(SOCK_STREAM, &tcp_port);
	int udp = bound(SOCK_DGRAM, &udp_port);
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(udp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct portmap m;

	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_false(portmap_test(&m, tcp_port));
	assert_int_equal(listen(tcp, 1), 0);
	assert_int_equal(portscan_read(s, IPPROTO_TCP, &m), 0);
	assert_true(portmap_test(&m, tcp_port));

	assert_int_equal(portscan_read(s, IPPROTO_UDP, &m), 0);
	assert_true(portmap_test(&m, udp_port));
	assert_int_equal(connect(udp, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(portscan_read(s, IPPROTO_UDP, &m), 0);
	assert_false(portmap_test(&m, udp_port));
	close(udp);
	close(tcp);
}

static void real_sockets(void **state)
{
	const struct netns ns = { .net_fd = -1 };
	struct portscan s, netlink, files;

	(void)state;
	assert_int_equal(portscan_open(&s, &ns), 0);
	netlink = files = s;
	memset(netlink.fd, 0xff, sizeof(netlink.fd));
	files.diag = -1;
	real_ports(&netlink);
	real_ports(&files);
	real_ports(&s);
}

/**
 * struct answer - a message as the kernel sends it
 * @h:		Header
 * @d:		The socket it is about, or the first bytes an error
 */
struct answer {
	struct nlmsghdr h;
	union {
		struct inet_diag_msg d;
		int error;
	};
};

/**
 * answer() - Make a message about a TCP socket
 * @seq:	Sequence number
 * @family:	Address family
 * @port:	Port
 *
 * Return: message
 */
static struct answer answer(uint32_t seq, uint8_t family, uint16_t port)
{
	struct answer a = {
		.h = {
			.nlmsg_len = sizeof(a),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_seq = seq,
		},
		.d = { .idiag_family = family, .idiag_state = 0x0a },
	};

	a.d.id.idiag_sport = htons(port);
	return a;
}

/**
 * done() - Make the message that ends an answer
 * @seq:	Sequence number
 * @error:	0, or -errno
 *
 * Return: message
 */
static struct answer done(uint32_t seq, int error)
{
	struct answer a = {
		.h = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(int)),
			.nlmsg_type = NLMSG_DONE,
			.nlmsg_seq = seq,
		},
		.error = error,
	};

	return a;
}

/**
 * next_seq() - Sequence number of the next request
 * @s:		Its diag is one of a pair, for as long as we look
 *
 * Return: number
 */
static uint32_t next_seq(struct portscan *s)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q;
	struct portmap m;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
				    0, pair), 0);
	s->diag = pair[0];
	portscan_read(s, IPPROTO_TCP, &m);
	assert_int_equal(recv(pair[1], &q, sizeof(q), 0), sizeof(q));
	assert_int_equal(q.r.sdiag_family, AF_INET);
	assert_int_equal(q.r.sdiag_protocol, IPPROTO_TCP);
	assert_int_equal(q.r.idiag_states, 1 << 10);	/* TCP_LISTEN */
	close(pair[0]);
	close(pair[1]);
	return q.h.nlmsg_seq + 1;
}

/**
 * read_answers() - Read the ports of TCP, the kernel having said this
 * @s:		What tells, its files as a test made them
 * @a:		Messages, the sequence number counted from that of the request
 *		for IPv4
 * @n:		How many
 * @m:		Set to the ports
 *
 * Return: result of portscan_read()
 */
static int read_answers(struct portscan *s, struct answer *a, unsigned n,
			struct portmap *m)
{
	uint32_t seq = next_seq(s);
	int rc, pair[2];
	unsigned i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
				    0, pair), 0);
	for (i = 0; i < n; i++) {
		a[i].h.nlmsg_seq += seq;
		assert_true(send(pair[1], &a[i], sizeof(a[i]), 0) > 0);
	}
	s->diag = pair[0];
	rc = portscan_read(s, IPPROTO_TCP, m);
	s->diag = -1;
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static void answers_of_the_kernel(void **state)
{
	struct answer a[] = {
		answer(-1U, AF_INET, 22), done(-1U, 0),		/* Stale */
		answer(0, AF_INET, 80), answer(0, AF_INET, 65535),
		answer(0, AF_INET, 0), answer(0, AF_INET6, 81),
		done(0, 0),
		answer(1, AF_INET6, 8080), done(1, 0),
	};
	struct portscan *s = *state;
	struct portmap m;

	/* Not looked at */
	put(s->fd[0][V4], "   1: 00000000:0050 00000000:0000 0A" REST);
	assert_int_equal(read_answers(s, a, 9, &m), 0);
	assert_true(portmap_test(&m, 80));
	assert_true(portmap_test(&m, 65535));
	assert_true(portmap_test(&m, 8080));
	assert_int_equal(count(&m), 3);
}

static void answers_that_are_no_good(void **state)
{
	struct answer bad[] = {
		done(0, -ENOENT), done(0, 7), done(0, 0), done(0, 0),
		answer(0, AF_INET, 80), answer(0, AF_INET, 80),
		answer(0, AF_INET, 80),
	};
	struct portscan *s = *state;
	struct portmap m;
	unsigned i;

	bad[2].h.nlmsg_len = NLMSG_LENGTH(0);
	bad[3].h.nlmsg_type = NLMSG_ERROR;
	bad[3].error = -EPERM;
	bad[4].h.nlmsg_len = 3;
	bad[5].h.nlmsg_len = UINT32_MAX;
	bad[6].h.nlmsg_len--;
	put(s->fd[0][V4], "   1: 00000000:0051 00000000:0000 0A" REST);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct answer a[] = { bad[i], done(1, 0) };

		assert_int_equal(read_answers(s, a, 2, &m), 0);
		assert_true(portmap_test(&m, 81));	/* From the file */
		assert_int_equal(count(&m), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			listening_tcp_ports_of_both_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(
			udp_sockets_that_are_not_connected, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lines_of_garbage_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			files_of_any_size, setup, teardown),
		cmocka_unit_test_setup_teardown(
			line_longer_than_the_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reading_again_shows_what_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			missing_and_broken_files, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answers_of_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answers_that_are_no_good, setup, teardown),
		cmocka_unit_test(real_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

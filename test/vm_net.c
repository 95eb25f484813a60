// SPDX-License-Identifier: BSD-3-Clause
/* The one network program at both ends of the tests with virtual machines
 *
 * It is linked statically, and runs in a guest that has nothing but busybox as
 * well as in the namespaces around. Both ends know what the other one sends: a
 * stream of numbers of which each depends on its position, so that bytes that
 * get lost, doubled, swapped or changed are seen where it happens, without
 * waiting for a sum over everything.
 *
 *	vm_net tcp-connect ADDRESS PORT SEND RECEIVE
 *	vm_net tcp-listen ADDRESS PORT SEND RECEIVE
 *		One connection, both directions at once: so many bytes are sent
 *		and expected, the end of the stream behind them too
 *	vm_net udp-ask ADDRESS PORT SIZE...
 *		One datagram of each size, the next one once the last one is
 *		back, sent again every now and then until it is
 *	vm_net udp-answer ADDRESS PORT
 *		Send back what comes, until killed
 *
 *	vm_net least-length INTERFACE COUNT
 *		Tell the length of the shortest of the next frames, as "least"
 *
 * Everything is told on standard output: "ready" once others may begin, "peer"
 * with the other one's address, and "done" with the seconds it took. The exit
 * status is 0 if all was as expected.
 */

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>

#define CHUNK		(1 << 17)	/* Bytes per system call, TCP */
#define DGRAM_MAX	65536		/* More than any UDP payload */
#define RESEND_MS	1000
#define RESENDS		20
#define STALL_S		60		/* Without progress: an error */

/**
 * union any_addr - An address of either family
 */
union any_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * fail() - Say what is wrong and end
 * @format:	As for printf()
 */
static void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

/**
 * now() - Seconds on a clock that only goes forward
 */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/**
 * word() - One of the numbers the stream consists of
 * @i:		Which one, from 0
 *
 * Return: a number that looks random (the mixer of splitmix64)
 */
static uint64_t word(uint64_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return z ^ (z >> 27);
}

/**
 * fill() - Part of the stream
 * @buf:	Where to, with room for 15 bytes more
 * @pos:	Position in the stream
 * @len:	Bytes wanted
 *
 * Return: where in @buf the byte at @pos is
 */
static const unsigned char *fill(unsigned char *buf, uint64_t pos, size_t len)
{
	size_t skip = pos % 8, at;
	uint64_t i = pos / 8, w;

	for (at = 0; at < skip + len; at += sizeof(w)) {
		w = word(i++);
		memcpy(buf + at, &w, sizeof(w));
	}
	return buf + skip;
}

/**
 * parse_addr() - An address and port from the command line
 * @text:	Address; % and the number of an interface may follow
 * @port:	Port
 * @addr:	Result
 *
 * Return: its length
 */
static socklen_t parse_addr(const char *text, const char *port,
			    union any_addr *addr)
{
	char copy[64], *scope;

	memset(addr, 0, sizeof(*addr));
	snprintf(copy, sizeof(copy), "%s", text);
	scope = strchr(copy, '%');
	if (scope)
		*scope++ = 0;

	if (inet_pton(AF_INET, copy, &addr->in.sin_addr) == 1) {
		addr->in.sin_family = AF_INET;
		addr->in.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
		return sizeof(addr->in);
	}
	if (inet_pton(AF_INET6, copy, &addr->in6.sin6_addr) != 1)
		fail("%s is no address", text);
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (scope)
		addr->in6.sin6_scope_id = (uint32_t)strtoul(scope, NULL, 10);
	return sizeof(addr->in6);
}

/**
 * print_addr() - Tell of an address
 * @what:	Word before it
 * @addr:	The address
 */
static void print_addr(const char *what, const union any_addr *addr)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes = &addr->in.sin_addr;

	if (addr->sa.sa_family == AF_INET6)
		bytes = &addr->in6.sin6_addr;
	inet_ntop(addr->sa.sa_family, bytes, text, sizeof(text));
	printf("%s %s %u\n", what, text, ntohs(addr->in.sin_port));
	fflush(stdout);
}

/**
 * open_socket() - A socket, bound or connected
 * @type:	SOCK_STREAM or SOCK_DGRAM
 * @address, @port:	Where to
 * @attach:	bind() or connect()
 *
 * Return: descriptor
 */
static int open_socket(int type, const char *address, const char *port,
		       int (*attach)(int, const struct sockaddr *, socklen_t))
{
	union any_addr addr;
	socklen_t len = parse_addr(address, port, &addr);
	int s = socket(addr.sa.sa_family, type, 0), one = 1;

	if (s < 0)
		fail("socket: %m");
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (attach(s, &addr.sa, len))
		fail("%s port %s: %m", address, port);
	return s;
}

/**
 * tcp_accept() - Wait for a connection
 * @address, @port:	Where to
 *
 * Return: descriptor of it
 */
static int tcp_accept(const char *address, const char *port)
{
	int listener = open_socket(SOCK_STREAM, address, port, bind), s;

	if (listen(listener, 1))
		fail("listen: %m");
	printf("ready\n");
	fflush(stdout);
	s = accept(listener, NULL, NULL);
	if (s < 0)
		fail("accept: %m");
	close(listener);
	return s;
}

/**
 * tcp_send() - Send so much of the stream, and its end
 * @s:		Socket
 * @left:	Bytes to send
 */
static void tcp_send(int s, uint64_t left)
{
	static unsigned char buf[CHUNK + 16];
	uint64_t pos = 0;
	ssize_t n;

	for (; left; left -= (uint64_t)n, pos += (uint64_t)n) {
		size_t len = left < CHUNK ? (size_t)left : CHUNK;

		n = send(s, fill(buf, pos, len), len, MSG_NOSIGNAL);
		if (n < 0)
			fail("send after %llu bytes: %m",
			     (unsigned long long)pos);
	}
	if (shutdown(s, SHUT_WR))
		fail("shutdown: %m");
}

/**
 * tcp_receive() - Receive the stream until its end, check it
 * @s:		Socket
 * @expected:	Bytes
 */
static void tcp_receive(int s, uint64_t expected)
{
	static unsigned char buf[CHUNK], good[CHUNK + 16];
	uint64_t pos = 0;

	for (;;) {
		ssize_t n = recv(s, buf, sizeof(buf), 0);

		if (n < 0)
			fail("receive after %llu bytes: %m",
			     (unsigned long long)pos);
		if (!n)
			break;
		if (memcmp(buf, fill(good, pos, (size_t)n), (size_t)n))
			fail("wrong data, within %zd bytes from byte %llu",
			     n, (unsigned long long)pos);
		pos += (uint64_t)n;
	}
	if (pos != expected)
		fail("end of data after %llu bytes", (unsigned long long)pos);
}

/**
 * tcp() - One connection, both ways at once
 * @s:		Socket
 * @amounts:	Bytes to send and to receive, as two words
 *
 * Return: exit status
 */
static int tcp(int s, char *const *amounts)
{
	struct timeval stall = { .tv_sec = STALL_S };
	union any_addr peer;
	socklen_t len = sizeof(peer);
	double start = now();
	int status;
	pid_t pid;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof(stall));
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof(stall));
	if (getpeername(s, &peer.sa, &len))
		fail("getpeername: %m");
	print_addr("peer", &peer);

	pid = fork();
	if (pid < 0)
		fail("fork: %m");
	if (!pid) {
		tcp_send(s, strtoull(amounts[0], NULL, 10));
		_exit(0);
	}
	tcp_receive(s, strtoull(amounts[1], NULL, 10));
	if (waitpid(pid, &status, 0) != pid || status)
		return 1;
	printf("done %.3f\n", now() - start);
	return 0;
}

/**
 * udp_comes_back() - Send a datagram, wait a while for it to come back
 * @s:		Connected socket
 * @data:	What is in it
 * @size:	Bytes of it
 *
 * Return: true if it came; others, such as late ones, are skipped
 */
static bool udp_comes_back(int s, const unsigned char *data, size_t size)
{
	static unsigned char buf[DGRAM_MAX];
	struct pollfd pfd = { .fd = s, .events = POLLIN };
	ssize_t n;

	if (send(s, data, size, 0) < 0)
		fail("send of %zu bytes: %m", size);
	while (poll(&pfd, 1, RESEND_MS) > 0) {
		n = recv(s, buf, sizeof(buf), 0);
		if (n == (ssize_t)size && !memcmp(buf, data, size))
			return true;
	}
	return false;
}

/**
 * udp_ask() - Send datagrams, expect each one to come back
 * @s:		Connected socket
 * @sizes:	Their sizes as words, the last one is NULL
 *
 * Return: exit status
 */
static int udp_ask(int s, char *const *sizes)
{
	static unsigned char buf[DGRAM_MAX + 16];
	double start = now();
	uint64_t i;
	int tries;

	for (i = 0; sizes[i]; i++) {
		size_t size = strtoul(sizes[i], NULL, 10);
		/* Each is another part of the stream */
		const unsigned char *data = fill(buf, i << 20, size);

		for (tries = 0; !udp_comes_back(s, data, size); tries++) {
			if (tries == RESENDS)
				fail("%zu bytes don't come back", size);
		}
	}
	printf("done %.3f\n", now() - start);
	return 0;
}

/**
 * udp_answer() - Send back what comes, from the address it came to
 * @s:		Bound socket
 */
static void udp_answer(int s)
{
	static unsigned char buf[DGRAM_MAX];
	union { struct cmsghdr align; char bytes[256]; } control;
	union any_addr peer;
	struct iovec iov = { .iov_base = buf };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_name = &peer };
	int one = 1;
	ssize_t n;

	/* What tells the address has the form of what sets it */
	setsockopt(s, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	setsockopt(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	printf("ready\n");
	do {
		iov.iov_len = sizeof(buf);
		msg.msg_namelen = sizeof(peer);
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(s, &msg, 0);
		if (n < 0)
			fail("receive: %m");
		print_addr("peer", &peer);
		iov.iov_len = (size_t)n;
	} while (sendmsg(s, &msg, 0) == n);
	fail("send of %zd bytes: %m", n);
}

/**
 * least_length() - Tell the length of the shortest of the next frames for us
 * @interface:	Where they come in
 * @count:	How many
 *
 * Return: exit status
 */
static int least_length(const char *interface, unsigned long count)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(interface)
	};
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	socklen_t len = sizeof(addr);
	ssize_t n, least = DGRAM_MAX;
	static char buf[DGRAM_MAX];

	if (s < 0 || bind(s, (struct sockaddr *)&addr, len))
		fail("packet socket: %m");
	printf("ready\n");
	while (count) {
		len = sizeof(addr);
		n = recvfrom(s, buf, sizeof(buf), 0,
			     (struct sockaddr *)&addr, &len);
		if (n < 0 || addr.sll_pkttype != PACKET_HOST)
			continue;
		count--;
		if (n < least)
			least = n;
	}
	printf("least %zd\n", least);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && !strcmp(argv[1], "tcp-connect"))
		return tcp(open_socket(SOCK_STREAM, argv[2], argv[3], connect),
			   argv + 4);
	if (argc == 6 && !strcmp(argv[1], "tcp-listen"))
		return tcp(tcp_accept(argv[2], argv[3]), argv + 4);
	if (argc >= 4 && !strcmp(argv[1], "udp-ask"))
		return udp_ask(open_socket(SOCK_DGRAM, argv[2], argv[3],
					   connect), argv + 4);
	if (argc == 4 && !strcmp(argv[1], "udp-answer"))
		udp_answer(open_socket(SOCK_DGRAM, argv[2], argv[3], bind));
	if (argc == 4 && !strcmp(argv[1], "least-length"))
		return least_length(argv[2], strtoul(argv[3], NULL, 10));
	fail("see the comment in vm_net.c");
}

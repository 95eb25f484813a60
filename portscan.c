// SPDX-License-Identifier: BSD-3-Clause
/* portscan.c - which ports are bound in a network namespace
 *
 * The kernel tells by netlink, for just the sockets that are asked for, or, if
 * it was built without that, in the files of /proc/net. These list all sockets
 * there are, and take the kernel milliseconds to read even if there are none:
 * it looks through the table of connections of all namespaces. So they are used
 * only if netlink fails.
 *
 * All descriptors are opened once by portscan_open(), from inside the namespace
 * they are about: they keep showing that one, whoever reads from them.
 * portscan_read() doesn't allocate, and needs no privileges.
 *
 * A TCP port counts if something listens there. A UDP port counts if a socket
 * is bound there that isn't connected: those are servers, connected ones are
 * clients, which includes our own sockets for what the guest sends.
 *
 * Messages and lines that don't look as they should are passed over.
 *
 * Source: sock_diag(7), proc_pid_net(5), and of the kernel
 * Documentation/networking/proc_net_tcp.rst, include/net/tcp_states.h
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "netns.h"
#include "portscan.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char portscan_syscalls[] = "pread recv send";

#define BUF_SIZE	16384	/* Bytes read at once: about 100 lines */

/* States of the sockets that count */
#define STATE_LISTEN	0x0A	/* TCP_LISTEN */
#define STATE_OPEN	0x07	/* TCP_CLOSE: UDP sockets not connected */

/**
 * struct portscan_proto - what there is about a protocol
 * @proto:	IPPROTO_*
 * @state:	State of the sockets that count
 * @digits:	The same in hexadecimal digits
 * @path:	File of each IP version
 */
struct portscan_proto {
	uint8_t proto;
	uint8_t state;
	const char *digits;
	const char *path[IPVER_MAX];
};

static const struct portscan_proto protos[] = {
	{ IPPROTO_TCP, STATE_LISTEN, "0A",
	  { "/proc/self/net/tcp", "/proc/self/net/tcp6" } },
	{ IPPROTO_UDP, STATE_OPEN, "07",
	  { "/proc/self/net/udp", "/proc/self/net/udp6" } },
};

/**
 * struct diag_request - request for the sockets of one kind
 * @h:		Header
 * @r:		Which ones
 */
struct diag_request {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

/* What the kernel is asked to tell; room for a line's end behind it */
static union {
	struct nlmsghdr h;
	char text[BUF_SIZE + 1];
} buf;

/**
 * portscan_open_here() - Open what tells about the namespace we are in
 * @arg:	struct portscan
 *
 * Return: 0, -errno if there is neither netlink nor a file of TCP and IPv4
 */
static int portscan_open_here(void *arg)
{
	struct portscan *s = arg;
	enum ipver v;
	unsigned i;
	int rc = 0;

	s->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			 NETLINK_SOCK_DIAG);
	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		for (v = V4; v < IPVER_MAX; v++)
			s->fd[i][v] = open(protos[i].path[v],
					   O_RDONLY | O_CLOEXEC);
		if (!i && s->fd[0][V4] < 0)
			rc = -errno;
	}
	return s->diag < 0 ? rc : 0;
}

/**
 * portscan_open() - Open what tells about a namespace, at start-up
 * @s:		Set to the descriptors
 * @ns:		Namespace, NULL for our own
 *
 * Return: 0, or -errno, with all of @s set to -1
 */
int portscan_open(struct portscan *s, const struct netns *ns)
{
	int rc;

	memset(s, 0xff, sizeof(*s));
	if (ns)
		rc = netns_call(ns, portscan_open_here, s);
	else
		rc = portscan_open_here(s);
	if (rc)
		memset(s, 0xff, sizeof(*s));
	return rc;
}

/**
 * skip_field() - Go past one field of a line and the spaces before it
 * @p:		Where to start
 *
 * Return: what follows the field, at the end of the line its end
 */
static const char *skip_field(const char *p)
{
	while (*p == ' ')
		p++;
	while (*p && *p != ' ')
		p++;
	return p;
}

/**
 * read_port() - Read the port at the end of a field like 0100007F:0016
 * @end:	End of the field, in a string
 * @start:	Start of the string
 * @port:	Set to the port, host byte order
 *
 * Return: false if there is none
 */
static bool read_port(const char *end, const char *start, uint16_t *port)
{
	unsigned value = 0;
	int i;

	if (end - start < 5 || end[-5] != ':')
		return false;
	for (i = -4; i < 0; i++) {
		if (!isxdigit((unsigned char)end[i]))
			return false;
		value = value << 4 | (unsigned)(end[i] <= '9' ?
			end[i] - '0' : (end[i] | 0x20) - 'a' + 10);
	}
	*port = (uint16_t)value;
	return true;
}

/**
 * portscan_line() - Note the port of one line, if it counts
 * @line:	Line without its end, terminated
 * @digits:	State of the sockets that count, two digits
 * @m:		Ports, the one of the line is added
 */
static void portscan_line(const char *line, const char *digits,
			  struct portmap *m)
{
	const char *local, *p;
	uint16_t port;

	local = skip_field(skip_field(line));
	p = skip_field(local);
	while (*p == ' ')
		p++;
	if (strncmp(p, digits, 2) != 0 || (p[2] && p[2] != ' '))
		return;
	if (read_port(local, line, &port) && port)
		portmap_set(m, port);
}

/**
 * portscan_file() - Note the ports of one file
 * @fd:		File
 * @digits:	State of the sockets that count, two digits
 * @m:		Ports, those of the file are added
 *
 * Return: 0, or -errno if it can't be read: @m is incomplete then
 */
static int portscan_file(int fd, const char *digits, struct portmap *m)
{
	bool too_long = false;
	size_t have = 0;
	off_t pos = 0;

	for (;;) {
		char *line = buf.text, *end;
		ssize_t n;

		n = pread(fd, buf.text + have, BUF_SIZE - have, pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		pos += n;
		have += (size_t)n;

		while ((end = memchr(line, '\n',
				     have - (size_t)(line - buf.text)))) {
			*end = '\0';
			if (!too_long)
				portscan_line(line, digits, m);
			too_long = false;
			line = end + 1;
		}

		have -= (size_t)(line - buf.text);
		if (have == BUF_SIZE) {		/* Its end is yet to come */
			too_long = true;
			have = 0;
		}
		memmove(buf.text, line, have);
	}
}

/**
 * diag_message() - Note the port of one message, if it is about a socket
 * @h:		Message, complete
 * @family:	Address family asked for
 * @state:	State asked for
 * @m:		Ports, the one of the message is added
 *
 * Return: 1 if others are to come, 0 if this was the last one, -errno if the
 *	   kernel says so
 */
static int diag_message(const struct nlmsghdr *h, uint8_t family,
			uint8_t state, struct portmap *m)
{
	struct inet_diag_msg msg;
	int error;

	if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
			return -EPROTO;
		memcpy(&error, NLMSG_DATA(h), sizeof(error));
		return error > 0 ? -EPROTO : error;
	}

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(msg)))
		return 1;
	memcpy(&msg, NLMSG_DATA(h), sizeof(msg));
	if (msg.idiag_family == family && msg.idiag_state == state &&
	    msg.id.idiag_sport)
		portmap_set(m, ntohs(msg.id.idiag_sport));
	return 1;
}

/**
 * diag_receive() - Note the ports of an answer
 * @fd:		Netlink socket
 * @q:		Request it answers
 * @state:	State that was asked for
 * @m:		Ports, those of the answer are added
 *
 * Return: 0, or -errno: @m is incomplete then
 */
static int diag_receive(int fd, const struct diag_request *q, uint8_t state,
			struct portmap *m)
{
	for (;;) {
		const struct nlmsghdr *h = &buf.h;
		ssize_t n = recv(fd, &buf, sizeof(buf), MSG_TRUNC);
		size_t len = (size_t)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n || len > sizeof(buf))
			return -EPROTO;

		for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			int rc;

			if (h->nlmsg_seq != q->h.nlmsg_seq)
				continue;	/* Of one given up before */
			rc = diag_message(h, q->r.sdiag_family, state, m);
			if (rc <= 0)
				return rc;
		}
	}
}

/**
 * portscan_diag() - Read the ports of one protocol and IP version by netlink
 * @fd:		Netlink socket
 * @p:		Protocol
 * @v:		IP version
 * @m:		Ports, those found are added
 *
 * Return: 0, or -errno, such as -ENOENT from a kernel that can't tell
 *
 * Source: sock_diag(7)
 */
static int portscan_diag(int fd, const struct portscan_proto *p, enum ipver v,
			 struct portmap *m)
{
	static uint32_t seq;
	struct diag_request q = {
		.h = {
			.nlmsg_len = sizeof(q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++seq,
		},
		.r = {
			.sdiag_family = (uint8_t)addr_family(v),
			.sdiag_protocol = p->proto,
			.idiag_states = 1U << p->state,
		},
	};

	if (fd < 0)
		return -EBADF;
	if (send(fd, &q, sizeof(q), MSG_NOSIGNAL) < 0)
		return -errno;
	return diag_receive(fd, &q, p->state, m);
}

/**
 * portscan_files() - Read the ports of one protocol from its files
 * @s:		Descriptors
 * @i:		Index of the protocol
 * @m:		Ports, those found are added
 *
 * Return: 0, -ENOENT if there are no such files, or other -errno
 */
static int portscan_files(const struct portscan *s, unsigned i,
			  struct portmap *m)
{
	int rc = -ENOENT;
	enum ipver v;

	for (v = V4; v < IPVER_MAX; v++) {
		if (s->fd[i][v] < 0)
			continue;
		rc = portscan_file(s->fd[i][v], protos[i].digits, m);
		if (rc)
			return rc;
	}
	return rc;
}

/**
 * portscan_read() - Read which ports of a protocol are bound
 * @s:		Descriptors
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @m:		Set to the ports, of both IP versions together
 *
 * Return: 0, -ENOENT if nothing tells, or other -errno: @m is of no use then
 */
int portscan_read(const struct portscan *s, uint8_t proto, struct portmap *m)
{
	unsigned i = proto == IPPROTO_UDP;

	memset(m, 0, sizeof(*m));
	if (!portscan_diag(s->diag, &protos[i], V4, m) &&
	    !portscan_diag(s->diag, &protos[i], V6, m))
		return 0;
	return portscan_files(s, i, m);
}

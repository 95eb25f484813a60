// SPDX-License-Identifier: BSD-3-Clause
/* portscan.c - which ports are bound in a network namespace
 *
 * The kernel tells in /proc/net: one line a socket. These files are opened once
 * by portscan_open(), from inside the namespace they are about: an open one
 * keeps showing that namespace, whoever reads it. Each portscan_read() reads
 * them anew from their start, without allocating.
 *
 * A TCP port counts if something listens there. A UDP port counts if a socket
 * is bound there that isn't connected: those are servers, connected ones are
 * clients, which includes our own sockets for what the guest sends.
 *
 * Lines that don't look as they should are passed over, whatever their length.
 *
 * Source: proc_pid_net(5), Documentation/networking/proc_net_tcp.rst and
 * include/net/tcp_states.h of the kernel
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "netns.h"
#include "portscan.h"
#include "util.h"

#define BUF_SIZE	16384	/* Bytes read at once: about 100 lines */

/* States of the sockets that count, as hexadecimal digits */
#define STATE_LISTEN	"0A"	/* TCP_LISTEN */
#define STATE_OPEN	"07"	/* TCP_CLOSE: UDP sockets not connected */

/**
 * struct portscan_proto - what there is about a protocol
 * @path:	File of each IP version
 * @state:	State of the sockets that count
 */
struct portscan_proto {
	const char *path[IPVER_MAX];
	const char *state;
};

static const struct portscan_proto protos[] = {
	{ { "/proc/self/net/tcp", "/proc/self/net/tcp6" }, STATE_LISTEN },
	{ { "/proc/self/net/udp", "/proc/self/net/udp6" }, STATE_OPEN },
};

/**
 * portscan_open_here() - Open the files of the namespace we are in
 * @arg:	struct portscan
 *
 * Return: 0, -errno if there is no file of TCP and IPv4
 */
static int portscan_open_here(void *arg)
{
	struct portscan *s = arg;
	enum ipver v;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		for (v = V4; v < IPVER_MAX; v++)
			s->fd[i][v] = open(protos[i].path[v],
					   O_RDONLY | O_CLOEXEC);
		if (!i && s->fd[0][V4] < 0)
			return -errno;
	}
	return 0;
}

/**
 * portscan_open() - Open the files that tell about a namespace, at start-up
 * @s:		Set to the files
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
 * @state:	State of the sockets that count
 * @m:		Ports, the one of the line is added
 */
static void portscan_line(const char *line, const char *state,
			  struct portmap *m)
{
	const char *local, *p;
	uint16_t port;

	local = skip_field(skip_field(line));
	p = skip_field(local);
	while (*p == ' ')
		p++;
	if (strncmp(p, state, 2) != 0 || (p[2] && p[2] != ' '))
		return;
	if (read_port(local, line, &port) && port)
		portmap_set(m, port);
}

/**
 * portscan_file() - Note the ports of one file
 * @fd:		File
 * @state:	State of the sockets that count
 * @m:		Ports, those of the file are added
 *
 * Return: 0, or -errno if it can't be read: @m is incomplete then
 */
static int portscan_file(int fd, const char *state, struct portmap *m)
{
	static char buf[BUF_SIZE + 1];
	bool too_long = false;
	size_t have = 0;
	off_t pos = 0;

	for (;;) {
		char *line = buf, *end;
		ssize_t n;

		n = pread(fd, buf + have, BUF_SIZE - have, pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		pos += n;
		have += (size_t)n;

		while ((end = memchr(line, '\n',
				     have - (size_t)(line - buf)))) {
			*end = '\0';
			if (!too_long)
				portscan_line(line, state, m);
			too_long = false;
			line = end + 1;
		}

		have -= (size_t)(line - buf);
		if (have == BUF_SIZE) {		/* Its end is yet to come */
			too_long = true;
			have = 0;
		}
		memmove(buf, line, have);
	}
}

/**
 * portscan_read() - Read which ports of a protocol are bound
 * @s:		Files
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @m:		Set to the ports, of both IP versions together
 *
 * Return: 0, -ENOENT if there are no such files, -errno if one can't be read:
 *	   @m is of no use then
 */
int portscan_read(const struct portscan *s, uint8_t proto, struct portmap *m)
{
	unsigned i = proto == IPPROTO_UDP;
	int rc = -ENOENT;
	enum ipver v;

	memset(m, 0, sizeof(*m));
	for (v = V4; v < IPVER_MAX; v++) {
		if (s->fd[i][v] < 0)
			continue;
		rc = portscan_file(s->fd[i][v], protos[i].state, m);
		if (rc)
			return rc;
	}
	return rc;
}

// SPDX-License-Identifier: BSD-3-Clause
/* sock.c - sockets, and the one outbound rule
 *
 * Every socket that carries the guest's traffic to the outside is made by
 * sock_outbound(), whatever its protocol, and is bound there, before anything
 * is sent, to the address of -o, --outbound and to the interface of
 * --outbound-if4 or --outbound-if6. Which of these apply is decided by the IP
 * version of the destination alone. Loopback and link-local destinations are
 * exempt: they can't be reached from another address or interface, and the
 * host's own services are to stay in reach.
 *
 * A binding that fails is an error of the flow, never ignored: the traffic
 * would leave from where it must not.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "conf.h"
#include "log.h"
#include "sock.h"
#include "syscalls.h"

/* What is called after start-up, see seccomp.c */
const char sock_syscalls[] =
	"bind close connect getsockname listen recv setsockopt shutdown socket";

/* Since Linux 4.2; libcs guard it differently */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT	24
#endif

/* Since Linux 6.3, likewise */
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif
#define PORT_RANGE_ALL		0xffff0001U	/* From 1 to 65535 */

#define BACKLOG		4096	/* Connections; net.core.somaxconn limits it */

/**
 * sock_set_int() - Set a socket option that is an int
 * @fd:		Socket
 * @level:	SOL_* or IPPROTO_*
 * @opt:	Option
 * @value:	Value
 *
 * Return: 0, or -errno
 */
int sock_set_int(int fd, int level, int opt, int value)
{
	return setsockopt(fd, level, opt, &value, sizeof(value)) ? -errno : 0;
}

/**
 * sock_bind_device() - Bind a socket to an interface
 * @fd:		Socket
 * @name:	Name of the interface
 *
 * Return: 0, or -errno
 *
 * Source: socket(7), SO_BINDTODEVICE
 */
static int sock_bind_device(int fd, const char *name)
{
	socklen_t size = (socklen_t)strlen(name) + 1;

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, size) ?
	       -errno : 0;
}

/**
 * sock_reset_on_close() - Have the peer of a TCP socket see a reset at its end
 * @fd:		Socket, about to be closed
 *
 * To disconnect would do as well, but leaves the socket as if it were new.
 *
 * Source: socket(7), SO_LINGER; connect(2), AF_UNSPEC
 */
void sock_reset_on_close(int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) &&
	    connect(fd, &none, sizeof(none)))
		warn_limited("Can't reset a connection, it ends without: %s",
			     log_strerror(errno));
}

/**
 * sock_discard() - Drop what a TCP socket has received
 * @fd:		Socket, about to be closed
 *
 * With unread data, close() would reset the connection, and what was sent might
 * be lost with it.
 *
 * Source: RFC 2525, 2.17; tcp(7), MSG_TRUNC
 */
void sock_discard(int fd)
{
	while (recv(fd, NULL, INT_MAX, MSG_TRUNC | MSG_DONTWAIT) > 0)
		;
}

/**
 * sock_take_any_port() - Let connect(2) give a socket any port that is free
 * @fd:		TCP socket
 *
 * Without this, it takes those of one parity first. Once half of all ports are
 * in use for a destination, if only by connections that were closed within the
 * last minute, it goes through them in vain with each connection, which takes
 * milliseconds, in which all others wait. A socket with a range of its own is
 * spared that; this one is all that the kernel allows.
 *
 * Source: ip(7), IP_LOCAL_PORT_RANGE; net/ipv4/inet_hashtables.c,
 *	   __inet_hash_connect(), since Linux 6.8
 */
void sock_take_any_port(int fd)
{
	sock_set_int(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, (int)PORT_RANGE_ALL);
}

/**
 * sock_scope_id() - Interface index that goes with a destination address
 * @conf:	Configuration
 * @dst:	Destination
 *
 * Return: index for IPv6 link-local addresses, 0 for all else
 */
uint32_t sock_scope_id(const struct conf *conf, const struct addr *dst)
{
	const struct conf_ip *ip = &conf->ip[V6];

	if (addr_version(dst) != V6 || !addr_is_linklocal(dst))
		return 0;
	return ip->outbound_index ? ip->outbound_index : ip->template_index;
}

/**
 * sock_is_exempt() - Is a destination outside of the outbound rule?
 * @dst:	Destination
 *
 * Return: true for loopback and link-local addresses
 */
static bool sock_is_exempt(const struct addr *dst)
{
	return addr_is_loopback(dst) || addr_is_linklocal(dst);
}

/**
 * sock_bind_port() - Bind to an address, and to a port if it can be had
 * @fd:		Socket
 * @proto:	IPPROTO_*
 * @a:		Address to bind, unspecified for any
 * @port:	Port wished for, 0 for any
 *
 * Return: 0, or -errno
 */
static int sock_bind_port(int fd, uint8_t proto, const struct addr *a,
			  uint16_t port)
{
	union sockaddr_any sa;
	socklen_t len;

	/* With TCP the port is chosen by connect(), when the destination is
	 * known: ports in use for other destinations can serve again
	 */
	if (proto == IPPROTO_TCP && !port)
		sock_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);

	len = addr_to_sockaddr(&sa, a, port, 0);
	if (!bind(fd, &sa.sa, len))
		return 0;
	if (!port || (errno != EADDRINUSE && errno != EACCES))
		return -errno;

	len = addr_to_sockaddr(&sa, a, 0, 0);
	return bind(fd, &sa.sa, len) ? -errno : 0;
}

/**
 * sock_bind_interface() - Bind a socket to the interface of the outbound rule
 * @conf:	Configuration
 * @fd:		Socket
 * @dst:	Destination, unspecified for any of its version to the outside
 *
 * Return: 0, also if there is none for @dst, or -errno
 */
int sock_bind_interface(const struct conf *conf, int fd,
			const struct addr *dst)
{
	const char *name = conf->ip[addr_version(dst)].outbound_if;

	if (!*name || sock_is_exempt(dst))
		return 0;
	return sock_bind_device(fd, name);
}

/**
 * sock_source() - Source address by the outbound rule
 * @conf:	Configuration
 * @dst:	Destination, unspecified for any of its version to the outside
 * @src:	Source address that the destination asks for, may be NULL
 *
 * Return: the address, unspecified if the host is to choose
 */
const struct addr *sock_source(const struct conf *conf, const struct addr *dst,
			       const struct addr *src)
{
	enum ipver v = addr_version(dst);

	if (addr_is_set(&conf->ip[v].outbound) && !sock_is_exempt(dst))
		return &conf->ip[v].outbound;
	return src && addr_is_set(src) ? src : &addr_any[v];
}

/**
 * sock_bind_outbound() - Apply the outbound rule to a new socket
 * @conf:	Configuration
 * @fd:		Socket
 * @proto:	IPPROTO_*
 * @dst:	Destination: its version selects the settings
 * @src:	Source address that the destination asks for, may be NULL
 * @src_port:	Source port wished for, 0 for any
 *
 * Return: 0, or -errno: what failed is logged
 */
static int sock_bind_outbound(const struct conf *conf, int fd, uint8_t proto,
			      const struct addr *dst, const struct addr *src,
			      uint16_t src_port)
{
	const struct addr *a = sock_source(conf, dst, src);
	enum ipver v = addr_version(dst);
	char str[ADDR_STRLEN];
	int rc;

	rc = sock_bind_interface(conf, fd, dst);
	if (rc) {
		warn_limited("Can't bind to outbound IPv%c interface %s: %s",
			     v == V4 ? '4' : '6', conf->ip[v].outbound_if,
			     log_strerror(-rc));
		return rc;
	}

	if (addr_is_unspecified(a) && !src_port)
		return 0;

	rc = sock_bind_port(fd, proto, a, src_port);
	if (rc)
		warn_limited("Can't bind to %s address %s: %s",
			     a == &conf->ip[v].outbound ? "outbound" : "source",
			     addr_str(a, str), log_strerror(-rc));
	return rc;
}

/**
 * sock_make() - Make an outbound socket
 * @conf:	Configuration
 * @proto:	As for sock_outbound()
 * @dst:	Likewise
 * @src:	Likewise
 * @src_port:	Likewise
 * @share:	As for sock_outbound_shared()
 *
 * Return: as for sock_outbound()
 */
static int sock_make(const struct conf *conf, uint8_t proto,
		     const struct addr *dst, const struct addr *src,
		     uint16_t src_port, bool share)
{
	int type = proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	enum ipver v = addr_version(dst);
	int fd, rc;

	fd = socket(addr_family(v), type | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    proto);
	if (fd < 0)
		return -errno;

	if (v == V6)
		sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (share)
		sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (proto == IPPROTO_TCP)
		sock_take_any_port(fd);

	rc = sock_bind_outbound(conf, fd, proto, dst, src, src_port);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/**
 * sock_outbound() - Make a socket for traffic of the guest to the outside
 * @conf:	Configuration
 * @proto:	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP or IPPROTO_ICMPV6
 * @dst:	Destination, in the host's view
 * @src:	Source address that the destination asks for, may be NULL
 * @src_port:	Source port or echo identifier wished for, 0 for any; another
 *		one is taken if it is in use
 *
 * Return: descriptor, non-blocking and bound by the outbound rule, or -errno:
 *	   failed bindings are logged
 *
 * Source: socket(7) for SO_BINDTODEVICE, ip(7), icmp(7) for ping sockets
 */
int sock_outbound(const struct conf *conf, uint8_t proto,
		  const struct addr *dst, const struct addr *src,
		  uint16_t src_port)
{
	return sock_make(conf, proto, dst, src, src_port, false);
}

/**
 * sock_outbound_shared() - Make one more UDP socket with the same source port
 * @conf:	Configuration
 * @dst:	Destination, in the host's view
 * @src:	Source address that the destination asks for, may be NULL
 * @src_port:	Port of a socket from sock_outbound(), on which
 *		sock_allow_share() was called
 *
 * Return: as for sock_outbound()
 *
 * Source: socket(7), SO_REUSEPORT: a datagram goes to the socket connected to
 *	   its source
 */
int sock_outbound_shared(const struct conf *conf, const struct addr *dst,
			 const struct addr *src, uint16_t src_port)
{
	return sock_make(conf, IPPROTO_UDP, dst, src, src_port, true);
}

/**
 * sock_allow_share() - Let further sockets have the port of this one
 * @fd:		Bound socket
 *
 * Set only after the socket had to find the port unused, so that it is never
 * shared with another program.
 */
void sock_allow_share(int fd)
{
	sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

/**
 * sock_listen_options() - Set the options of a socket that is to listen
 * @fd:		Socket
 * @p:		Where it is to listen
 *
 * TCP only takes SO_REUSEADDR as leave to ignore connections that linger. With
 * UDP it would let us share the port with another program.
 *
 * Return: 0, or -errno
 *
 * Source: socket(7), ip(7), ipv6(7); IP_FREEBIND goes for IPv6, too
 */
static int sock_listen_options(int fd, const struct sock_listen *p)
{
	int rc = 0;

	if (p->proto == IPPROTO_TCP)
		rc = sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc && addr_version(&p->addr) == V6)
		rc = sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, p->v6only);
	if (!rc && p->freebind)
		rc = sock_set_int(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (!rc && *p->ifname)
		rc = sock_bind_device(fd, p->ifname);
	return rc;
}

/**
 * sock_listen() - Bind a socket, and have it listen for connections
 * @fd:		New non-blocking socket of the right protocol and IP version,
 *		in the namespace to listen in; remains open on failure
 * @p:		Where to listen; UDP sockets are bound only
 *
 * Return: 0, or -errno
 */
int sock_listen(int fd, const struct sock_listen *p)
{
	union sockaddr_any sa;
	socklen_t len = addr_to_sockaddr(&sa, &p->addr, p->port, 0);
	int rc = sock_listen_options(fd, p);

	if (rc)
		return rc;
	if (bind(fd, &sa.sa, len))
		return -errno;
	return sock_listen_bound(fd, p);
}

/**
 * sock_listen_bound() - The rest of sock_listen(), after somebody else bound it
 * @fd:		Socket, with all options set
 * @p:		Where it listens
 *
 * Return: 0, or -errno
 */
int sock_listen_bound(int fd, const struct sock_listen *p)
{
	if (p->proto == IPPROTO_TCP && listen(fd, BACKLOG))
		return -errno;
	return 0;
}

/**
 * sock_end() - Tell the peer of a TCP socket that no more is sent
 * @fd:		Socket
 *
 * Return: 0, -errno if it can't be told; 0 also if there is no connection any
 *	   more: of a reset, an event tells, behind the data before that
 *
 * Source: shutdown(2)
 */
int sock_end(int fd)
{
	return shutdown(fd, SHUT_WR) && errno != ENOTCONN ? -errno : 0;
}

/**
 * sock_connect() - Connect a socket
 * @fd:		Socket
 * @dst:	Destination
 * @port:	Its port, 0 for echo sockets
 * @scope_id:	From sock_scope_id()
 *
 * Return: 0, -EINPROGRESS, or other -errno
 */
int sock_connect(int fd, const struct addr *dst, uint16_t port,
		 uint32_t scope_id)
{
	union sockaddr_any sa;
	socklen_t len = addr_to_sockaddr(&sa, dst, port, scope_id);

	return connect(fd, &sa.sa, len) ? -errno : 0;
}

/**
 * sock_local() - Address and port a socket is bound to
 * @fd:		Socket
 * @addr:	Set to the address
 * @port:	Set to the port or echo identifier
 *
 * Return: 0, or -errno
 */
int sock_local(int fd, struct addr *addr, uint16_t *port)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.sa, &len))
		return -errno;
	return addr_from_sockaddr(&sa, addr, port) ? 0 : -EAFNOSUPPORT;
}

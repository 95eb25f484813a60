// SPDX-License-Identifier: BSD-3-Clause
/* dgram.c - sockets of datagram flows: what UDP and echo have in common
 *
 * A flow towards a single host has a connected socket, which costs the kernel
 * one route look-up a flow instead of one a datagram. A flow towards a group or
 * a broadcast address can't be connected, because the answers come from other
 * addresses: is_open is set then, and who sent a datagram has to be looked at.
 * The source is looked at for connected sockets too, as a datagram may have
 * arrived between bind(2) and connect(2), and because ping sockets never check.
 *
 * Errors are taken from the error queue (IP_RECVERR), so that what a router
 * said is known and not only an errno. As long as the queue holds an entry,
 * epoll reports EPOLLERR: whoever gets it must call dgram_next_error() until
 * it fails, and dgram_clear_error() if it failed at once.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/udp.h>

#include "conf.h"
#include "dgram.h"
#include "flow.h"
#include "log.h"
#include "sock.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char dgram_syscalls[] = "close getsockopt recvmsg setsockopt";

/**
 * struct dgram_opts - socket options, by IP version, all of type int
 * @level:	Level of all options
 * @ttl:	TTL of datagrams to one host or broadcast
 * @group_ttl:	TTL of datagrams to a group
 * @tos:	TOS or traffic class
 * @recverr:	Keep errors in a queue
 * @recvtos:	Tell the TOS of datagrams received
 * @recvttl:	Tell their TTL
 * @cmsg_ttl:	Control message that does
 */
static const struct dgram_opts {
	int level;
	int ttl;
	int group_ttl;
	int tos;
	int recverr;
	int recvtos;
	int recvttl;
	int cmsg_ttl;
} dgram_opts[IPVER_MAX] = {
	[V4] = { IPPROTO_IP, IP_TTL, IP_MULTICAST_TTL, IP_TOS, IP_RECVERR,
		 IP_RECVTOS, IP_RECVTTL, IP_TTL },
	[V6] = { IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS,
		 IPV6_TCLASS, IPV6_RECVERR, IPV6_RECVTCLASS,
		 IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT },
};

/**
 * dgram_set_group_if() - Choose by which interface datagrams to a group leave
 * @conf:	Configuration
 * @s:		Socket
 *
 * Without an outbound interface it is the one the guest's addresses come from,
 * since a host needs no multicast route. Failure leaves it to the routes.
 *
 * Source: ip(7), IP_MULTICAST_IF; ipv6(7), IPV6_MULTICAST_IF
 */
static void dgram_set_group_if(const struct conf *conf,
			       const struct dgram_sock *s)
{
	const struct conf_ip *ip = &conf->ip[s->v];
	struct ip_mreqn mreq = { 0 };
	unsigned index;

	index = ip->outbound_index ? ip->outbound_index : ip->template_index;
	if (!index)
		return;

	if (s->v == V6) {
		sock_set_int(s->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
			     (int)index);
		return;
	}
	mreq.imr_ifindex = (int)index;
	mreq.imr_address = addr_to_v4(&ip->outbound);
	if (!addr_is_set(&ip->outbound))
		mreq.imr_address.s_addr = htonl(INADDR_ANY);
	if (setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof(mreq)))
		debug("Can't choose interface %u for multicast: %s", index,
		      log_strerror(errno));
}

/**
 * dgram_connect() - Fix the destination of a socket, where that is possible
 * @conf:	Configuration
 * @s:		Socket, @s->is_open set if it has to stay unconnected
 * @host:	Host side of the flow
 *
 * Return: 0, -errno if there is no way to the destination
 *
 * Source: ip(7), EACCES: so fails a connect() to a directed broadcast address,
 *	   which only the kernel can tell from others
 */
static int dgram_connect(const struct conf *conf, struct dgram_sock *s,
			 const struct flow_side *host)
{
	int rc = -EACCES;

	if (s->is_group) {
		dgram_set_group_if(conf, s);
		return 0;
	}
	if (!s->is_open)
		rc = sock_connect(s->fd, &host->far, host->far_port,
				  sock_scope_id(conf, &host->far));
	if (rc == -EACCES && s->v == V4) {
		s->is_open = true;
		rc = sock_set_int(s->fd, SOL_SOCKET, SO_BROADCAST, 1);
	}
	return rc;
}

/**
 * dgram_open() - Make the socket of a flow, ready to send
 * @conf:	Configuration
 * @proto:	IPPROTO_UDP, IPPROTO_ICMP or IPPROTO_ICMPV6
 * @host:	Host side: destination in @host->far, source address (if set)
 *		and port wished in @host->near. Changed to those we got.
 * @share:	Another flow of the same source has that port already (UDP)
 * @s:		Socket to set up
 *
 * Return: 0, -errno with @s->fd -1
 */
int dgram_open(const struct conf *conf, uint8_t proto, struct flow_side *host,
	       bool share, struct dgram_sock *s)
{
	const struct addr *src = addr_is_set(&host->near) ? &host->near : NULL;
	const struct dgram_opts *o;
	int rc;

	memset(s, 0, sizeof(*s));
	s->v = addr_version(&host->far);
	s->is_group = addr_is_multicast(&host->far);
	s->is_open = s->is_group || addr_is_broadcast(&host->far);
	o = &dgram_opts[s->v];

	if (share)
		s->fd = sock_outbound_shared(conf, &host->far, src,
					     host->near_port);
	else
		s->fd = sock_outbound(conf, proto, &host->far, src,
				      host->near_port);
	if (s->fd < 0) {
		rc = s->fd;
		s->fd = -1;
		return rc;
	}

	rc = dgram_connect(conf, s, host);
	if (!rc)
		rc = sock_set_int(s->fd, o->level, o->recverr, 1);
	if (!rc)
		rc = sock_local(s->fd, &host->near, &host->near_port);
	if (rc) {
		dgram_close(s);
		return rc;
	}

	/* Nice to have: without them, nothing but these values is lost */
	sock_set_int(s->fd, o->level, o->recvtos, 1);
	if (proto != IPPROTO_UDP)
		sock_set_int(s->fd, o->level, o->recvttl, 1);
	return 0;
}

/**
 * dgram_close() - Let go of a socket
 * @s:		Socket
 */
void dgram_close(struct dgram_sock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/**
 * dgram_set_hop() - Set what the datagrams sent next have in their IP header
 * @s:		Socket
 * @ttl:	TTL or hop limit as the guest chose it, so that traceroute works
 * @tos:	TOS or traffic class, with ECN bits
 * @may_cut:	Without DF, as a guest sends that doesn't look for the MTU of
 *		the path; IPv4 only
 *
 * Source: RFC 6040, 4.1 in spirit: what leaves is marked as what came in;
 * ip(7), IP_MTU_DISCOVER
 */
void dgram_set_hop(struct dgram_sock *s, uint8_t ttl, uint8_t tos, bool may_cut)
{
	const struct dgram_opts *o = &dgram_opts[s->v];

	/* A packet that comes with 0 was sent by the guest itself: like any
	 * host, we don't refuse it (RFC 1122, 3.2.1.7), but can't set it
	 */
	ttl = ttl ? ttl : 1;
	if (ttl != s->ttl)
		sock_set_int(s->fd, o->level,
			     s->is_group ? o->group_ttl : o->ttl, ttl);
	if (tos != s->tos)
		sock_set_int(s->fd, o->level, o->tos, tos);
	if (may_cut != s->may_cut)
		sock_set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER,
			     may_cut ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT);
	s->ttl = ttl;
	s->tos = tos;
	s->may_cut = may_cut;
}

/**
 * dgram_read_pktinfo() - Take over which of our addresses a datagram came to
 * @cmsg:	Control message
 * @info:	What is known of the datagram, completed
 *
 * A socket that takes both IP versions may tell of IPv4 in either way.
 *
 * Return: false if it is another control message
 *
 * Source: ip(7), IP_PKTINFO; ipv6(7), IPV6_PKTINFO
 */
static bool dgram_read_pktinfo(const struct cmsghdr *cmsg,
			       struct dgram_info *info)
{
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);
	struct in6_pktinfo p6;
	struct in_pktinfo p4;

	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO &&
	    len >= sizeof(p4)) {
		memcpy(&p4, CMSG_DATA(cmsg), sizeof(p4));
		info->dst = addr_from_v4(p4.ipi_addr);
		info->local = addr_from_v4(p4.ipi_spec_dst);
		info->ifindex = (uint32_t)p4.ipi_ifindex;
		return true;
	}
	if (cmsg->cmsg_level == IPPROTO_IPV6 &&
	    cmsg->cmsg_type == IPV6_PKTINFO && len >= sizeof(p6)) {
		memcpy(&p6, CMSG_DATA(cmsg), sizeof(p6));
		info->dst = addr_from_v6(&p6.ipi6_addr);
		info->ifindex = (uint32_t)p6.ipi6_ifindex;
		return true;
	}
	return false;
}

/**
 * dgram_read_cmsg() - Take over one control message of a datagram
 * @cmsg:	Control message
 * @info:	What is known of the datagram, completed
 */
static void dgram_read_cmsg(const struct cmsghdr *cmsg, struct dgram_info *info)
{
	enum ipver v = cmsg->cmsg_level == IPPROTO_IPV6 ? V6 : V4;
	const struct dgram_opts *o = &dgram_opts[v];
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);
	int value = 0;

	if (dgram_read_pktinfo(cmsg, info))
		return;
	/* IP_TOS comes as one byte, all others as int */
	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TOS) {
		info->tos = *(const uint8_t *)CMSG_DATA(cmsg);
		return;
	}
	if (len < sizeof(value))
		return;

	memcpy(&value, CMSG_DATA(cmsg), sizeof(value));
	if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO)
		info->gso_size = (uint16_t)value;
	else if (cmsg->cmsg_level != o->level)
		return;
	else if (cmsg->cmsg_type == o->cmsg_ttl)
		info->ttl = (uint8_t)value;
	else if (cmsg->cmsg_type == o->tos)
		info->tos = (uint8_t)value;
}

/**
 * dgram_read_info() - Find out what came with a datagram
 * @mh:		As recvmsg() filled it, source address included
 * @info:	To be filled
 *
 * Return: false if the source address is none we know
 */
bool dgram_read_info(struct msghdr *mh, struct dgram_info *info)
{
	struct cmsghdr *cmsg;

	memset(info, 0, sizeof(*info));
	if (!mh->msg_namelen ||
	    !addr_from_sockaddr(mh->msg_name, &info->src, &info->port))
		return false;
	for (cmsg = CMSG_FIRSTHDR(mh); cmsg; cmsg = CMSG_NXTHDR(mh, cmsg))
		dgram_read_cmsg(cmsg, info);
	return true;
}

/**
 * dgram_recv() - Receive one datagram, or several joined ones
 * @s:		Socket
 * @iov:	Where to
 * @cnt:	Elements of @iov
 * @info:	To be filled: who sent it, and how
 *
 * Return: length in bytes, -errno (-EAGAIN if there is none). What didn't fit
 *	   is lost.
 */
ssize_t dgram_recv(const struct dgram_sock *s, struct iovec *iov, size_t cnt,
		   struct dgram_info *info)
{
	union { struct cmsghdr align; char buf[DGRAM_CMSG_MAX]; } control;
	union sockaddr_any sa;
	struct msghdr mh = {
		.msg_name = &sa, .msg_namelen = sizeof(sa),
		.msg_iov = iov, .msg_iovlen = cnt,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(s->fd, &mh, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	return dgram_read_info(&mh, info) ? n : -EPROTO;
}

/**
 * dgram_read_error() - Take over an error from its control message
 * @cmsg:	Control message
 * @e:		Error, completed
 *
 * Source: ip(7), IP_RECVERR: the offender's address follows the error
 */
static void dgram_read_error(const struct cmsghdr *cmsg, struct dgram_error *e)
{
	enum ipver v = cmsg->cmsg_level == IPPROTO_IPV6 ? V6 : V4;
	const struct dgram_opts *o = &dgram_opts[v];
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);
	union sockaddr_any sa;
	uint16_t port;

	if (cmsg->cmsg_level != o->level || cmsg->cmsg_type != o->recverr ||
	    len < sizeof(e->ee))
		return;

	memcpy(&e->ee, CMSG_DATA(cmsg), sizeof(e->ee));
	len -= sizeof(e->ee);
	memset(&sa, 0, sizeof(sa));
	memcpy(&sa, CMSG_DATA(cmsg) + sizeof(e->ee), MIN(len, sizeof(sa)));
	if (!addr_from_sockaddr(&sa, &e->offender, &port))
		memset(&e->offender, 0, sizeof(e->offender));
}

/**
 * dgram_next_error() - Take the oldest entry from a socket's error queue
 * @s:		Socket
 * @e:		To be filled
 *
 * Return: 0, -errno (-EAGAIN if the queue is empty)
 *
 * Source: ip(7), IP_RECVERR
 */
int dgram_next_error(const struct dgram_sock *s, struct dgram_error *e)
{
	union { struct cmsghdr align; char buf[DGRAM_CMSG_MAX]; } control;
	struct iovec iov = { e->data, sizeof(e->data) };
	union sockaddr_any sa = { .sa.sa_family = AF_UNSPEC };
	struct msghdr mh = {
		.msg_name = &sa, .msg_namelen = sizeof(sa),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct dgram_info info;
	struct cmsghdr *cmsg;
	ssize_t n;

	memset(&e->ee, 0, sizeof(e->ee));
	memset(&e->offender, 0, sizeof(e->offender));
	n = recvmsg(s->fd, &mh, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	e->len = (size_t)n;

	for (cmsg = CMSG_FIRSTHDR(&mh); cmsg; cmsg = CMSG_NXTHDR(&mh, cmsg))
		dgram_read_error(cmsg, e);
	/* The name is where the datagram went, the rest is about the error */
	dgram_read_info(&mh, &info);
	e->remote = info.src;
	e->remote_port = info.port;
	e->local = info.dst;
	return 0;
}

/**
 * dgram_clear_error() - Forget an error that came without an entry in the queue
 * @s:		Socket
 *
 * Source: socket(7), SO_ERROR
 */
void dgram_clear_error(const struct dgram_sock *s)
{
	socklen_t len = sizeof(int);
	int err;

	if (!getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) && err)
		debug("Datagram socket: %s", log_strerror(err));
}

/**
 * dgram_is_transient() - Is this about now, and not about the destination?
 * @err:	Positive errno of a send or of making a socket
 *
 * Return: true if the datagram is to be dropped without telling the guest,
 *	   as a full queue in a router would do
 */
bool dgram_is_transient(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS ||
	       err == ENOMEM || err == EINTR;
}

/**
 * dgram_warn() - Tell that a destination can't be reached, and from where
 * @conf:	Configuration
 * @what:	What was to be sent
 * @dst:	Destination
 * @err:	Positive errno
 *
 * Whatever the reason: the outbound address and interface, if any, are named,
 * because a wrong one is the most common.
 */
void dgram_warn(const struct conf *conf, const char *what,
		const struct addr *dst, int err)
{
	const struct conf_ip *ip = &conf->ip[addr_version(dst)];
	bool has_addr = addr_is_set(&ip->outbound);
	char d[ADDR_STRLEN], s[ADDR_STRLEN];

	warn_limited("Can't send %s to %s%s%s%s%s: %s", what, addr_str(dst, d),
		     has_addr ? " from address " : "",
		     has_addr ? addr_str(&ip->outbound, s) : "",
		     *ip->outbound_if ? " by interface " : "",
		     ip->outbound_if, log_strerror(err));
}

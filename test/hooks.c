// SPDX-License-Identifier: BSD-3-Clause
/* hooks.c - libc's functions for sockets, and epoll_ctl(), with the manners of
 *	     another kernel
 *
 * Defined in the test's binary, they take precedence over libc's. No socket is
 * ever connected to anything but loopback, whatever a test makes of addresses,
 * unless own_netns_enter() made sure that no packet may leave the machine.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "hooks.h"

bool hook_no_peek_off;
bool hook_no_meminfo;
uint32_t hook_rmem;
bool hook_is_alone;
void (*hook_connect)(int fd);
int hook_sndbuf;
bool hook_bad_fd;
bool hook_no_end;
unsigned hook_mod_fails;
unsigned hook_sendmsgs;
bool hook_no_room;

/**
 * setsockopt() - See setsockopt(2)
 */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	hook_bad_fd |= fd < 0;
	if (hook_no_peek_off && level == SOL_SOCKET && name == SO_PEEK_OFF) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (hook_no_end && level == SOL_SOCKET && name == SO_LINGER) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/**
 * getsockopt() - See getsockopt(2)
 */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int rc;

	if (hook_no_meminfo && level == SOL_SOCKET && name == SO_MEMINFO)
		*len = sizeof(uint32_t);
	rc = (int)syscall(SYS_getsockopt, fd, level, name, value, len);
	if (hook_rmem && level == SOL_SOCKET && name == SO_MEMINFO)
		memcpy(value, &hook_rmem, sizeof(hook_rmem));
	return rc;
}

/**
 * connect() - See connect(2)
 */
int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in6 *sa6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *sa4 = (const struct sockaddr_in *)sa;

	if (!hook_is_alone &&
	    ((sa->sa_family == AF_INET &&
	      ntohl(sa4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) ||
	     (sa->sa_family == AF_INET6 &&
	      !IN6_IS_ADDR_LOOPBACK(&sa6->sin6_addr)))) {
		errno = ENETUNREACH;
		return -1;
	}
	if (hook_sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF,
			   &hook_sndbuf, sizeof(hook_sndbuf));
	if (hook_connect)
		hook_connect(fd);
	return (int)syscall(SYS_connect, fd, sa, len);
}

/**
 * sendmsg() - See sendmsg(2)
 */
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	hook_sendmsgs++;
	if (hook_no_room) {
		errno = EAGAIN;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, msg, flags);
}

/**
 * recv() - See recv(2)
 */
ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	if (hook_no_end && flags & MSG_TRUNC) {
		errno = ENOMEM;
		return -1;
	}
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

/**
 * shutdown() - See shutdown(2)
 */
int shutdown(int fd, int how)
{
	if (hook_no_end) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_shutdown, fd, how);
}

/**
 * epoll_ctl() - See epoll_ctl(2)
 */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	if (op == EPOLL_CTL_MOD && hook_mod_fails) {
		hook_mod_fails--;
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, ev);
}

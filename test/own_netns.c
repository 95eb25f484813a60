// SPDX-License-Identifier: BSD-3-Clause
/* own_netns.c - a network namespace for a test program alone
 *
 * Nothing is in there but lo, unless own_netns_add_link() adds more: addresses
 * of lo are remote hosts to the tested code, and sysctls can be set. As the
 * calling process moves there, it comes to an end with it. Without root's
 * rights a user namespace gives them.
 */

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ipv6.h>
#include <cmocka.h>

#include "hooks.h"
#include "own_netns.h"
#include "text_addr.h"

#define PING_RANGE		"/proc/sys/net/ipv4/ping_group_range"

/**
 * write_file() - Write a short text to a file of /proc
 * @path:	File
 * @text:	Text
 *
 * Return: true if all of it was taken
 */
static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return good;
}

/**
 * enter_userns() - Become root of new user and network namespaces
 *
 * Return: false if that isn't possible
 */
static bool enter_userns(void)
{
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getgid());
	return !unshare(CLONE_NEWUSER | CLONE_NEWNET) &&
	       write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", uid) &&
	       write_file("/proc/self/gid_map", gid);
}

/**
 * set_if() - Do an ioctl() on lo
 * @family:	Address family of the socket for it
 * @request:	Request
 * @arg:	Its argument
 */
static void set_if(int family, unsigned long request, void *arg)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, request, arg), 0);
	close(fd);
}

/**
 * own_netns_enter() - Move to a namespace with nothing but lo, which is up
 *
 * Return: false if that isn't possible here
 */
bool own_netns_enter(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (geteuid() ? !enter_userns() : unshare(CLONE_NEWNET))
		return false;
	set_if(AF_INET, SIOCSIFFLAGS, &ifr);
	hook_is_alone = true;
	return true;
}

/**
 * own_netns_add() - Add an address to lo
 * @text:	IPv4 or IPv6 address
 */
void own_netns_add(const char *text)
{
	static unsigned aliases;
	struct ifreq ifr = { 0 };
	struct in6_ifreq ifr6 = { 0 };
	union sockaddr_any sa;
	struct addr a = text_addr(text);

	if (addr_version(&a) == V6) {
		ifr6.ifr6_addr = a.a6;
		ifr6.ifr6_prefixlen = 128;
		ifr6.ifr6_ifindex = (int)if_nametoindex("lo");
		set_if(AF_INET6, SIOCSIFADDR, &ifr6);
		return;
	}

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "lo:%u", ++aliases);
	addr_to_sockaddr(&sa, &a, 0, 0);
	memcpy(&ifr.ifr_addr, &sa.sa, sizeof(ifr.ifr_addr));
	set_if(AF_INET, SIOCSIFADDR, &ifr);
	/* Otherwise all of a classful network would be local */
	a = text_addr("255.255.255.255");
	addr_to_sockaddr(&sa, &a, 0, 0);
	memcpy(&ifr.ifr_netmask, &sa.sa, sizeof(ifr.ifr_netmask));
	set_if(AF_INET, SIOCSIFNETMASK, &ifr);
}

/**
 * own_netns_add_link() - Add an interface that does multicast, as lo doesn't
 *
 * Return: its index, 0 if there can't be one here
 */
unsigned own_netns_add_link(void)
{
	static const char cmd[] =
		"ip link add own0 type veth peer name own1 &&"
		"ip link set own0 up && ip link set own1 up &&"
		"ip address add 198.51.100.3/32 dev own0 &&"
		"ip route add 255.255.255.255 dev own0 &&"
		"ip address add 2001:db8:1::3/128 dev own0 nodad";

	return system(cmd) ? 0 : if_nametoindex("own0");
}

/**
 * own_netns_set_mtu() - Set the MTU of lo
 * @mtu:	MTU, bytes
 */
void own_netns_set_mtu(int mtu)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_mtu = mtu };

	set_if(AF_INET, SIOCSIFMTU, &ifr);
}

/**
 * own_netns_allow_ping() - Set whether ping sockets are allowed
 * @allow:	Allow them for our group
 *
 * Return: true if it was done
 */
bool own_netns_allow_ping(bool allow)
{
	return write_file(PING_RANGE, allow ? "0 0" : "1 0");
}

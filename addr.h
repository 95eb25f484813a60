/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>

/**
 * enum ipver - IP version, also the index of per-version settings
 * @V4:		IPv4
 * @V6:		IPv6
 * @IPVER_MAX:	Number of versions
 */
enum ipver { V4, V6, IPVER_MAX };

/**
 * struct addr - IPv4 or IPv6 address; IPv4 ones are kept as ::ffff:a.b.c.d
 * @a6:		The address, network byte order
 */
struct addr {
	struct in6_addr a6;
};

/**
 * union sockaddr_any - room for either family's socket address
 * @sa:		Generic form
 * @v4:		IPv4
 * @v6:		IPv6
 */
union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Text of an address at most: IPv6 with scope, terminated */
#define ADDR_STRLEN		64

extern const struct addr addr_loopback[IPVER_MAX];
extern const struct addr addr_any[IPVER_MAX];

struct addr addr_from_v4(struct in_addr a4);
struct addr addr_from_v6(const struct in6_addr *a6);
struct in_addr addr_to_v4(const struct addr *a);
enum ipver addr_version(const struct addr *a);
bool addr_is_set(const struct addr *a);
bool addr_is_equal(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *a);
bool addr_is_unspecified(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_broadcast(const struct addr *a);
bool addr_is_linklocal(const struct addr *a);
bool addr_is_unicast(const struct addr *a);
bool addr_is_external(const struct addr *a);
bool addr_may_send(const struct addr *a);
bool addr_in_prefix(const struct addr *a, const struct addr *net, int bits);
int addr_family(enum ipver v);
const char *addr_str(const struct addr *a, char buf[static ADDR_STRLEN]);
socklen_t addr_to_sockaddr(union sockaddr_any *sa, const struct addr *a,
			   uint16_t port, uint32_t scope_id);
bool addr_from_sockaddr(const union sockaddr_any *sa, struct addr *a,
			uint16_t *port);

#endif /* ADDR_H */

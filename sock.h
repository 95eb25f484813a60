/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SOCK_H
#define SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct conf;

/**
 * struct sock_listen - where a socket is to listen
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @v6only:	An IPv6 socket with address :: takes no IPv4
 * @freebind:	Bind even if no interface has the address
 * @port:	Port, host byte order
 * @addr:	Address, of the socket's IP version
 * @ifname:	Interface, "" for any
 */
struct sock_listen {
	uint8_t proto;
	bool v6only;
	bool freebind;
	uint16_t port;
	struct addr addr;
	const char *ifname;
};

int sock_outbound(const struct conf *conf, uint8_t proto,
		  const struct addr *dst, const struct addr *src,
		  uint16_t src_port);
int sock_outbound_shared(const struct conf *conf, const struct addr *dst,
			 const struct addr *src, uint16_t src_port);
int sock_bind_interface(const struct conf *conf, int fd,
			const struct addr *dst);
const struct addr *sock_source(const struct conf *conf, const struct addr *dst,
			       const struct addr *src);
void sock_allow_share(int fd);
void sock_take_any_port(int fd);
int sock_listen(int fd, const struct sock_listen *p);
int sock_listen_bound(int fd, const struct sock_listen *p);
int sock_end(int fd);
int sock_connect(int fd, const struct addr *dst, uint16_t port,
		 uint32_t scope_id);
int sock_local(int fd, struct addr *addr, uint16_t *port);
uint32_t sock_scope_id(const struct conf *conf, const struct addr *dst);
void sock_reset_on_close(int fd);
void sock_discard(int fd);
int sock_set_int(int fd, int level, int opt, int value);

#endif /* SOCK_H */

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <stdint.h>

extern bool hook_no_peek_off;	/* SO_PEEK_OFF fails, as on older kernels */
extern bool hook_no_meminfo;	/* SO_MEMINFO tells one number only */
extern uint32_t hook_rmem;	/* What SO_MEMINFO tells first, if set */
extern bool hook_is_alone;	/* In a network namespace of our own */
extern void (*hook_connect)(int fd);	/* Called before connect() */
extern int hook_sndbuf;		/* Send buffer on connect(), if set */
extern unsigned hook_mod_fails;	/* So many EPOLL_CTL_MOD fail */
extern bool hook_no_end;	/* MSG_TRUNC, SO_LINGER, shutdown() fail */
extern unsigned hook_sendmsgs;	/* Calls of sendmsg() */
extern bool hook_no_room;	/* They find no room */
extern bool hook_bad_fd;	/* Set if setsockopt() got no descriptor */

#endif /* HOOKS_H */

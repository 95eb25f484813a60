/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctx;
struct fwd_rule;
struct netns;

#define LISTEN_NONE		UINT32_MAX
#define LISTEN_WHY_MAX		640	/* Bytes of an error text, terminated */

/**
 * struct listener - a socket that waits for connections or datagrams
 * @fd:		Socket, -1 if the entry is free
 * @rule:	Index of the rule it serves
 * @port:	Port it is bound to, host byte order
 * @next:	Next listener of the same rule, or next free entry, LISTEN_NONE
 * @paused:	Accepts nothing for a while, for lack of descriptors
 * @held:	In the list of those that wait for room to the guest
 * @held_next:	Next one there, LISTEN_NONE
 */
struct listener {
	int fd;
	uint16_t rule;
	uint16_t port;
	uint32_t next;
	bool paused;
	bool held;
	uint32_t held_next;
};

/* At run time, nothing calls listen_add() and listen_remove() but tests so far:
 * they await the control socket, by which rules are to be changed.
 */
void listen_init(struct ctx *c, const struct netns *ns);
int listen_add(struct ctx *c, const struct fwd_rule *rule, char *why,
	       size_t why_size);
int listen_remove(struct ctx *c, const struct fwd_rule *rule);
bool listen_may_bind_host(const struct ctx *c);
void listen_print(const struct ctx *c);
void listen_start(struct ctx *c);
void listen_event(struct ctx *c, uint32_t index, uint32_t events);
void listen_release(struct ctx *c);
void listen_end(struct ctx *c);
const struct listener *listen_get(const struct ctx *c, uint32_t index);
const struct fwd_rule *listen_rule(const struct ctx *c,
				   const struct listener *l);

#endif /* LISTEN_H */

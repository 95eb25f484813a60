/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

struct addr;
struct ctx;

void link_init(struct ctx *c);
void link_print(const struct ctx *c);
void link_start(struct ctx *c);
void link_event(struct ctx *c, int fd, uint32_t events);
void link_listen_event(struct ctx *c);
void link_ask_who_has(struct ctx *c, const struct addr *a);
bool link_is_pending(const struct ctx *c);
bool link_turn(struct ctx *c);

#endif /* LINK_H */

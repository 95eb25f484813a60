/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NEIGH_WATCH_H
#define NEIGH_WATCH_H

struct ctx;
struct neigh_watch;

void neigh_watch_init(struct ctx *c);
int neigh_watch_fd(const struct neigh_watch *w);
void neigh_watch_event(struct ctx *c);

#endif /* NEIGH_WATCH_H */

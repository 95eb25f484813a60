/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPENING_H
#define OPENING_H

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct frame;
struct opening;
struct pkt;

struct opening *opening_new(uint64_t (*now_us)(void));
bool opening_may(struct ctx *c, const struct pkt *pkt);
void opening_done(struct ctx *c);
bool opening_begin(struct ctx *c, bool is_idle);
bool opening_next(struct ctx *c, struct frame *f);
void opening_end(struct ctx *c);
unsigned opening_count(const struct ctx *c);
void opening_clear(struct ctx *c);

#endif /* OPENING_H */

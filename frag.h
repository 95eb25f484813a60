/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FRAG_H
#define FRAG_H

#include <stdbool.h>
#include <stdint.h>

struct frag;
struct pkt;
struct stats;

struct frag *frag_new(struct stats *stats);
void frag_clear(struct frag *fr);
bool frag_add(struct frag *fr, struct pkt *pkt, uint64_t now_ms);

#endif /* FRAG_H */

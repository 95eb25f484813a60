/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CSUM_H
#define CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

struct view;
struct addr;

/* Sums are carried unfolded in 64 bits, in network byte order as loaded */
uint64_t csum_add_buf(uint64_t sum, const void *buf, size_t len);
uint64_t csum_add_view(uint64_t sum, const struct view *v);
uint64_t csum_pseudo(const struct addr *src, const struct addr *dst,
		     uint8_t proto, size_t l4_len);
__sum16 csum_fold(uint64_t sum);

#endif /* CSUM_H */

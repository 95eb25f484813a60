/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct siphash_key - 128-bit secret, from getrandom(2) at start-up
 * @k:		Key halves
 */
struct siphash_key {
	uint64_t k[2];
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif /* SIPHASH_H */

// SPDX-License-Identifier: BSD-3-Clause
/* siphash.c - SipHash-2-4, a keyed hash for short inputs
 *
 * Used where someone else chooses what is hashed, and must not be able to
 * foresee the result: buckets of the flow table, initial sequence numbers.
 *
 * Source: Aumasson, Bernstein: SipHash: a fast short-input PRF, INDOCRYPT 2012
 */

#include <endian.h>
#include <string.h>

#include "siphash.h"

#define SIPHASH_C_ROUNDS	2	/* For each word of the input */
#define SIPHASH_D_ROUNDS	4	/* At the end */

/**
 * siphash_rotl() - Rotate a word to the left
 * @x:		Word
 * @bits:	How far, 1 to 63
 *
 * Return: rotated word
 */
static inline uint64_t siphash_rotl(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

/**
 * siphash_rounds() - Apply the round function
 * @v:		Internal state
 * @n:		How often
 *
 * Source: section 2.3 of the paper, SipRound
 */
static inline void siphash_rounds(uint64_t v[static 4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotl(v[1], 13) ^ v[0];
		v[3] = siphash_rotl(v[3], 16) ^ v[2];
		v[0] = siphash_rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotl(v[1], 17) ^ v[2];
		v[3] = siphash_rotl(v[3], 21) ^ v[0];
		v[2] = siphash_rotl(v[2], 32);
	}
}

/**
 * siphash_word() - Take in one word of the input
 * @v:		Internal state
 * @word:	Word, little-endian as in memory
 */
static inline void siphash_word(uint64_t v[static 4], uint64_t word)
{
	word = le64toh(word);
	v[3] ^= word;
	siphash_rounds(v, SIPHASH_C_ROUNDS);
	v[0] ^= word;
}

/**
 * siphash() - Hash bytes with a secret key
 * @key:	Key
 * @data:	Bytes, at any address
 * @len:	How many
 *
 * Return: 64-bit hash
 */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len)
{
	/* "somepseudorandomlygeneratedbytes": section 2.1 of the paper */
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575ULL,
		key->k[1] ^ 0x646f72616e646f6dULL,
		key->k[0] ^ 0x6c7967656e657261ULL,
		key->k[1] ^ 0x7465646279746573ULL,
	};
	uint64_t word, last = htole64((uint64_t)len << 56);
	const char *p = data;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		siphash_word(v, word);
		p += sizeof(word);
	}

	/* The last byte of the last word is the length, modulo 256 */
	if (len)
		memcpy(&last, p, len);
	siphash_word(v, last);

	v[2] ^= 0xff;
	siphash_rounds(v, SIPHASH_D_ROUNDS);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_IN_H
#define FUZZ_IN_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct fuzz_in - what is left of an input
 * @p:		Next byte
 * @len:	Bytes left
 */
struct fuzz_in {
	const uint8_t *p;
	size_t len;
};

/* The end of an input reads as zeroes */
static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->p++;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t hi = fuzz_u8(in);

	return (uint16_t)(hi << 8 | fuzz_u8(in));
}

/* A length: small ones are exact, others come in steps, 7 KiB at most */
static inline size_t fuzz_len(struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	return b < 128 ? b : (b - 127U) * 57;
}

#endif /* FUZZ_IN_H */

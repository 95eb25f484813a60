/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "stack.h"

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

struct guest_in;

/* fuzz_env.c */
struct stack *fuzz_stack_start(unsigned variant);
void fuzz_stack_end(struct stack *s);
void fuzz_stack_drain(struct stack *s, void (*take)(struct stack *s,
						    const struct guest_in *in));

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_H */

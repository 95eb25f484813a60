/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz_in.h"
#include "stack.h"

struct guest_in;

/* fuzz_env.c */
struct stack *fuzz_stack_start(unsigned variant);
void fuzz_stack_end(struct stack *s);
void fuzz_stack_drain(struct stack *s, void (*take)(struct stack *s,
						    const struct guest_in *in));

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_H */

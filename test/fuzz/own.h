/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OWN_H
#define OWN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fuzz_in.h"

extern jmp_buf own_died;	/* Where die() goes */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* OWN_H */

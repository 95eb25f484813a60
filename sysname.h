/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SYSNAME_H
#define SYSNAME_H

#include <stdbool.h>
#include <stddef.h>

bool sysname_find(const char *name, size_t len, int *number);
const char *sysname_str(int number);

#endif /* SYSNAME_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* log_fake.h - of log.c, what tests that have their own in place of it share
 *
 * Included by exactly one C file of a program.
 */
#ifndef LOG_FAKE_H
#define LOG_FAKE_H

#include "log.h"

bool log_allowed(uint64_t *last_ms, unsigned *suppressed)
{
	(void)last_ms;
	(void)suppressed;
	return true;
}

const char *log_strerror(int err)
{
	(void)err;
	return "some error";
}

#endif /* LOG_FAKE_H */

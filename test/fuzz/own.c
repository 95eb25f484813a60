// SPDX-License-Identifier: BSD-3-Clause
/* own.c - what targets of single modules have in place of log.c: nothing is
 *	   told
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "log_fake.h"
#include "own.h"

enum log_level log_level = LOG_LEVEL_ERR;
jmp_buf own_died;

void log_die(int err, const char *fmt, ...)
{
	(void)err;
	(void)fmt;
	longjmp(own_died, 1);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void log_errno(enum log_level level, int err, const char *fmt, ...)
{
	(void)level;
	(void)err;
	(void)fmt;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* As passt.c does: who gave us a pipe may close its other end */
	signal(SIGPIPE, SIG_IGN);
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

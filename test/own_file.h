/* SPDX-License-Identifier: BSD-3-Clause */
/* own_file.h - an empty file that a test program has for itself
 *
 * Included by exactly one C file of a program, whose group of tests begins with
 * file_make() and ends with file_remove().
 */
#ifndef OWN_FILE_H
#define OWN_FILE_H

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/pasta-test.XXXXXX";

static int file_make(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int file_remove(void **state)
{
	(void)state;
	return unlink(path);
}

#endif /* OWN_FILE_H */

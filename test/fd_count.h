/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FD_COUNT_H
#define FD_COUNT_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/types.h>
#include <unistd.h>

/**
 * fd_count_of() - How many descriptors does another process have?
 * @pid:	Process
 *
 * Return: number of open descriptors
 */
static inline unsigned fd_count_of(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

/**
 * fd_count() - How many descriptors does this process have?
 *
 * Return: number of open descriptors, without the one to read that by
 */
static inline unsigned fd_count(void)
{
	return fd_count_of(getpid()) - 1;
}

#endif /* FD_COUNT_H */

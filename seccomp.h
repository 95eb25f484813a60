/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>
#include <linux/filter.h>

#define SECCOMP_PROG_MAX	512	/* Instructions, BPF_MAXINSNS: 4096 */

/**
 * struct seccomp_prog - a filter
 * @insns:	Its instructions
 * @len:	How many
 */
struct seccomp_prog {
	struct sock_filter insns[SECCOMP_PROG_MAX];
	unsigned short len;
};

void seccomp_build(struct seccomp_prog *p, const char *const *lists,
		   bool tell);
int seccomp_load(const struct seccomp_prog *p);

#endif /* SECCOMP_H */

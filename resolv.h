/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RESOLV_H
#define RESOLV_H

#include <stddef.h>

#include "addr.h"

#define RESOLV_SERVERS_MAX	16

/**
 * struct resolv - what resolv.conf(5) says
 * @servers:	Name servers in the order of the file
 * @count:	How many
 * @search:	Search list, separated by spaces, "" for none
 */
struct resolv {
	struct addr servers[RESOLV_SERVERS_MAX];
	unsigned count;
	char search[1024];
};

int resolv_read(const char *path, struct resolv *r);
void resolv_parse(const char *text, struct resolv *r);

#endif /* RESOLV_H */

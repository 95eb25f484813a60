/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NEIGH_H
#define NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "util.h"

struct conf;
struct neigh;
struct tap;

#define NEIGH_MAX	2048	/* Entries: the kernel has 1024 a version */

struct neigh *neigh_new(const struct conf *conf);
bool neigh_learn(struct neigh *n, const struct addr *a,
		 const uint8_t mac[static MAC_LEN]);
void neigh_gone(struct neigh *n, const struct addr *a);
const uint8_t *neigh_mac(const struct tap *tap, const struct addr *a);
bool neigh_has_mac(const struct neigh *n, const uint8_t mac[static MAC_LEN]);

#endif /* NEIGH_H */

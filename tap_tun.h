/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_TUN_H
#define TAP_TUN_H

#include <stdbool.h>

struct tap;
struct tap_caps;

int tap_tun_create(const char *ifname, struct tap_caps *caps,
		   const char **failed);
int tap_tun_attach(struct tap *tap, int fd, const struct tap_caps *caps);

#endif /* TAP_TUN_H */

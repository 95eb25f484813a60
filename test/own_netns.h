/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OWN_NETNS_H
#define OWN_NETNS_H

#include <stdbool.h>

bool own_netns_enter(void);
void own_netns_add(const char *text);
unsigned own_netns_add_link(void);
void own_netns_set_mtu(int mtu);
bool own_netns_allow_ping(bool allow);

#endif /* OWN_NETNS_H */

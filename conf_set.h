/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_SET_H
#define CONF_SET_H

#include <stdbool.h>
#include <sys/types.h>

#include "opt.h"

#define CONF_RUN_NETNS	"/run/netns/"	/* Of names: ip-netns(8) */

opt_handler conf_add_dns;
opt_handler conf_add_ports;
opt_handler conf_set_address;
opt_handler conf_set_dns_host;
opt_handler conf_set_domain;
opt_handler conf_set_fd;
opt_handler conf_set_forward;
opt_handler conf_set_gateway;
opt_handler conf_set_host_if;
opt_handler conf_set_ifname;
opt_handler conf_set_mac;
opt_handler conf_set_map;
opt_handler conf_set_repair;
opt_handler conf_set_mtu;
opt_handler conf_set_netmask;
opt_handler conf_set_netns;
opt_handler conf_set_nothing;
opt_handler conf_set_only;
opt_handler conf_set_outbound;
opt_handler conf_set_outbound_if;
opt_handler conf_set_runas;
opt_handler conf_set_sandbox;
opt_handler conf_set_search;
opt_handler conf_set_userns;
opt_handler conf_set_verbose;

bool conf_runas_user(const char *name, uid_t *uid, gid_t *gid);

#endif /* CONF_SET_H */

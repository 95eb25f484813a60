/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NSOCK_H
#define NSOCK_H

#include <stdint.h>

#include "addr.h"

struct conf;
struct netns;
struct nsock;

struct nsock *nsock_start(const struct netns *ns, const struct conf *conf);
int nsock_fd(const struct nsock *n);
int nsock_event(struct nsock *n);
int nsock_bind(struct nsock *n, int fd, const struct addr *addr, uint16_t port);
int nsock_get(struct nsock *n, enum ipver v, uint8_t proto);

#endif /* NSOCK_H */

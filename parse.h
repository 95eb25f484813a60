/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* Each parser takes a cursor, moves it past what it took and returns true, or
 * leaves it and the results as they were and returns false.
 */
bool parse_literal(const char **cursor, const char *text);
bool parse_end(const char **cursor);
bool parse_uint(const char **cursor, unsigned long max, unsigned long *val);
bool parse_port(const char **cursor, uint16_t *port);
bool parse_port_range(const char **cursor, uint16_t *first, uint16_t *last);
bool parse_ifname(const char **cursor, char *name);
bool parse_addr(const char **cursor, struct addr *a);
bool parse_addr_mapped(const char **cursor, struct addr *a);
bool parse_addr_prefix(const char **cursor, struct addr *a, int *bits);
bool parse_netmask(const char **cursor, int *bits);
bool parse_mac(const char **cursor, uint8_t *mac);
bool parse_domain(const char **cursor, char *name, size_t size);

#endif /* PARSE_H */

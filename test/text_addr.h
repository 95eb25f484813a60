/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEXT_ADDR_H
#define TEXT_ADDR_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "addr.h"

/**
 * text_addr() - Address from text
 * @text:	IPv4 or IPv6 address
 *
 * Return: address
 */
static inline struct addr text_addr(const char *text)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET, text, &a4) == 1)
		return addr_from_v4(a4);
	assert_int_equal(inet_pton(AF_INET6, text, &a6), 1);
	return addr_from_v6(&a6);
}

#endif /* TEXT_ADDR_H */

// SPDX-License-Identifier: BSD-3-Clause
/* parse.c - small parsers for the words of options and files
 *
 * Each parser takes a cursor into a string. It either takes as much of the
 * text as belongs to its kind, moves the cursor past that, fills in the results
 * and returns true; or it touches neither cursor nor results and returns false.
 * So alternatives can be tried one after the other, and larger forms are built
 * of smaller ones. Whoever wants a whole word ends with parse_end().
 *
 * Addresses are plain ones. IPv4 ones written as IPv6 (::ffff:192.0.2.1) are
 * taken by parse_addr_mapped() only. A zone behind an address is left for the
 * caller to read.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <linux/if.h>

#include "parse.h"
#include "util.h"

#define DOMAIN_MAX	253	/* Characters as text: RFC 1035, 2.3.4 */
#define LABEL_MAX	63	/* RFC 1035, 2.3.4 */

/* These and char_in() instead of ctype.h, which depends on the locale */
#define DIGITS		"0123456789"
#define HEX_DIGITS	DIGITS "abcdefABCDEF"
#define LETTERS		"abcdefghijklmnopqrstuvwxyz" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/**
 * char_in() - Is a character one of a set?
 * @c:		Character
 * @set:	Those that are
 *
 * Return: true if it is, false for the end of a string as well
 */
static bool char_in(char c, const char *set)
{
	return c && strchr(set, c);
}

/**
 * parse_literal() - Take exactly @text
 * @cursor:	Position in the string
 * @text:	What has to stand there
 *
 * Return: true if it does
 */
bool parse_literal(const char **cursor, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*cursor, text, len) != 0)
		return false;

	*cursor += len;
	return true;
}

/**
 * parse_end() - Is the whole string taken?
 * @cursor:	Position in the string
 *
 * Return: true if it is
 */
bool parse_end(const char **cursor)
{
	return !**cursor;
}

/**
 * parse_uint() - Take an unsigned decimal number, without sign or spaces
 * @cursor:	Position in the string
 * @max:	Greatest value that is right
 * @val:	Filled with the value
 *
 * Return: false if there is no digit or the number is greater than @max
 */
bool parse_uint(const char **cursor, unsigned long max, unsigned long *val)
{
	const char *p = *cursor;
	unsigned long v = 0;

	if (!char_in(*p, DIGITS))
		return false;

	for (; char_in(*p, DIGITS); p++) {
		unsigned long digit = *p - '0';

		if (digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}

	*cursor = p;
	*val = v;
	return true;
}

/**
 * parse_port() - Take a port number, 1 to 65535
 * @cursor:	Position in the string
 * @port:	Filled with the port, host byte order
 *
 * Return: false if there is none
 */
bool parse_port(const char **cursor, uint16_t *port)
{
	const char *p = *cursor;
	unsigned long v;

	if (!parse_uint(&p, UINT16_MAX, &v) || !v)
		return false;

	*cursor = p;
	*port = v;
	return true;
}

/**
 * parse_port_range() - Take FIRST or FIRST-LAST
 * @cursor:	Position in the string
 * @first:	Filled with the lowest port, host byte order
 * @last:	Filled with the highest port, host byte order
 *
 * Return: false if there is none, or if LAST is lower than FIRST
 */
bool parse_port_range(const char **cursor, uint16_t *first, uint16_t *last)
{
	const char *p = *cursor;
	uint16_t from, to;

	if (!parse_port(&p, &from))
		return false;
	to = from;
	if (parse_literal(&p, "-") && (!parse_port(&p, &to) || to < from))
		return false;

	*cursor = p;
	*first = from;
	*last = to;
	return true;
}

/**
 * parse_ifname() - Take the name of a network interface
 * @cursor:	Position in the string
 * @name:	Filled with the name, at least IFNAMSIZ bytes
 *
 * A name ends at a slash, a colon, white space or the end of the string.
 *
 * Return: false if it is empty, has 16 bytes or more, or is . or ..
 *
 * Source: net/core/dev.c, dev_valid_name(), Linux
 */
bool parse_ifname(const char **cursor, char *name)
{
	size_t len = strcspn(*cursor, "/: \t\n\v\f\r");

	if (!len || len >= IFNAMSIZ)
		return false;
	if ((len == 1 || len == 2) && !strncmp(*cursor, "..", len))
		return false;

	memcpy(name, *cursor, len);
	name[len] = '\0';
	*cursor += len;
	return true;
}

/**
 * parse_addr_mapped() - Take an IPv4 or IPv6 address, or IPv4 written as IPv6
 * @cursor:	Position in the string
 * @a:		Filled with the address
 *
 * IPv6 addresses may be in brackets.
 *
 * Return: false if there is none
 */
bool parse_addr_mapped(const char **cursor, struct addr *a)
{
	const char *p = *cursor;
	bool bracket = parse_literal(&p, "[");
	size_t len = strspn(p, HEX_DIGITS ":.");
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a6;
	struct in_addr a4;

	if (len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = '\0';
	p += len;
	if (bracket && !parse_literal(&p, "]"))
		return false;

	if (inet_pton(AF_INET6, text, &a6) == 1)
		*a = addr_from_v6(&a6);
	else if (!bracket && inet_pton(AF_INET, text, &a4) == 1)
		*a = addr_from_v4(a4);
	else
		return false;

	*cursor = p;
	return true;
}

/**
 * parse_addr() - Take an IPv4 or IPv6 address; the latter may be in brackets
 * @cursor:	Position in the string
 * @a:		Filled with the address
 *
 * Return: false if there is none, or if it is IPv4 written as IPv6
 */
bool parse_addr(const char **cursor, struct addr *a)
{
	const char *p = *cursor;
	struct addr addr;

	if (!parse_addr_mapped(&p, &addr))
		return false;
	if (addr_version(&addr) == V4 && memchr(*cursor, ':', p - *cursor))
		return false;

	*cursor = p;
	*a = addr;
	return true;
}

/**
 * parse_addr_prefix() - Take ADDR or ADDR/LENGTH
 * @cursor:	Position in the string
 * @a:		Filled with the address
 * @bits:	Filled with the length of the prefix, -1 if there is none
 *
 * Return: false if there is no address, or no sensible length behind a slash
 */
bool parse_addr_prefix(const char **cursor, struct addr *a, int *bits)
{
	const char *p = *cursor;
	struct addr addr;
	unsigned long v;
	int len = -1;

	if (!parse_addr(&p, &addr))
		return false;
	if (parse_literal(&p, "/")) {
		if (!parse_uint(&p, addr_version(&addr) == V4 ? 32 : 128, &v))
			return false;
		len = v;
	}

	*cursor = p;
	*a = addr;
	*bits = len;
	return true;
}

/**
 * parse_netmask() - Take an IPv4 netmask, 255.255.255.0 or number of bits
 * @cursor:	Position in the string
 * @bits:	Filled with the number of bits
 *
 * Return: false if there is none, or if the mask has gaps
 */
bool parse_netmask(const char **cursor, int *bits)
{
	const char *p = *cursor;
	struct addr a;
	unsigned long v;
	uint32_t host;

	if (parse_addr(&p, &a) && addr_version(&a) == V4) {
		host = ~ntohl(addr_to_v4(&a).s_addr);
		if (host & (host + 1))
			return false;
		v = host ? __builtin_clz(host) : 32;
	} else {
		p = *cursor;
		if (!parse_uint(&p, 32, &v))
			return false;
	}

	*cursor = p;
	*bits = v;
	return true;
}

/**
 * hex_digit() - Value of a hexadecimal digit
 * @c:		Digit, in lower or upper case
 *
 * Return: 0 to 15
 */
static uint8_t hex_digit(char c)
{
	if (c <= '9')
		return c - '0';

	return (c | 0x20) - 'a' + 10;
}

/**
 * parse_mac() - Take a MAC address, six pairs of digits with colons or dashes
 * @cursor:	Position in the string
 * @mac:	Filled with the address, MAC_LEN bytes
 *
 * Return: false if there is none
 */
bool parse_mac(const char **cursor, uint8_t *mac)
{
	const char *p = *cursor;
	char sep = strlen(p) > 2 && p[2] == '-' ? '-' : ':';
	uint8_t val[MAC_LEN];
	unsigned i;

	for (i = 0; i < MAC_LEN; i++) {
		if (i && *p++ != sep)
			return false;
		if (!char_in(p[0], HEX_DIGITS) || !char_in(p[1], HEX_DIGITS))
			return false;
		val[i] = hex_digit(p[0]) << 4 | hex_digit(p[1]);
		p += 2;
	}

	memcpy(mac, val, MAC_LEN);
	*cursor = p;
	return true;
}

/**
 * parse_domain() - Take a domain name: labels with dots between them
 * @cursor:	Position in the string
 * @name:	Filled with the name, without a dot at its end
 * @size:	Room in @name, bytes
 *
 * Labels are letters, digits, dashes (neither first nor last) and underscores.
 *
 * Return: false if there is none, a label has more than 63 characters, the name
 * more than 253, or there is no room
 *
 * Source: RFC 1035, 2.3.1 and 2.3.4; RFC 1123, 2.1
 */
bool parse_domain(const char **cursor, char *name, size_t size)
{
	const char *p = *cursor;
	size_t len;

	do {
		len = strspn(p, LETTERS DIGITS "-_");
		if (!len || len > LABEL_MAX || p[0] == '-' || p[len - 1] == '-')
			return false;
		p += len;
	} while (*p == '.' && char_in(*++p, LETTERS DIGITS "-_"));

	len = p - *cursor;
	if (p[-1] == '.')
		len--;
	if (len > DOMAIN_MAX || len >= size)
		return false;

	memcpy(name, *cursor, len);
	name[len] = '\0';
	*cursor = p;
	return true;
}

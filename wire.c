// SPDX-License-Identifier: BSD-3-Clause
/* wire.c - bounded writer for messages that are made of options
 *
 * A struct wire stands for a buffer that fills from its start. Each function
 * writes all it was asked for and returns true, or leaves the message as it
 * was and returns false because there is no room: so a message is cut between
 * options, never inside one, and the caller may go on with a shorter one.
 * Numbers are given in host byte order and written in network byte order.
 *
 * Domain names are written as lengths and labels, without compression.
 */

#include <string.h>
#include <arpa/inet.h>

#include "wire.h"

/**
 * wire_put() - Append bytes
 * @w:		Writer
 * @src:	Bytes to copy, may be NULL if @len is 0
 * @len:	How many
 *
 * Return: true, or false if they don't fit
 */
bool wire_put(struct wire *w, const void *src, size_t len)
{
	if (len > w->size - w->len)
		return false;

	if (len)
		memcpy(w->buf + w->len, src, len);
	w->len += len;
	return true;
}

/**
 * wire_put_u8() - Append one byte
 * @w:		Writer
 * @value:	Value
 *
 * Return: true, or false if it doesn't fit
 */
bool wire_put_u8(struct wire *w, uint8_t value)
{
	return wire_put(w, &value, sizeof(value));
}

/**
 * wire_put_u16() - Append a number of two bytes
 * @w:		Writer
 * @value:	Value, host byte order
 *
 * Return: true, or false if it doesn't fit
 */
bool wire_put_u16(struct wire *w, uint16_t value)
{
	uint16_t be = htons(value);

	return wire_put(w, &be, sizeof(be));
}

/**
 * wire_put_u32() - Append a number of four bytes
 * @w:		Writer
 * @value:	Value, host byte order
 *
 * Return: true, or false if it doesn't fit
 */
bool wire_put_u32(struct wire *w, uint32_t value)
{
	uint32_t be = htonl(value);

	return wire_put(w, &be, sizeof(be));
}

/**
 * wire_put_zeros() - Append bytes of value zero
 * @w:		Writer
 * @len:	How many
 *
 * Return: true, or false if they don't fit
 */
bool wire_put_zeros(struct wire *w, size_t len)
{
	if (len > w->size - w->len)
		return false;

	memset(w->buf + w->len, 0, len);
	w->len += len;
	return true;
}

/**
 * wire_put_name() - Append a domain name
 * @w:		Writer
 * @name:	Labels separated by dots, a dot at the end is allowed
 * @len:	Length of @name, bytes
 *
 * Return: true, or false if the name doesn't fit or is no domain name: empty,
 *	   with an empty label, or with a label or as a whole too long
 *
 * Source: RFC 1035, 3.1 and 2.3.4
 */
bool wire_put_name(struct wire *w, const char *name, size_t len)
{
	size_t start = w->len;

	if (len && name[len - 1] == '.')
		len--;
	/* A length before each label and the root's at the end: two more */
	if (!len || len + 2 > WIRE_NAME_MAX)
		return false;

	while (len) {
		const char *dot = memchr(name, '.', len);
		size_t label = dot ? (size_t)(dot - name) : len;

		if (!label || label > WIRE_LABEL_MAX ||
		    (dot && label + 1 == len) ||
		    !wire_put_u8(w, (uint8_t)label) ||
		    !wire_put(w, name, label)) {
			w->len = start;
			return false;
		}

		name += label;
		len -= label;
		if (dot) {
			name++;
			len--;
		}
	}

	if (wire_put_u8(w, 0))
		return true;

	w->len = start;
	return false;
}

/**
 * wire_put_search() - Append the domain names of a search list
 * @w:		Writer
 * @search:	Domain names separated by spaces
 *
 * What is no domain name is left out. The first name without room ends the
 * list: a later, shorter one would come before its turn.
 *
 * Return: number of names written
 */
size_t wire_put_search(struct wire *w, const char *search)
{
	size_t count = 0;

	for (search += strspn(search, " "); *search;
	     search += strspn(search, " ")) {
		size_t len = strcspn(search, " ");

		if (wire_put_name(w, search, len))
			count++;
		else if (len + 2 > w->size - w->len)
			break;

		search += len;
	}

	return count;
}

/**
 * wire_set_u16() - Change a number of two bytes in what was written already
 * @w:		Writer
 * @pos:	Offset of the number, bytes
 * @value:	New value, host byte order
 *
 * Return: true, or false if nothing was written there yet
 */
bool wire_set_u16(struct wire *w, size_t pos, uint16_t value)
{
	uint16_t be = htons(value);

	if (w->len < sizeof(be) || pos > w->len - sizeof(be))
		return false;

	memcpy(w->buf + pos, &be, sizeof(be));
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 1035, 2.3.4 */
#define WIRE_LABEL_MAX		63
#define WIRE_NAME_MAX		255

/**
 * struct wire - bounded writer of a message
 * @buf:	Start of the message
 * @len:	Bytes written
 * @size:	Room at @buf
 */
struct wire {
	uint8_t *buf;
	size_t len;
	size_t size;
};

bool wire_put(struct wire *w, const void *src, size_t len);
bool wire_put_u8(struct wire *w, uint8_t value);
bool wire_put_u16(struct wire *w, uint16_t value);
bool wire_put_u32(struct wire *w, uint32_t value);
bool wire_put_zeros(struct wire *w, size_t len);
bool wire_put_name(struct wire *w, const char *name, size_t len);
size_t wire_put_search(struct wire *w, const char *search);
bool wire_set_u16(struct wire *w, size_t pos, uint16_t value);

#endif /* WIRE_H */

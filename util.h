/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define MIN(x, y)		(((x) < (y)) ? (x) : (y))
#define MAX(x, y)		(((x) > (y)) ? (x) : (y))
#define ROUND_DOWN(x, y)	((x) / (y) * (y))
#define MAC_LEN			6
#define MAC_STRLEN		sizeof("00:11:22:33:44:55")

#define container_of(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

/**
 * struct rate - how much of something may happen yet: see util_rate_allow()
 * @at_ms:	When that was computed
 * @left:	Thousandths of what may happen
 */
struct rate {
	uint64_t at_ms;
	uint32_t left;
};

uint64_t util_now_us(void);
uint64_t util_now_ms(void);
bool util_rate_allow(struct rate *r, uint64_t now_ms, unsigned per_s,
		     unsigned burst);
void util_random(void *buf, size_t len);
bool util_mac_is_one(const uint8_t mac[static MAC_LEN]);
const char *util_mac_str(const uint8_t mac[static MAC_LEN],
			 char buf[static MAC_STRLEN]);
ssize_t util_read_file(const char *path, char *buf, size_t size);
int util_write_file(const char *path, const char *text);
ssize_t util_write_all(int fd, const void *buf, size_t len);
void util_copy_str(char *dst, const char *src, size_t size);
int util_open_std_fds(void);

#endif /* UTIL_H */

// SPDX-License-Identifier: BSD-3-Clause
/* util.c - small helpers around descriptors, files, text and the clock
 *
 * No state, and nothing about packets or flows. Everything here reports
 * failure to its caller as -errno; the one exception is util_random().
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>

#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char util_syscalls[] = "getrandom";

/**
 * util_now_us() - Time that only moves forward
 *
 * Return: CLOCK_MONOTONIC, microseconds
 */
uint64_t util_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/**
 * util_now_ms() - The same in milliseconds
 *
 * Return: CLOCK_MONOTONIC, milliseconds
 */
uint64_t util_now_ms(void)
{
	return util_now_us() / 1000;
}

/**
 * util_random() - Fill a buffer with unpredictable bytes
 * @buf:	Buffer
 * @len:	Its length
 *
 * Ends the process if the kernel can't give any: that depends on the kernel
 * only, hence shows at the first call, which is at start-up, and to go on with
 * keys that can be guessed is worse.
 *
 * Source: getrandom(2)
 */
void util_random(void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

/**
 * util_rate_allow() - May it happen once more, as a bucket of tokens says
 * @r:		Bucket, at first zeroed: then it is full
 * @now_ms:	Time now, greater at first than the bucket takes to fill
 * @per_s:	Tokens that come in a second
 * @burst:	Tokens the bucket holds, at most 4 million
 *
 * Return: true, and a token is taken, or false if there is none
 */
bool util_rate_allow(struct rate *r, uint64_t now_ms, unsigned per_s,
		     unsigned burst)
{
	uint64_t full = burst * 1000ULL, past_ms = now_ms - r->at_ms;
	uint64_t left = r->left + MIN(past_ms, full) * per_s;

	r->at_ms = now_ms;
	r->left = (uint32_t)MIN(left, full);
	if (r->left < 1000)
		return false;
	r->left -= 1000;
	return true;
}

/**
 * util_mac_is_one() - Can it be the MAC address of exactly one interface?
 * @mac:	Address
 *
 * Return: false for a group's, and none
 *
 * Source: IEEE 802.3, 3.2.3
 */
bool util_mac_is_one(const uint8_t mac[static MAC_LEN])
{
	static const uint8_t none[MAC_LEN];

	return !(mac[0] & 1) && memcmp(mac, none, MAC_LEN) != 0;
}

/**
 * util_mac_str() - Text of a MAC address
 * @mac:	Address
 * @buf:	Where to write it
 *
 * Return: @buf
 */
const char *util_mac_str(const uint8_t mac[static MAC_LEN],
			 char buf[static MAC_STRLEN])
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x",
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);

	return buf;
}

/**
 * util_read_file() - Read a small text file
 * @path:	Path
 * @buf:	Where the text goes, always terminated on success
 * @size:	Size of @buf, at least 1
 *
 * Return: length of the text, what exceeds @size - 1 bytes is cut off; -errno
 *	   from open(2) or read(2)
 */
ssize_t util_read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	while (n && len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			close(fd);
			return n;
		}
		len += (size_t)n;
	}

	close(fd);
	buf[len] = '\0';
	return (ssize_t)len;
}

/**
 * util_write_file() - Write text to an existing file, in one system call
 * @path:	Path; meant for files in /proc and /sys, which take just one
 *		write(2), so nothing is created or truncated
 * @text:	Text
 *
 * Return: 0, -errno from open(2) or write(2), -EIO if it was taken in part
 */
int util_write_file(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd, ret = 0;
	ssize_t n;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);

	if (n < 0)
		ret = -errno;
	else if ((size_t)n != len)
		ret = -EIO;

	close(fd);
	return ret;
}

/**
 * util_write_all() - Write a buffer, however many system calls it takes
 * @fd:		Descriptor
 * @buf:	Buffer
 * @len:	Its length
 *
 * Return: @len, or -errno from write(2) after an unknown part of it; -EAGAIN
 *	   is possible for non-blocking descriptors
 */
ssize_t util_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	size_t left = len;

	while (left) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}

	return (ssize_t)len;
}

/**
 * util_copy_str() - Copy text into a buffer of fixed size
 * @dst:	Buffer, always terminated
 * @src:	Text, cut off if it is too long
 * @size:	Size of @dst, at least 1
 */
void util_copy_str(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

/**
 * util_open_std_fds() - Make sure that descriptors 0, 1 and 2 are open
 *
 * Some supervisors start programs with these closed. The next sockets and
 * files would take their numbers, and messages would end up in them. Must run
 * before anything else is opened.
 *
 * Return: 0, -errno if /dev/null can't be opened
 */
int util_open_std_fds(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free descriptor, so this is @fd. It isn't to be
		 * closed on exec: the command we may run gets it, too.
		 */
		if (open("/dev/null", O_RDWR) != fd)
			return -errno;
	}

	return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
/* csum.c - Internet checksum over scattered bytes
 *
 * A sum is carried in 64 bits with end-around carry: as 2^16 - 1 divides
 * 2^64 - 1, folding at the end gives what adding 16-bit words would have
 * given. The sum doesn't depend on the byte order of the machine as long as
 * it is stored the way its words were loaded (RFC 1071, 2 (B)), so nothing is
 * swapped here, and results go into headers as they are.
 *
 * Bytes may start at any address; they are loaded by memcpy(), which becomes
 * a plain load where the machine can do that. Each csum_add function takes its
 * bytes to begin at an even offset of what is summed up; csum_add_view() deals
 * with elements of odd length inside the view.
 *
 * Source: RFC 1071
 */

#include <stdbool.h>
#include <string.h>
#include <arpa/inet.h>

#include "addr.h"
#include "csum.h"
#include "util.h"
#include "view.h"

#define CSUM_STEP	(4 * sizeof(uint64_t))

/**
 * csum_add() - Add two sums
 * @a:		Sum
 * @b:		Sum, or bytes as loaded
 *
 * Return: sum of both
 */
static inline uint64_t csum_add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/**
 * csum_load() - Load eight bytes from any address
 * @p:		Address
 *
 * Return: the bytes, as they lie in memory
 */
static inline uint64_t csum_load(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/**
 * csum_add_buf() - Add contiguous bytes to a sum
 * @sum:	Sum so far, over an even number of bytes
 * @buf:	Bytes, at any address
 * @len:	How many; a missing last byte of a word counts as zero
 *
 * Return: sum over all
 */
uint64_t csum_add_buf(uint64_t sum, const void *buf, size_t len)
{
	const char *p = buf;
	uint64_t tail = 0;

	/* Two chains of carries, so that one needn't wait for the other */
	if (len >= CSUM_STEP) {
		uint64_t other = 0;

		for (; len >= CSUM_STEP; len -= CSUM_STEP) {
			sum = csum_add(sum, csum_load(p));
			other = csum_add(other, csum_load(p + 8));
			sum = csum_add(sum, csum_load(p + 16));
			other = csum_add(other, csum_load(p + 24));
			p += CSUM_STEP;
		}
		sum = csum_add(sum, other);
	}

	for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
		sum = csum_add(sum, csum_load(p));
		p += sizeof(uint64_t);
	}

	if (len)
		memcpy(&tail, p, len);
	return csum_add(sum, tail);
}

/**
 * csum_add_view() - Add the bytes left in a view to a sum
 * @sum:	Sum so far, over an even number of bytes
 * @v:		View, not changed
 *
 * Return: sum over all
 */
uint64_t csum_add_view(uint64_t sum, const struct view *v)
{
	const struct iovec *iov = v->iov;
	size_t off = v->off, len = v->len;
	bool odd = false;

	for (; len; iov++, off = 0) {
		size_t part = MIN(len, iov->iov_len - off);
		uint64_t add;

		if (!part)
			continue;
		add = csum_add_buf(0, (const char *)iov->iov_base + off, part);
		/* Behind an odd number of bytes, low and high bytes of the
		 * words change places: RFC 1071, 2 (B)
		 */
		if (odd)
			add = add << 8 | add >> 56;
		sum = csum_add(sum, add);
		odd ^= part & 1;
		len -= part;
	}

	return sum;
}

/**
 * csum_pseudo() - Begin a sum with the pseudo-header
 * @src:	Source address
 * @dst:	Destination address, of the same version
 * @proto:	Upper-layer protocol
 * @l4_len:	Length of the upper-layer packet, its header included
 *
 * One way for both versions: the words are the same, only their width in the
 * pseudo-header differs, and the ::ffff: of IPv4 addresses adds 2^16 - 1, which
 * is zero here.
 *
 * Return: sum
 *
 * Source: RFC 9293, 3.1; RFC 768; RFC 8200, 8.1
 */
uint64_t csum_pseudo(const struct addr *src, const struct addr *dst,
		     uint8_t proto, size_t l4_len)
{
	uint64_t sum;

	sum = csum_add_buf(0, src, sizeof(*src));
	sum = csum_add_buf(sum, dst, sizeof(*dst));
	sum = csum_add(sum, htons(proto));
	return csum_add(sum, htonl((uint32_t)l4_len));
}

/**
 * csum_fold() - Turn a sum into what headers carry
 * @sum:	Sum
 *
 * Return: complement of the sum in 16 bits, 0 if the sum included a checksum
 *	   and this is right. Those who fill in UDP headers send 0 as 0xffff.
 */
__sum16 csum_fold(uint64_t sum)
{
	uint32_t half;

	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	half = (uint32_t)sum;
	half = (half >> 16) + (half & UINT16_MAX);
	half = (half >> 16) + (half & UINT16_MAX);

	return (__sum16)~half;
}

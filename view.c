// SPDX-License-Identifier: BSD-3-Clause
/* view.c - bounded cursor over scattered bytes
 *
 * All that comes from the guest or the network is read through a struct view.
 * It knows how many bytes are left and never yields one more, so that a short
 * packet is an ordinary "false" and not arithmetic at the caller's place.
 *
 * Invariants: @len never exceeds what the elements hold behind @off, and
 * unless @len is 0, @iov[0] has unread bytes. Elements of length zero are
 * allowed and stepped over.
 *
 * Nothing here hands out pointers into the bytes except view_to_iov(), which
 * is meant for system calls.
 */

#include <string.h>

#include "util.h"
#include "view.h"

/**
 * view_settle() - Step over elements that are used up
 * @v:		View
 */
static void view_settle(struct view *v)
{
	while (v->cnt && v->off >= v->iov->iov_len) {
		v->off -= v->iov->iov_len;
		v->iov++;
		v->cnt--;
	}
}

/**
 * view_from_iov() - View over the first bytes of an array
 * @iov:	Elements, must outlive the view
 * @cnt:	Their number
 * @len:	Bytes wanted; SIZE_MAX for all
 *
 * Return: view over @len bytes, or over all there are if they are fewer
 */
struct view view_from_iov(const struct iovec *iov, size_t cnt, size_t len)
{
	struct view v = { .iov = iov, .cnt = cnt };
	size_t i;

	for (i = 0; i < cnt && v.len < len; i++)
		v.len += MIN(iov[i].iov_len, len - v.len);

	view_settle(&v);
	return v;
}

/**
 * view_from_buf() - View over contiguous bytes
 * @iov:	Room for the one element, must outlive the view
 * @buf:	Bytes, only written to by view_put()
 * @len:	Their number
 *
 * Return: view over all of @buf
 */
struct view view_from_buf(struct iovec *iov, const void *buf, size_t len)
{
	iov->iov_base = (void *)buf;
	iov->iov_len = len;

	return view_from_iov(iov, 1, len);
}

/**
 * view_peek() - Copy bytes out, without passing them
 * @v:		View
 * @dst:	Where to, @len bytes
 * @len:	How many
 *
 * Return: false if fewer than @len bytes are left, then @dst is untouched
 */
bool view_peek(const struct view *v, void *dst, size_t len)
{
	const struct iovec *iov = v->iov;
	size_t off = v->off;
	char *to = dst;

	if (len > v->len)
		return false;

	while (len) {
		size_t part = MIN(len, iov->iov_len - off);

		if (part)
			memcpy(to, (const char *)iov->iov_base + off, part);
		to += part;
		len -= part;
		off = 0;
		iov++;
	}

	return true;
}

/**
 * view_pull() - Copy bytes out and pass them
 * @v:		View
 * @dst:	Where to, @len bytes
 * @len:	How many
 *
 * Return: false if fewer than @len bytes are left, then nothing changed
 */
bool view_pull(struct view *v, void *dst, size_t len)
{
	return view_peek(v, dst, len) && view_skip(v, len);
}

/**
 * view_skip() - Pass bytes
 * @v:		View
 * @len:	How many
 *
 * Return: false if fewer than @len bytes are left, then nothing changed
 */
bool view_skip(struct view *v, size_t len)
{
	if (len > v->len)
		return false;

	v->len -= len;
	v->off += len;
	view_settle(v);
	return true;
}

/**
 * view_trim() - Forget bytes at the end
 * @v:		View
 * @len:	How many bytes to keep
 *
 * Return: false if fewer than @len bytes are left, then nothing changed
 */
bool view_trim(struct view *v, size_t len)
{
	if (len > v->len)
		return false;

	v->len = len;
	return true;
}

/**
 * view_sub() - Split the next bytes off into a view of their own
 * @v:		View, passes the bytes
 * @len:	How many
 * @sub:	View over just these bytes
 *
 * Return: false if fewer than @len bytes are left, then nothing changed
 */
bool view_sub(struct view *v, size_t len, struct view *sub)
{
	if (len > v->len)
		return false;

	*sub = *v;
	sub->len = len;
	return view_skip(v, len);
}

/**
 * view_put() - Copy bytes in and pass them
 * @v:		View over memory that may be written to
 * @src:	Where from, @len bytes
 * @len:	How many
 *
 * Return: false if there is room for fewer than @len bytes, then nothing
 *	   changed
 */
bool view_put(struct view *v, const void *src, size_t len)
{
	const char *from = src;

	if (len > v->len)
		return false;

	while (len) {
		size_t part = MIN(len, v->iov->iov_len - v->off);

		memcpy((char *)v->iov->iov_base + v->off, from, part);
		from += part;
		len -= part;
		view_skip(v, part);
	}

	return true;
}

/**
 * view_to_iov() - Describe the bytes left for a system call
 * @v:		View
 * @iov:	Elements to fill
 * @max:	Room in @iov
 *
 * Return: number of elements filled; 0 if the view is empty, or if it is more
 *	   scattered than @max elements can tell
 */
size_t view_to_iov(const struct view *v, struct iovec *iov, size_t max)
{
	struct view left = *v;
	size_t cnt = 0;

	while (left.len) {
		size_t part = MIN(left.len, left.iov->iov_len - left.off);

		if (cnt == max)
			return 0;
		iov[cnt].iov_base = (char *)left.iov->iov_base + left.off;
		iov[cnt].iov_len = part;
		cnt++;
		view_skip(&left, part);
	}

	return cnt;
}

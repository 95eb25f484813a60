/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/**
 * struct view - bounded cursor over scattered bytes
 * @iov:	First element with unread bytes
 * @cnt:	Elements left, the one at @iov included
 * @off:	Bytes of @iov[0] already passed
 * @len:	Bytes left in the view, never more than @iov holds
 *
 * A view never owns memory and is passed by value or copied freely. Headers
 * are copied out of it, because a guest may change shared memory under us.
 */
struct view {
	const struct iovec *iov;
	size_t cnt;
	size_t off;
	size_t len;
};

struct view view_from_iov(const struct iovec *iov, size_t cnt, size_t len);
struct view view_from_buf(struct iovec *iov, const void *buf, size_t len);
bool view_peek(const struct view *v, void *dst, size_t len);
bool view_pull(struct view *v, void *dst, size_t len);
bool view_skip(struct view *v, size_t len);
bool view_trim(struct view *v, size_t len);
bool view_sub(struct view *v, size_t len, struct view *sub);
bool view_put(struct view *v, const void *src, size_t len);
size_t view_to_iov(const struct view *v, struct iovec *iov, size_t max);

#endif /* VIEW_H */

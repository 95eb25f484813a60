// SPDX-License-Identifier: BSD-3-Clause
/* nlmsg.c - rtnetlink messages: build, send, receive, take apart
 *
 * A request is built in a struct nl_req, on the caller's stack. Whatever does
 * not fit is only noted there, so that builders need no check at each step:
 * nl_request() and nl_query() refuse to send such a request.
 *
 * nl_query() gathers all messages of the answer, over as many datagrams as it
 * takes, in a struct nl_dump before anybody looks at them. Two things ask for
 * that: the kernel may say at the very end that its tables changed meanwhile,
 * so that everything has to be read again, and routes have to be looked at
 * more than once. It allocates memory and waits for the kernel's answer, hence
 * it is for start-up only. A host with a million routes costs some 100 MiB for
 * that moment.
 *
 * nl_collect() does the part without a socket, on one datagram. Who gets
 * notifications, while the program runs, goes through a datagram by nl_next(),
 * and asks for more by nl_send(), without waiting for it. Messages come
 * from the kernel, but are checked as if they did not: nothing outside of what
 * was received is ever read, unknown messages and attributes are passed over.
 *
 * Requests carry increasing sequence numbers, and answers to others than the
 * last one, left over from a request that failed half-way, are passed over.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>

#include "log.h"
#include "netlink.h"
#include "nlmsg.h"
#include "util.h"

#define NL_RECV_MAX	(256 * 1024)	/* Bytes: kernel's dumps use 32 KiB */
#define NL_TRIES_MAX	10		/* Dumps of tables that keep changing */

/**
 * nl_req_append() - Append bytes to a request, padded to the alignment
 * @r:		Request
 * @data:	What to append, NULL for zeroes
 * @len:	Its length, bytes
 *
 * Return: where the bytes are now, NULL if there is no room for them
 */
void *nl_req_append(struct nl_req *r, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->hdr.nlmsg_len);

	if (r->full || len > sizeof(r->buf) ||
	    NLMSG_ALIGN(len) > sizeof(r->buf) - at) {
		r->full = true;
		return NULL;
	}

	memset(r->buf + at, 0, NLMSG_ALIGN(len));
	if (data)
		memcpy(r->buf + at, data, len);
	r->hdr.nlmsg_len = (uint32_t)(at + len);
	return r->buf + at;
}

/**
 * nl_req_start() - Start a request
 * @r:		Request, overwritten
 * @type:	RTM_*
 * @flags:	NLM_F_* besides NLM_F_REQUEST
 * @body:	Body that goes with @type
 * @body_len:	Its length, bytes
 */
void nl_req_start(struct nl_req *r, uint16_t type, uint16_t flags,
		  const void *body, size_t body_len)
{
	r->full = false;
	r->hdr = (struct nlmsghdr) {
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	};
	nl_req_append(r, body, body_len);
}

/**
 * nl_req_put() - Append an attribute
 * @r:		Request
 * @type:	Type of the attribute
 * @data:	Payload
 * @len:	Its length, bytes
 */
void nl_req_put(struct nl_req *r, uint16_t type, const void *data, size_t len)
{
	struct nlattr *nest = nl_req_nest(r, type);

	nl_req_append(r, data, len);
	nl_req_nest_end(r, nest);
}

/**
 * nl_req_put_u32() - Append an attribute of 32 bits
 * @r:		Request
 * @type:	Type of the attribute
 * @value:	Payload, host byte order
 */
void nl_req_put_u32(struct nl_req *r, uint16_t type, uint32_t value)
{
	nl_req_put(r, type, &value, sizeof(value));
}

/**
 * nl_req_put_addr() - Append an address as attribute, 4 or 16 bytes of it
 * @r:		Request
 * @type:	Type of the attribute
 * @a:		Address
 */
void nl_req_put_addr(struct nl_req *r, uint16_t type, const struct addr *a)
{
	if (addr_version(a) == V4) {
		struct in_addr a4 = addr_to_v4(a);

		nl_req_put(r, type, &a4, sizeof(a4));
	} else {
		nl_req_put(r, type, &a->a6, sizeof(a->a6));
	}
}

/**
 * nl_req_nest() - Start an attribute that is made of what follows
 * @r:		Request
 * @type:	Type of the attribute
 *
 * Return: what nl_req_nest_end() is to be given, NULL if there is no room
 */
struct nlattr *nl_req_nest(struct nl_req *r, uint16_t type)
{
	struct nlattr a = { .nla_len = sizeof(a), .nla_type = type };

	return nl_req_append(r, &a, sizeof(a));
}

/**
 * nl_req_nest_end() - End an attribute that nl_req_nest() started
 * @r:		Request
 * @nest:	The attribute, may be NULL
 */
void nl_req_nest_end(struct nl_req *r, struct nlattr *nest)
{
	if (nest && !r->full)
		nest->nla_len = (uint16_t)(r->buf + r->hdr.nlmsg_len -
					   (uint8_t *)nest);
}

/**
 * nl_open() - Open an rtnetlink socket in the current network namespace
 *
 * The socket keeps belonging to this namespace.
 *
 * Return: descriptor, -errno on failure
 *
 * Source: rtnetlink(7), netlink(7)
 */
int nl_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int fd, on = 1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int ret = -errno;

		close(fd);
		return ret;
	}

	/* Have the kernel pick what was asked for. Kernels before 4.20 don't
	 * know that and return everything, so callers pick once more.
	 */
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return fd;
}

/**
 * nl_dump_add() - Add a message to those gathered
 * @d:		Messages gathered so far
 * @h:		Message, of which @h->nlmsg_len bytes are there
 *
 * Return: 0, -ENOMEM
 */
static int nl_dump_add(struct nl_dump *d, const struct nlmsghdr *h)
{
	size_t need = NLMSG_ALIGN((size_t)h->nlmsg_len);

	if (need > d->size - d->len) {
		size_t size = MAX(d->size * 2, d->len + need);
		uint8_t *buf = realloc(d->buf, size);

		if (!buf)
			return -ENOMEM;
		d->buf = buf;
		d->size = size;
	}

	memset(d->buf + d->len, 0, need);
	memcpy(d->buf + d->len, h, h->nlmsg_len);
	d->len += need;
	return 0;
}

/**
 * nl_status() - Result carried by the message that ends an answer
 * @h:		Message of type NLMSG_ERROR or NLMSG_DONE, complete
 *
 * Return: 1 for success, -errno as the kernel says, -EPROTO if it is malformed
 *
 * Source: netlink(7). An NLMSG_DONE has no body from some kernels.
 */
static int nl_status(const struct nlmsghdr *h)
{
	int error;

	if (!nl_body(h, &error, sizeof(error)))
		return h->nlmsg_type == NLMSG_DONE ? 1 : -EPROTO;
	if (error > 0)
		return -EPROTO;
	return error ? error : 1;
}

/**
 * nl_collect_one() - Take one message of the answer to our request
 * @h:		Message, complete
 * @d:		Where it is added, NULL if none is of interest
 *
 * Return: 1 if the answer is complete, 0 if more is to come, -errno if the
 *	   kernel reports an error, -EPROTO for a malformed one, -ENOMEM
 */
static int nl_collect_one(const struct nlmsghdr *h, struct nl_dump *d)
{
	if (d && (h->nlmsg_flags & NLM_F_DUMP_INTR))
		d->interrupted = true;
	if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
		return nl_status(h);
	if (d && h->nlmsg_type >= NLMSG_MIN_TYPE)
		return nl_dump_add(d, h);
	return 0;
}

/**
 * nl_next() - Go through the messages of one datagram
 * @buf:	Datagram, aligned to NLMSG_ALIGNTO bytes
 * @len:	Its length, bytes
 * @off:	Where the next message is, 0 to begin; moved past it
 *
 * Return: the next message, complete; NULL if there is none, and if @off isn't
 *	   @len then, the datagram is malformed from there on
 */
const struct nlmsghdr *nl_next(const void *buf, size_t len, size_t *off)
{
	const struct nlmsghdr *h = (const void *)((const uint8_t *)buf + *off);
	size_t left = len - *off;

	if (left < sizeof(*h) || h->nlmsg_len < sizeof(*h) ||
	    h->nlmsg_len > left)
		return NULL;

	*off += MIN(NLMSG_ALIGN((size_t)h->nlmsg_len), left);
	return h;
}

/**
 * nl_collect() - Take the messages of one datagram
 * @buf:	Datagram, aligned to NLMSG_ALIGNTO bytes
 * @len:	Its length, bytes
 * @seq:	Sequence number of the request, others are passed over
 * @d:		Where the messages are added, NULL if none is of interest
 *
 * The end of an answer may stand in a datagram of its own or behind data.
 *
 * Return: 1 if the answer is complete, 0 if more is to come, -errno if the
 *	   kernel reports an error, -EPROTO for a malformed datagram, -ENOMEM
 */
int nl_collect(const void *buf, size_t len, uint32_t seq, struct nl_dump *d)
{
	const struct nlmsghdr *h;
	size_t off = 0;
	int ret = 0;

	while (!ret && off < len) {
		h = nl_next(buf, len, &off);
		if (!h)
			return -EPROTO;
		if (h->nlmsg_seq == seq)
			ret = nl_collect_one(h, d);
	}

	return ret;
}

/**
 * nl_recv() - Receive the answer to a request
 * @nl:		Socket
 * @seq:	Sequence number of the request
 * @d:		Where messages go, NULL if none is of interest
 *
 * Return: 0 if it is complete, -errno
 */
static int nl_recv(int nl, uint32_t seq, struct nl_dump *d)
{
	static uint8_t buf[NL_RECV_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n;
		int ret;

		n = recvfrom(nl, buf, sizeof(buf), MSG_TRUNC,
			     (struct sockaddr *)&from, &from_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n || (size_t)n > sizeof(buf))
			return -EMSGSIZE;
		if (from.nl_pid)	/* Only the kernel is believed */
			continue;

		ret = nl_collect(buf, (size_t)n, seq, d);
		if (ret)
			return MIN(ret, 0);
	}
}

/**
 * nl_send() - Send a request under a new sequence number
 * @nl:		Socket
 * @r:		Request, its sequence number is set
 *
 * Return: 0, -EMSGSIZE if it did not fit the buffer, -errno
 */
int nl_send(int nl, struct nl_req *r)
{
	static uint32_t seq;

	if (r->full)
		return -EMSGSIZE;

	r->hdr.nlmsg_seq = ++seq;
	while (send(nl, r->buf, r->hdr.nlmsg_len, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/**
 * nl_request() - Have the kernel do something, and wait until it has
 * @nl:		Socket
 * @r:		Request
 *
 * Return: 0, -errno as the kernel says or if it can't be asked
 */
int nl_request(int nl, struct nl_req *r)
{
	int ret;

	r->hdr.nlmsg_flags |= NLM_F_ACK;
	ret = nl_send(nl, r);
	return ret ? ret : nl_recv(nl, r->hdr.nlmsg_seq, NULL);
}

/**
 * nl_query() - Ask the kernel for one object, or, with NLM_F_DUMP, for many
 * @nl:		Socket
 * @r:		Request
 * @d:		Answer, overwritten; to be freed by nl_dump_free() in any case
 *
 * If tables changed while they were read, ask again. Tables that never stand
 * still are not to keep us from starting: then the last answer is taken.
 *
 * Return: 0, -errno as the kernel says or if it can't be asked
 */
int nl_query(int nl, struct nl_req *r, struct nl_dump *d)
{
	int i, ret = 0;

	*d = (struct nl_dump) { 0 };
	if ((r->hdr.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		r->hdr.nlmsg_flags |= NLM_F_ACK;

	for (i = 0; i < NL_TRIES_MAX; i++) {
		d->len = 0;
		d->interrupted = false;

		ret = nl_send(nl, r);
		if (!ret)
			ret = nl_recv(nl, r->hdr.nlmsg_seq, d);
		if (ret == -EINTR || ret == -EAGAIN || ret == -ENOBUFS)
			continue;
		if (ret || !d->interrupted)
			return ret;
	}

	if (!ret)
		debug("netlink: tables keep changing, might miss entries");
	return ret;
}

/**
 * nl_dump_next() - Go through the messages of an answer
 * @d:		Answer
 * @prev:	Message before, NULL to begin
 *
 * Return: the next message, complete and aligned; NULL if there is none
 */
struct nlmsghdr *nl_dump_next(const struct nl_dump *d,
			      const struct nlmsghdr *prev)
{
	size_t off = 0;

	if (prev)
		off = (size_t)((const uint8_t *)prev - d->buf) +
		      NLMSG_ALIGN(prev->nlmsg_len);
	if (off >= d->len)
		return NULL;
	return (struct nlmsghdr *)(d->buf + off);
}

/**
 * nl_dump_free() - Free the messages of an answer
 * @d:		Answer
 */
void nl_dump_free(struct nl_dump *d)
{
	free(d->buf);
	*d = (struct nl_dump) { 0 };
}

/**
 * nl_body() - Copy the fixed part that follows a message's header
 * @h:		Message, complete
 * @body:	Where to copy it
 * @len:	Its length, bytes
 *
 * Return: true, or false if the message is shorter than that
 */
bool nl_body(const struct nlmsghdr *h, void *body, size_t len)
{
	if (h->nlmsg_len < NLMSG_HDRLEN + len)
		return false;

	memcpy(body, (const uint8_t *)h + NLMSG_HDRLEN, len);
	return true;
}

/**
 * nl_attrs() - Find attributes by type
 * @data:	Attributes
 * @len:	Bytes of them
 * @at:		@max + 1 entries to fill, indexed by type
 * @max:	Highest type of interest; others are passed over
 *
 * Stops at an attribute that is longer than what is there. The last attribute
 * of a type counts.
 */
void nl_attrs(const void *data, size_t len, struct nl_attr *at, unsigned max)
{
	const uint8_t *p = data;

	memset(at, 0, sizeof(*at) * (max + 1));

	while (len >= sizeof(struct nlattr)) {
		struct nlattr a;
		size_t step;
		unsigned type;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return;

		type = a.nla_type & (uint16_t)NLA_TYPE_MASK;
		if (type <= max) {
			at[type].data = p + sizeof(a);
			at[type].len = a.nla_len - sizeof(a);
		}

		step = MIN((size_t)NLA_ALIGN(a.nla_len), len);
		p += step;
		len -= step;
	}
}

/**
 * nl_msg_attrs() - Find the attributes of a message
 * @h:		Message, complete
 * @body_len:	Length of the fixed part before them, bytes
 * @at:		@max + 1 entries to fill, indexed by type
 * @max:	Highest type of interest
 */
void nl_msg_attrs(const struct nlmsghdr *h, size_t body_len,
		  struct nl_attr *at, unsigned max)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(body_len);

	if (h->nlmsg_len < skip)
		nl_attrs(NULL, 0, at, max);
	else
		nl_attrs((const uint8_t *)h + skip, h->nlmsg_len - skip, at,
			 max);
}

/**
 * nl_attr_u32() - Value of an attribute of 32 bits
 * @a:		Attribute, possibly not there
 * @otherwise:	What to return if it is not, or is too short
 *
 * Return: value, host byte order
 */
uint32_t nl_attr_u32(const struct nl_attr *a, uint32_t otherwise)
{
	if (a->data && a->len >= sizeof(otherwise))
		memcpy(&otherwise, a->data, sizeof(otherwise));
	return otherwise;
}

/**
 * nl_attr_addr() - Value of an attribute that is an address
 * @a:		Attribute, possibly not there
 * @addr:	Address, version by the attribute's length
 *
 * Return: true, or false if it is not there or no address
 */
bool nl_attr_addr(const struct nl_attr *a, struct addr *addr)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (a->data && a->len == sizeof(a4)) {
		memcpy(&a4, a->data, sizeof(a4));
		*addr = addr_from_v4(a4);
		return true;
	}
	if (a->data && a->len == sizeof(a6)) {
		memcpy(&a6, a->data, sizeof(a6));
		*addr = addr_from_v6(&a6);
		return true;
	}
	return false;
}

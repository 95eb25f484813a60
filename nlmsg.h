/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NLMSG_H
#define NLMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>

#include "addr.h"

#define NL_REQ_MAX	4096	/* Bytes of a request: over 100 next hops */

/**
 * struct nl_req - a request being built
 * @hdr:	Header, its nlmsg_len says how much of @buf is used
 * @buf:	Header, body and attributes
 * @full:	Something did not fit: sending fails with -EMSGSIZE
 */
struct nl_req {
	union {
		struct nlmsghdr hdr;
		uint8_t buf[NL_REQ_MAX];
	};
	bool full;
};

/**
 * struct nl_dump - messages of an answer, one after the other
 * @buf:	The messages, aligned; allocated, NULL if there are none
 * @len:	Bytes used
 * @size:	Bytes allocated
 * @interrupted: The kernel's tables changed meanwhile: something may be missing
 */
struct nl_dump {
	uint8_t *buf;
	size_t len;
	size_t size;
	bool interrupted;
};

/**
 * struct nl_attr - payload of one attribute
 * @data:	Start, NULL if the attribute is not there
 * @len:	Length in bytes
 */
struct nl_attr {
	const uint8_t *data;
	size_t len;
};

void nl_req_start(struct nl_req *r, uint16_t type, uint16_t flags,
		  const void *body, size_t body_len);
void nl_req_put(struct nl_req *r, uint16_t type, const void *data, size_t len);
void nl_req_put_u32(struct nl_req *r, uint16_t type, uint32_t value);
void nl_req_put_addr(struct nl_req *r, uint16_t type, const struct addr *a);
void *nl_req_append(struct nl_req *r, const void *data, size_t len);
struct nlattr *nl_req_nest(struct nl_req *r, uint16_t type);
void nl_req_nest_end(struct nl_req *r, struct nlattr *nest);

int nl_send(int nl, struct nl_req *r);
int nl_request(int nl, struct nl_req *r);
int nl_query(int nl, struct nl_req *r, struct nl_dump *d);

const struct nlmsghdr *nl_next(const void *buf, size_t len, size_t *off);
int nl_collect(const void *buf, size_t len, uint32_t seq, struct nl_dump *d);
struct nlmsghdr *nl_dump_next(const struct nl_dump *d,
			      const struct nlmsghdr *prev);
void nl_dump_free(struct nl_dump *d);

bool nl_body(const struct nlmsghdr *h, void *body, size_t len);
void nl_attrs(const void *data, size_t len, struct nl_attr *at, unsigned max);
void nl_msg_attrs(const struct nlmsghdr *h, size_t body_len,
		  struct nl_attr *at, unsigned max);
uint32_t nl_attr_u32(const struct nl_attr *a, uint32_t otherwise);
bool nl_attr_addr(const struct nl_attr *a, struct addr *addr);

#endif /* NLMSG_H */

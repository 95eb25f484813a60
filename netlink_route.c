// SPDX-License-Identifier: BSD-3-Clause
/* netlink_route.c - routes, by rtnetlink: find the host's, copy them
 *
 * Only unicast routes of the main table are found and copied. A route has one
 * or more hops, each out of an interface, with or without a gateway. The
 * interface whose addresses and routes the namespace gets, the template, is
 * that of the default route with the lowest metric, of its hop with the highest
 * weight.
 *
 * Copies go out of one interface: hops by others are left away, and a route
 * that has no hop left is not copied. A gateway has to be reachable when its
 * route is added, so routes depend on each other in an order the kernel does
 * not give them in: nl_route_copy() goes through what is left again as long as
 * this gets anything done, at most once for each route.
 *
 * A route may name a next hop object, or a group of them, in place of hops. The
 * kernel lists the hops besides, unless the sysctl nexthop_compat_mode is 0:
 * then they are looked up among the objects. The copy has hops in any case.
 *
 * Limits: encapsulation (MPLS, SRv6) is not copied, such a route becomes a
 * plain one, and so does an IPv4 route by an object with an IPv6 gateway.
 */

#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "log.h"
#include "netlink.h"
#include "nlmsg.h"

/**
 * struct nl_routes - all routes of an IP version
 * @d:		The routes
 * @objects:	Next hop objects
 */
struct nl_routes {
	struct nl_dump d;
	struct nl_dump objects;
};

/**
 * struct nl_route - a route
 * @rtm:	Fixed part
 * @metric:	Priority: lower goes first
 * @objects:	Next hop objects it may refer to
 * @at:		Attributes, referring to the message
 */
struct nl_route {
	struct rtmsg rtm;
	uint32_t metric;
	const struct nl_dump *objects;
	struct nl_attr at[RTA_MAX + 1];
};

/**
 * struct nl_object - a next hop object
 * @nh:		Fixed part
 * @at:		Attributes, referring to the message
 */
struct nl_object {
	struct nhmsg nh;
	struct nl_attr at[NHA_GATEWAY + 1];
};

/**
 * struct nl_hop - one way a route goes
 * @ifindex:	Interface
 * @weight:	Share of the traffic that takes it, 0 being the least
 * @flags:	RTNH_F_*
 * @gw:		RTA_GATEWAY: gateway of the route's IP version
 * @via:	RTA_VIA: gateway of another
 */
struct nl_hop {
	unsigned ifindex;
	unsigned weight;
	unsigned flags;
	struct nl_attr gw;
	struct nl_attr via;
};

/**
 * struct nl_choice - the best template found so far
 * @want:	Only look at this interface, 0 for any
 * @has_default: There is a default route, @metric is known
 * @metric:	Its metric
 * @hop:	Hop of the template, @hop.ifindex 0 if there is none
 * @src:	Preferred source address of the route, if any
 * @several:	Without a default route, there were several interfaces
 * @default_if:	Interface of the first default route, 0 if there is none
 * @several_defaults: There are others by other interfaces
 */
struct nl_choice {
	unsigned want;
	bool has_default;
	uint32_t metric;
	struct nl_hop hop;
	struct nl_attr src;
	bool several;
	unsigned default_if;
	bool several_defaults;
};

/**
 * struct nl_copy - where and how a route is copied
 * @nl:		Socket of the destination
 * @src_ifindex: Interface whose hops are copied
 * @dst_ifindex: Interface that the copies go out of
 */
struct nl_copy {
	int nl;
	unsigned src_ifindex;
	unsigned dst_ifindex;
};

/**
 * nl_routes_read() - Ask for all routes of an IP version
 * @nl:		Socket
 * @v:		IP version
 * @r:		Answer, to be freed by nl_routes_free() in any case
 *
 * Asking for the main table only fails if that table is empty: pick later.
 * Next hop objects came with Linux 5.3: before, there are none.
 *
 * Return: 0, -errno
 */
static int nl_routes_read(int nl, enum ipver v, struct nl_routes *r)
{
	struct rtmsg rtm = { .rtm_family = (uint8_t)addr_family(v) };
	struct nhmsg nh = { .nh_family = AF_UNSPEC };
	struct nl_req req;

	nl_req_start(&req, RTM_GETNEXTHOP, NLM_F_DUMP, &nh, sizeof(nh));
	if (nl_query(nl, &req, &r->objects))
		debug("netlink: no next hop objects");

	nl_req_start(&req, RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm));
	return nl_query(nl, &req, &r->d);
}

/**
 * nl_routes_free() - Let go of routes
 * @r:		Routes
 */
static void nl_routes_free(struct nl_routes *r)
{
	nl_dump_free(&r->d);
	nl_dump_free(&r->objects);
}

/**
 * nl_route_parse() - Take a message about a route apart
 * @r:		Routes it is one of
 * @h:		Message
 * @v:		IP version it has to be of
 * @rt:		The route
 *
 * Return: true if this is a unicast route of the main table, one that was set
 *	   as opposed to one the kernel looked up
 */
static bool nl_route_parse(const struct nl_routes *r, const struct nlmsghdr *h,
			   enum ipver v, struct nl_route *rt)
{
	rt->objects = &r->objects;
	if (h->nlmsg_type != RTM_NEWROUTE ||
	    !nl_body(h, &rt->rtm, sizeof(rt->rtm)) ||
	    rt->rtm.rtm_family != addr_family(v) ||
	    rt->rtm.rtm_type != RTN_UNICAST ||
	    (rt->rtm.rtm_flags & RTM_F_CLONED))
		return false;

	nl_msg_attrs(h, sizeof(rt->rtm), rt->at, RTA_MAX);
	rt->metric = nl_attr_u32(&rt->at[RTA_PRIORITY], 0);
	return nl_attr_u32(&rt->at[RTA_TABLE], rt->rtm.rtm_table) ==
	       RT_TABLE_MAIN;
}

/**
 * nl_object_find() - Find a next hop object
 * @d:		All objects
 * @id:		Its number
 * @o:		The object
 *
 * Takes as long as there are objects.
 *
 * Return: true, or false if there is none of that number
 */
static bool nl_object_find(const struct nl_dump *d, uint32_t id,
			   struct nl_object *o)
{
	const struct nlmsghdr *h;

	for (h = nl_dump_next(d, NULL); h; h = nl_dump_next(d, h)) {
		if (h->nlmsg_type != RTM_NEWNEXTHOP ||
		    !nl_body(h, &o->nh, sizeof(o->nh)))
			continue;
		nl_msg_attrs(h, sizeof(o->nh), o->at, ARRAY_SIZE(o->at) - 1);
		if (nl_attr_u32(&o->at[NHA_ID], 0) == id)
			return true;
	}
	return false;
}

/**
 * nl_hop_of_object() - Hop of a route that names a next hop object
 * @rt:		Route
 * @n:		Which hop: there may be several if the object is a group
 * @hop:	The hop
 *
 * Return: true, or false if there is none left
 */
static bool nl_hop_of_object(const struct nl_route *rt, size_t n,
			     struct nl_hop *hop)
{
	uint32_t id = nl_attr_u32(&rt->at[RTA_NH_ID], 0);
	struct nexthop_grp member = { 0 };
	const struct nl_attr *group;
	struct nl_object o;
	struct addr gw;

	if (!nl_object_find(rt->objects, id, &o))
		return false;

	group = &o.at[NHA_GROUP];
	if (n >= (group->data ? group->len / sizeof(member) : 1))
		return false;
	if (group->data) {
		memcpy(&member, group->data + n * sizeof(member),
		       sizeof(member));
		if (!nl_object_find(rt->objects, member.id, &o))
			return false;
	}

	memset(hop, 0, sizeof(*hop));
	hop->ifindex = nl_attr_u32(&o.at[NHA_OIF], 0);
	hop->weight = member.weight;
	hop->flags = o.nh.nh_flags;
	if (nl_attr_addr(&o.at[NHA_GATEWAY], &gw) &&
	    addr_family(addr_version(&gw)) == rt->rtm.rtm_family)
		hop->gw = o.at[NHA_GATEWAY];
	return hop->ifindex;
}

/**
 * nl_hop_next() - Go through the hops of a route
 * @rt:		Route
 * @pos:	Where we are, 0 to begin; advanced
 * @hop:	The next hop
 *
 * Return: true, or false if there is none left
 */
static bool nl_hop_next(const struct nl_route *rt, size_t *pos,
			struct nl_hop *hop)
{
	const struct nl_attr *multi = &rt->at[RTA_MULTIPATH];
	struct nl_attr at[RTA_VIA + 1];
	struct rtnexthop nh;

	if (rt->at[RTA_NH_ID].data && !rt->at[RTA_OIF].data && !multi->data)
		return nl_hop_of_object(rt, (*pos)++, hop);

	if (!multi->data) {
		hop->ifindex = nl_attr_u32(&rt->at[RTA_OIF], 0);
		hop->weight = 0;
		hop->flags = rt->rtm.rtm_flags;
		hop->gw = rt->at[RTA_GATEWAY];
		hop->via = rt->at[RTA_VIA];
		return !(*pos)++ && hop->ifindex;
	}

	if (multi->len < sizeof(nh) || *pos > multi->len - sizeof(nh))
		return false;
	memcpy(&nh, multi->data + *pos, sizeof(nh));
	if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > multi->len - *pos)
		return false;

	nl_attrs(multi->data + *pos + sizeof(nh), nh.rtnh_len - sizeof(nh), at,
		 RTA_VIA);
	hop->ifindex = (unsigned)nh.rtnh_ifindex;
	hop->weight = nh.rtnh_hops;
	hop->flags = nh.rtnh_flags;
	hop->gw = at[RTA_GATEWAY];
	hop->via = at[RTA_VIA];
	*pos += RTNH_ALIGN((size_t)nh.rtnh_len);
	return true;
}

/**
 * nl_route_is_implied() - Is this a route that each IPv6 interface has?
 * @rt:		Route
 *
 * Return: true for the prefixes of link-local and multicast addresses
 */
static bool nl_route_is_implied(const struct nl_route *rt)
{
	struct addr dst;

	return nl_attr_addr(&rt->at[RTA_DST], &dst) &&
	       addr_version(&dst) == V6 &&
	       (addr_is_linklocal(&dst) || addr_is_multicast(&dst));
}

/**
 * nl_choose_default() - See if a default route makes a better template
 * @c:		Choice so far
 * @rt:		Default route
 *
 * The first one counts among equals, of routes and of hops alike: that is the
 * order in which the kernel takes them.
 */
static void nl_choose_default(struct nl_choice *c, const struct nl_route *rt)
{
	struct nl_hop hop;
	bool mine = false;
	size_t pos = 0;

	if (c->has_default && rt->metric >= c->metric)
		return;

	while (nl_hop_next(rt, &pos, &hop)) {
		if ((c->want && hop.ifindex != c->want) ||
		    hop.ifindex == IFINDEX_LO || (hop.flags & RTNH_F_DEAD) ||
		    (mine && hop.weight <= c->hop.weight))
			continue;

		c->hop = hop;
		mine = true;
	}

	if (!mine)
		return;
	c->has_default = true;
	c->metric = rt->metric;
	c->src = rt->at[RTA_PREFSRC];
}

/**
 * nl_note_default() - See if a default route goes by another interface
 * @c:		Choice so far
 * @rt:		Default route
 */
static void nl_note_default(struct nl_choice *c, const struct nl_route *rt)
{
	struct nl_hop hop;
	size_t pos = 0;

	while (nl_hop_next(rt, &pos, &hop)) {
		if (hop.ifindex == IFINDEX_LO || (hop.flags & RTNH_F_DEAD))
			continue;
		if (!c->default_if)
			c->default_if = hop.ifindex;
		else if (c->default_if != hop.ifindex)
			c->several_defaults = true;
	}
}

/**
 * nl_choose_any() - See if a route makes a template, without a default route
 * @c:		Choice so far
 * @rt:		Route
 *
 * The first interface counts. Its gateway is not one for all destinations.
 */
static void nl_choose_any(struct nl_choice *c, const struct nl_route *rt)
{
	struct nl_hop hop;
	size_t pos = 0;

	if (c->has_default || nl_route_is_implied(rt))
		return;

	while (nl_hop_next(rt, &pos, &hop)) {
		if ((c->want && hop.ifindex != c->want) ||
		    hop.ifindex == IFINDEX_LO)
			continue;

		if (!c->hop.ifindex)
			c->hop.ifindex = hop.ifindex;
		else if (c->hop.ifindex != hop.ifindex)
			c->several = true;
	}
}

/**
 * nl_template_fill() - Describe the chosen template
 * @nl:		Socket
 * @v:		IP version
 * @c:		Choice
 * @t:		Description, zeroed
 *
 * An interface may do without an address of its own and send from one that
 * another interface has: then the route says so.
 *
 * Return: 0, -errno
 */
static int nl_template_fill(int nl, enum ipver v, const struct nl_choice *c,
			    struct nl_template *t)
{
	int ret;

	t->ifindex = c->want ? c->want : c->hop.ifindex;
	if (!t->ifindex)
		return 0;
	if (!if_indextoname(t->ifindex, t->ifname))
		return -errno;
	if (c->several)
		t->choice = "several interfaces, none with a default route";
	else if (c->several_defaults && !c->want)
		t->choice = "several interfaces with default routes";

	t->has_gw = c->has_default && nl_attr_addr(&c->hop.gw, &t->gw) &&
		    addr_version(&t->gw) == v;

	ret = nl_addr_first(nl, t->ifindex, v, &t->addr, &t->prefix_len);
	if (ret == -EADDRNOTAVAIL && nl_attr_addr(&c->src, &t->addr) &&
	    addr_version(&t->addr) == v) {
		t->prefix_len = v == V4 ? 32 : 128;
		ret = 0;
	}
	t->has_addr = !ret;
	return ret == -EADDRNOTAVAIL ? 0 : ret;
}

/**
 * nl_template_find() - Find the interface whose configuration the guest gets
 * @nl:		Socket of the current network namespace
 * @v:		IP version
 * @want_ifindex: Interface to describe, 0 to choose one
 * @t:		Description: all zero if there is no interface with a route
 *
 * Return: 0, -errno if the kernel can't be asked
 */
int nl_template_find(int nl, enum ipver v, unsigned want_ifindex,
		     struct nl_template *t)
{
	struct nl_choice c = { .want = want_ifindex };
	const struct nlmsghdr *h;
	struct nl_routes r;
	struct nl_route rt;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = nl_routes_read(nl, v, &r);
	if (ret)
		goto out;

	for (h = nl_dump_next(&r.d, NULL); h; h = nl_dump_next(&r.d, h)) {
		if (!nl_route_parse(&r, h, v, &rt))
			continue;
		if (rt.rtm.rtm_dst_len) {
			nl_choose_any(&c, &rt);
			continue;
		}
		nl_note_default(&c, &rt);
		nl_choose_default(&c, &rt);
	}

	if (c.has_default)
		c.several = false;
	ret = nl_template_fill(nl, v, &c, t);
out:
	nl_routes_free(&r);
	return ret;
}

/**
 * nl_addr_is_broadcast() - Is this the broadcast address of a subnet of ours?
 * @nl:		Socket
 * @a:		Address
 *
 * The kernel lets sockets be bound to one, but sends nothing from there.
 *
 * Return: false also if the kernel can't be asked
 *
 * Source: rtnetlink(7): RTM_GETROUTE without NLM_F_DUMP looks up an address
 */
bool nl_addr_is_broadcast(int nl, const struct addr *a)
{
	enum ipver v = addr_version(a);
	struct rtmsg rtm = {
		.rtm_family = (uint8_t)addr_family(v),
		.rtm_dst_len = v == V4 ? 32 : 128,
	};
	const struct nlmsghdr *h = NULL;
	struct nl_req r;
	struct nl_dump d;
	bool is = false;

	nl_req_start(&r, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	nl_req_put_addr(&r, RTA_DST, a);
	if (!nl_query(nl, &r, &d))
		h = nl_dump_next(&d, NULL);
	if (h && h->nlmsg_type == RTM_NEWROUTE && nl_body(h, &rtm, sizeof(rtm)))
		is = rtm.rtm_type == RTN_BROADCAST;
	nl_dump_free(&d);
	return is;
}

/**
 * nl_route_add_default() - Add a default route
 * @nl:		Socket
 * @ifindex:	Interface, up
 * @gw:		Gateway; addr_any[] of the IP version for a route without one
 *
 * A gateway outside all prefixes is taken to be on the link.
 *
 * Return: 0, also if there is such a route already; -errno
 */
int nl_route_add_default(int nl, unsigned ifindex, const struct addr *gw)
{
	enum ipver v = addr_version(gw);
	struct rtmsg rtm = {
		.rtm_family = (uint8_t)addr_family(v),
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	bool has_gw = !addr_is_unspecified(gw);
	struct nl_req r;
	int i, ret = 0;

	if (!has_gw && v == V4)
		rtm.rtm_scope = RT_SCOPE_LINK;

	for (i = 0; i < 2; i++) {
		nl_req_start(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &rtm,
			     sizeof(rtm));
		nl_req_put_u32(&r, RTA_OIF, ifindex);
		if (has_gw)
			nl_req_put_addr(&r, RTA_GATEWAY, gw);

		ret = nl_request(nl, &r);
		if (ret == -EEXIST)
			return 0;
		if (!ret || !has_gw)
			return ret;
		rtm.rtm_flags |= RTNH_F_ONLINK;
	}
	return ret;
}

/**
 * nl_put_hop_gw() - Append the gateway of a hop
 * @r:		Request
 * @hop:	Hop
 */
static void nl_put_hop_gw(struct nl_req *r, const struct nl_hop *hop)
{
	if (hop->gw.data)
		nl_req_put(r, RTA_GATEWAY, hop->gw.data, hop->gw.len);
	if (hop->via.data)
		nl_req_put(r, RTA_VIA, hop->via.data, hop->via.len);
}

/**
 * nl_put_hops() - Append the hops of a route that go by our interface
 * @r:		Request
 * @rt:		Route
 * @c:		What is copied where
 *
 * Return: number of hops
 */
static unsigned nl_put_hops(struct nl_req *r, const struct nl_route *rt,
			    const struct nl_copy *c)
{
	struct nl_hop hop, only = { 0 };
	struct nlattr *multi;
	unsigned count = 0;
	size_t pos = 0;

	while (nl_hop_next(rt, &pos, &hop)) {
		if (hop.ifindex == c->src_ifindex && !count++)
			only = hop;
	}

	if (count == 1) {
		struct rtmsg *rtm = NLMSG_DATA(&r->hdr);

		rtm->rtm_flags = only.flags & RTNH_F_ONLINK;
		nl_req_put_u32(r, RTA_OIF, c->dst_ifindex);
		nl_put_hop_gw(r, &only);
		return count;
	}

	multi = nl_req_nest(r, RTA_MULTIPATH);
	for (pos = 0; nl_hop_next(rt, &pos, &hop);) {
		struct rtnexthop nh = {
			.rtnh_flags = hop.flags & RTNH_F_ONLINK,
			.rtnh_hops = (uint8_t)hop.weight,
			.rtnh_ifindex = (int)c->dst_ifindex,
		}, *put;

		if (hop.ifindex != c->src_ifindex)
			continue;
		put = nl_req_append(r, &nh, sizeof(nh));
		nl_put_hop_gw(r, &hop);
		if (put)
			put->rtnh_len = (uint16_t)(r->buf + r->hdr.nlmsg_len -
						   (uint8_t *)put);
	}
	nl_req_nest_end(r, multi);
	return count;
}

/**
 * nl_route_build() - Build the request that copies a route
 * @r:		Request
 * @rt:		Route
 * @c:		What is copied where
 * @with_src:	Keep the preferred source address
 *
 * Routes that differ in their hops only are appended to each other, to keep
 * their order. One whose preferred source address had to go must not come
 * beside the kernel's own route for the prefix, though.
 *
 * Return: true, or false if the route has no hop by our interface
 */
static bool nl_route_build(struct nl_req *r, const struct nl_route *rt,
			   const struct nl_copy *c, bool with_src)
{
	static const uint16_t kept[] = {
		RTA_DST, RTA_SRC, RTA_PRIORITY, RTA_METRICS, RTA_PREF,
	};
	struct rtmsg rtm = rt->rtm;
	size_t i;

	rtm.rtm_flags = 0;
	nl_req_start(r, RTM_NEWROUTE,
		     (uint16_t)(NLM_F_CREATE |
				(with_src ? NLM_F_APPEND : NLM_F_EXCL)),
		     &rtm, sizeof(rtm));

	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		const struct nl_attr *a = &rt->at[kept[i]];

		if (a->data)
			nl_req_put(r, kept[i], a->data, a->len);
	}
	if (with_src && rt->at[RTA_PREFSRC].data)
		nl_req_put(r, RTA_PREFSRC, rt->at[RTA_PREFSRC].data,
			   rt->at[RTA_PREFSRC].len);

	return nl_put_hops(r, rt, c) > 0;
}

/**
 * nl_route_copy_one() - Copy a route
 * @c:		What is copied where
 * @rt:		Route
 *
 * Return: 0, also if it is there already or doesn't concern us; -errno
 */
static int nl_route_copy_one(const struct nl_copy *c, const struct nl_route *rt)
{
	struct nl_req r;
	int ret;

	if (nl_route_is_implied(rt) || !nl_route_build(&r, rt, c, true))
		return 0;

	ret = nl_request(c->nl, &r);
	if (ret == -EINVAL && rt->at[RTA_PREFSRC].data) {
		nl_route_build(&r, rt, c, false);
		ret = nl_request(c->nl, &r);
	}
	return ret == -EEXIST ? 0 : ret;
}

/**
 * nl_route_copy_pass() - Copy the routes that can be copied by now
 * @c:		What is copied where
 * @v:		IP version
 * @r:		Routes; those copied are taken out
 * @copied:	How many that were
 *
 * Return: 0, -errno for a route that is left
 */
static int nl_route_copy_pass(const struct nl_copy *c, enum ipver v,
			      struct nl_routes *r, unsigned *copied)
{
	struct nl_route rt;
	struct nlmsghdr *h;
	int ret = 0;

	*copied = 0;
	for (h = nl_dump_next(&r->d, NULL); h; h = nl_dump_next(&r->d, h)) {
		int one;

		if (!nl_route_parse(r, h, v, &rt))
			continue;

		one = nl_route_copy_one(c, &rt);
		if (one) {
			ret = one;
			continue;
		}
		h->nlmsg_type = NLMSG_NOOP;
		(*copied)++;
	}
	return ret;
}

/**
 * nl_route_copy() - Copy the routes of an interface
 * @src_nl:	Socket where they are
 * @src_ifindex: Interface they go out of
 * @dst_nl:	Socket where they go
 * @dst_ifindex: Interface that the copies go out of, up, with its addresses
 * @v:		IP version
 *
 * O(N^2) for N routes, and only if each one depends on the next.
 *
 * Return: 0, -errno for a route that can't be copied, with the others copied
 */
int nl_route_copy(int src_nl, unsigned src_ifindex, int dst_nl,
		  unsigned dst_ifindex, enum ipver v)
{
	struct nl_copy c = { dst_nl, src_ifindex, dst_ifindex };
	struct nl_routes r;
	unsigned copied;
	int ret;

	ret = nl_routes_read(src_nl, v, &r);
	if (ret)
		goto out;

	do {
		ret = nl_route_copy_pass(&c, v, &r, &copied);
	} while (ret && copied);
out:
	nl_routes_free(&r);
	return ret;
}

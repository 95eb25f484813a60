// SPDX-License-Identifier: BSD-3-Clause
/* dhcp.c - DHCP and BOOTP server for the guest, IPv4
 *
 * There is one address to give, the configured one, and whoever asks gets it,
 * without end: nothing is kept between two messages. The reply to a message
 * depends on its type only, see dhcp_types. A client that asks for another
 * address, because it had one elsewhere, is refused, so that it starts over
 * and gets ours; one that asked another server for it is left alone.
 *
 * Replies carry all we know, whether or not it was asked for, in the order of
 * importance and as far as it fits into what the client can take: options are
 * left out as a whole, and search lists end early. Replies of less than the
 * size of a BOOTP message are padded to it. BOOTP clients, which send no
 * message type, get the same but for the options that only DHCP knows.
 *
 * Messages from the guest with options that don't add up are dropped. Options
 * in the fields for file and server name are not looked at.
 */

#include <stddef.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/udp.h>

#include "dhcp.h"
#include "ip.h"
#include "log.h"
#include "passt.h"
#include "view.h"
#include "wire.h"

#define DHCP_PORT_SERVER	67		/* RFC 2131, 4.1 */
#define DHCP_PORT_CLIENT	68

#define DHCP_COOKIE		0x63825363	/* RFC 2132, 2 */
#define DHCP_FLAG_BROADCAST	0x8000		/* RFC 2131, 2 */
#define DHCP_LEN_MIN		300		/* RFC 1542, 2.1 */
#define DHCP_MTU_MIN		576		/* RFC 2131, 2: always taken */
#define DHCP_MTU_MAX		1500
#define DHCP_LEASE_S		UINT32_MAX	/* RFC 2131, 3.3: infinite */
#define DHCP_SERVER_FALLBACK	0xa9fe0202	/* 169.254.2.2 */

/* enum dhcp_op - operations, RFC 2131, 2 */
enum dhcp_op { DHCP_OP_REQUEST = 1, DHCP_OP_REPLY = 2 };

/**
 * enum dhcp_type - message types, RFC 2132, 9.6
 * @DHCP_BOOTP:		Stands for no type: a BOOTP message
 * @DHCP_NONE:		Stands for no message at all
 */
enum dhcp_type {
	DHCP_BOOTP, DHCP_DISCOVER, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE,
	DHCP_ACK, DHCP_NAK, DHCP_RELEASE, DHCP_INFORM, DHCP_NONE,
};

/* enum dhcp_code - options: RFC 2132, 3397, 3442, 4039 and 4702 */
enum dhcp_code {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_MASK = 1,
	DHCP_OPT_ROUTER = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_MTU = 26,
	DHCP_OPT_REQUESTED = 50,
	DHCP_OPT_LEASE = 51,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER = 54,
	DHCP_OPT_LEN_MAX = 57,
	DHCP_OPT_CLIENT_ID = 61,
	DHCP_OPT_RAPID = 80,
	DHCP_OPT_FQDN = 81,
	DHCP_OPT_SEARCH = 119,
	DHCP_OPT_ROUTES = 121,
	DHCP_OPT_END = 255,
};

#define DHCP_OPT_DATA_MAX	255

/* Flags of DHCP_OPT_FQDN: RFC 4702, 2.1 */
#define DHCP_FQDN_S		0x01
#define DHCP_FQDN_O		0x02
#define DHCP_FQDN_E		0x04
#define DHCP_FQDN_N		0x08
#define DHCP_FQDN_RCODE		255

/**
 * struct dhcp_msg - fixed part of a message, network byte order; RFC 2131, 2
 * @op:		Request or reply, enum dhcp_op
 * @htype:	Type of hardware address
 * @hlen:	Length of hardware address
 * @hops:	Number of relays passed
 * @xid:	Transaction identifier
 * @secs:	Since the client began
 * @flags:	DHCP_FLAG_BROADCAST
 * @ciaddr:	Address that the client has
 * @yiaddr:	Address that it gets
 * @siaddr:	Server to boot from
 * @giaddr:	First relay
 * @chaddr:	Client's hardware address
 * @sname:	Name of the server to boot from
 * @file:	File to boot
 */
struct dhcp_msg {
	uint8_t op;
	uint8_t htype;
	uint8_t hlen;
	uint8_t hops;
	uint32_t xid;
	uint16_t secs;
	uint16_t flags;
	struct in_addr ciaddr;
	struct in_addr yiaddr;
	struct in_addr siaddr;
	struct in_addr giaddr;
	uint8_t chaddr[16];
	uint8_t sname[64];
	uint8_t file[128];
};

/**
 * struct dhcp_opt - an option from the guest
 * @set:	It was there
 * @len:	Length of its data
 * @data:	Its data
 */
struct dhcp_opt {
	bool set;
	uint8_t len;
	uint8_t data[DHCP_OPT_DATA_MAX];
};

/**
 * struct dhcp_req - message from the guest
 * @msg:	Fixed part
 * @src_mac:	MAC address it came from
 * @src:	Address it came from
 * @type:	Message type
 * @requested:	Address asked for
 * @server:	Server it is meant for
 * @len_max:	Longest reply that the client takes
 * @client_id:	Identifier of the client
 * @rapid:	Two messages shall do instead of four
 * @fqdn:	What the client believes to be its name
 */
struct dhcp_req {
	struct dhcp_msg msg;
	const uint8_t *src_mac;
	struct addr src;
	struct dhcp_opt type;
	struct dhcp_opt requested;
	struct dhcp_opt server;
	struct dhcp_opt len_max;
	struct dhcp_opt client_id;
	struct dhcp_opt rapid;
	struct dhcp_opt fqdn;
};

/* Options from the guest that matter, with the lengths they may have */
static const struct dhcp_opt_row {
	uint8_t code;
	uint8_t min;
	uint8_t max;
	size_t offset;
} dhcp_opt_rows[] = {
	{ DHCP_OPT_REQUESTED, 4, 4, offsetof(struct dhcp_req, requested) },
	{ DHCP_OPT_TYPE, 1, 1, offsetof(struct dhcp_req, type) },
	{ DHCP_OPT_SERVER, 4, 4, offsetof(struct dhcp_req, server) },
	{ DHCP_OPT_LEN_MAX, 2, 2, offsetof(struct dhcp_req, len_max) },
	{ DHCP_OPT_CLIENT_ID, 1, 255, offsetof(struct dhcp_req, client_id) },
	{ DHCP_OPT_RAPID, 0, 0, offsetof(struct dhcp_req, rapid) },
	{ DHCP_OPT_FQDN, 3, 255, offsetof(struct dhcp_req, fqdn) },
};

/**
 * dhcp_parse_option() - Take one option from the guest
 * @code:	Its code
 * @data:	Its data, not longer than DHCP_OPT_DATA_MAX
 * @req:	Where it goes, if it matters; the first of several is taken
 *
 * Return: false if it can't have that length
 */
static bool dhcp_parse_option(uint8_t code, struct view *data,
			      struct dhcp_req *req)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dhcp_opt_rows); i++) {
		const struct dhcp_opt_row *row = &dhcp_opt_rows[i];
		struct dhcp_opt *opt;

		if (row->code != code)
			continue;

		if (data->len < row->min || data->len > row->max)
			return false;

		opt = (struct dhcp_opt *)((char *)req + row->offset);
		if (opt->set)
			return true;

		opt->set = true;
		opt->len = (uint8_t)data->len;
		return view_pull(data, opt->data, opt->len);
	}

	return true;
}

/**
 * dhcp_parse_options() - Take all options from the guest
 * @v:		What follows the fixed part of the message
 * @req:	Where they go
 *
 * Return: false if they don't add up. Without the mark that options follow
 *	   there are none, which is all right for BOOTP; and the one that marks
 *	   their end may be missing.
 *
 * Source: RFC 2132, 2
 */
static bool dhcp_parse_options(struct view v, struct dhcp_req *req)
{
	uint32_t cookie;
	uint8_t code, len;

	if (!view_pull(&v, &cookie, sizeof(cookie)) ||
	    cookie != htonl(DHCP_COOKIE))
		return true;

	while (view_pull(&v, &code, sizeof(code)) && code != DHCP_OPT_END) {
		struct view data;

		if (code == DHCP_OPT_PAD)
			continue;

		if (!view_pull(&v, &len, sizeof(len)) ||
		    !view_sub(&v, len, &data) ||
		    !dhcp_parse_option(code, &data, req))
			return false;
	}

	return true;
}

/**
 * dhcp_may_reply_to() - Can somebody have this address, or is none named?
 * @a4:		Address of a client or a relay
 *
 * Return: false for addresses of groups and loopback ones
 */
static bool dhcp_may_reply_to(struct in_addr a4)
{
	struct addr a = addr_from_v4(a4);

	return addr_may_send(&a);
}

/**
 * dhcp_parse() - Check a message from the guest and copy it out
 * @pkt:	Packet, UDP
 * @req:	Where the message goes
 *
 * Return: false if it is malformed, no request, or can't be answered
 */
static bool dhcp_parse(const struct pkt *pkt, struct dhcp_req *req)
{
	struct view v = pkt->l4;
	struct udphdr uh;

	memset(req, 0, sizeof(*req));
	req->src = pkt->src;
	req->src_mac = pkt->src_mac;

	if (!view_pull(&v, &uh, sizeof(uh)) || ntohs(uh.len) < sizeof(uh) ||
	    !view_trim(&v, ntohs(uh.len) - sizeof(uh)) ||
	    !view_pull(&v, &req->msg, sizeof(req->msg)))
		return false;

	return req->msg.op == DHCP_OP_REQUEST &&
	       req->msg.htype == ARPHRD_ETHER && req->msg.hlen == MAC_LEN &&
	       dhcp_may_reply_to(req->msg.ciaddr) &&
	       dhcp_may_reply_to(req->msg.giaddr) &&
	       dhcp_parse_options(v, req);
}

/**
 * dhcp_server_addr() - Address that we answer from
 * @conf:	Configuration
 *
 * Return: first address set of those that mean us to the guest, else one that
 *	   is local to the link: clients take no server without an address
 */
static struct addr dhcp_server_addr(const struct conf *conf)
{
	const struct conf_ip *ip = &conf->ip[V4];
	const struct addr *candidates[] = {
		&ip->gw, &ip->map_host_loopback, &ip->dns_forward,
	};
	struct in_addr fallback = { htonl(DHCP_SERVER_FALLBACK) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (addr_is_unicast(candidates[i]) &&
		    !addr_is_equal(candidates[i], &ip->addr))
			return *candidates[i];
	}

	return addr_from_v4(fallback);
}

/**
 * dhcp_put() - Append an option to a reply
 * @w:		Writer, of options
 * @code:	Code of the option
 * @data:	Its data, may be NULL if @len is 0
 * @len:	Length of @data, bytes; left out if more than DHCP_OPT_DATA_MAX
 */
static void dhcp_put(struct wire *w, uint8_t code, const void *data,
		     size_t len)
{
	uint8_t head[] = { code, (uint8_t)len };

	if (len > DHCP_OPT_DATA_MAX || sizeof(head) + len > w->size - w->len)
		return;

	wire_put(w, head, sizeof(head));
	wire_put(w, data, len);
}

/**
 * dhcp_put_addr() - Append an option that is one address
 * @w:		Writer, of options
 * @code:	Code of the option
 * @a:		IPv4 address
 */
static void dhcp_put_addr(struct wire *w, uint8_t code, const struct addr *a)
{
	struct in_addr a4 = addr_to_v4(a);

	dhcp_put(w, code, &a4, sizeof(a4));
}

/**
 * dhcp_put_mask() - Append the netmask
 * @conf:	Configuration
 * @w:		Writer, of options
 */
static void dhcp_put_mask(const struct conf *conf, struct wire *w)
{
	int bits = conf->ip[V4].prefix_len;
	uint32_t mask = 0;

	/* Shifting by the full width is undefined */
	if (bits > 0)
		mask = htonl(UINT32_MAX << (32 - MIN(bits, 32)));
	dhcp_put(w, DHCP_OPT_MASK, &mask, sizeof(mask));
}

/**
 * dhcp_put_routes() - Append the way out
 * @conf:	Configuration
 * @w:		Writer, of options
 *
 * A gateway outside the guest's prefix can be reached only by a route of its
 * own, and without a gateway all the world is on the link.
 *
 * Source: RFC 3442
 */
static void dhcp_put_routes(const struct conf *conf, struct wire *w)
{
	const struct conf_ip *ip = &conf->ip[V4];
	struct in_addr none = { 0 }, gw = addr_to_v4(&ip->gw);
	bool has_gw = addr_is_unicast(&ip->gw);
	uint8_t buf[2 * (1 + 2 * sizeof(gw))];
	struct wire routes = { .buf = buf, .size = sizeof(buf) };

	if (has_gw) {
		dhcp_put(w, DHCP_OPT_ROUTER, &gw, sizeof(gw));
		if (addr_in_prefix(&ip->gw, &ip->addr, ip->prefix_len))
			return;

		wire_put_u8(&routes, 32);
		wire_put(&routes, &gw, sizeof(gw));
		wire_put(&routes, &none, sizeof(none));
	}

	wire_put_u8(&routes, 0);
	wire_put(&routes, has_gw ? &gw : &none, sizeof(gw));
	dhcp_put(w, DHCP_OPT_ROUTES, routes.buf, routes.len);
}

/**
 * dhcp_put_mtu() - Append the link's MTU
 * @c:		Execution context
 * @w:		Writer, of options
 *
 * Source: RFC 2132, 5.1: 68 at least
 */
static void dhcp_put_mtu(const struct ctx *c, struct wire *w)
{
	unsigned mtu = passt_guest_mtu(c);
	uint16_t be = htons((uint16_t)MIN(mtu, UINT16_MAX));

	if (mtu >= IPV4_MTU_MIN)
		dhcp_put(w, DHCP_OPT_MTU, &be, sizeof(be));
}

/**
 * dhcp_put_fqdn() - Append the guest's full name
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer, of options
 *
 * We update no name server, and say so, even if the client would have us do.
 *
 * Source: RFC 4702, 2 and 4
 */
static void dhcp_put_fqdn(const struct conf *conf, const struct dhcp_req *req,
			  struct wire *w)
{
	uint8_t asked = req->fqdn.set ? req->fqdn.data[0] : DHCP_FQDN_E;
	uint8_t buf[DHCP_OPT_DATA_MAX];
	struct wire fqdn = { .buf = buf, .size = sizeof(buf) };
	bool good;

	wire_put_u8(&fqdn, DHCP_FQDN_N | (asked & DHCP_FQDN_E) |
			   (asked & DHCP_FQDN_S ? DHCP_FQDN_O : 0));
	wire_put_u8(&fqdn, DHCP_FQDN_RCODE);
	wire_put_u8(&fqdn, DHCP_FQDN_RCODE);

	if (asked & DHCP_FQDN_E)
		good = wire_put_name(&fqdn, conf->fqdn, strlen(conf->fqdn));
	else
		good = wire_put(&fqdn, conf->fqdn, strlen(conf->fqdn));

	if (good && conf->fqdn[0])
		dhcp_put(w, DHCP_OPT_FQDN, fqdn.buf, fqdn.len);
}

/**
 * dhcp_put_dns() - Append name servers
 * @conf:	Configuration
 * @w:		Writer, of options
 */
static void dhcp_put_dns(const struct conf *conf, struct wire *w)
{
	const struct conf_ip *ip = &conf->ip[V4];
	struct in_addr servers[CONF_DNS_MAX];
	unsigned i;

	for (i = 0; i < ip->dns_count; i++)
		servers[i] = addr_to_v4(&ip->dns[i]);

	if (conf->dhcp_dns && ip->dns_count)
		dhcp_put(w, DHCP_OPT_DNS, servers, i * sizeof(servers[0]));
}

/**
 * dhcp_put_search() - Append the search list
 * @conf:	Configuration
 * @w:		Writer, of options
 *
 * A list without name servers is not given: a guest may take it for a whole
 * new resolver configuration. A long one is split over several options, which
 * the client puts together again.
 *
 * Source: RFC 3397, 2; RFC 3396, 5
 */
static void dhcp_put_search(const struct conf *conf, struct wire *w)
{
	const size_t step = 2 + DHCP_OPT_DATA_MAX;
	uint8_t buf[DHCP_MTU_MAX];
	struct wire names = { .buf = buf };
	size_t room = w->size - w->len;
	size_t pos;

	if (!conf->dhcp_search || !conf->dhcp_dns || !conf->ip[V4].dns_count)
		return;

	if (room <= 2)
		return;
	names.size = MIN(room - 2 * ((room + step - 1) / step), sizeof(buf));
	if (!wire_put_search(&names, conf->search))
		return;

	for (pos = 0; pos < names.len; pos += DHCP_OPT_DATA_MAX)
		dhcp_put(w, DHCP_OPT_SEARCH, names.buf + pos,
			 MIN(names.len - pos, DHCP_OPT_DATA_MAX));
}

/**
 * dhcp_put_head() - Append the options that make it a DHCP message
 * @conf:	Configuration
 * @req:	Message from the guest
 * @type:	Type of the reply
 * @w:		Writer, of options
 *
 * The type comes first, as some clients look for it nowhere else.
 *
 * Source: RFC 2131, 4.3.1, table 3; RFC 6842, 3 (client identifier);
 *	   RFC 4039, 3.1 (rapid commit)
 */
static void dhcp_put_head(const struct conf *conf, const struct dhcp_req *req,
			  uint8_t type, struct wire *w)
{
	struct addr server = dhcp_server_addr(conf);
	uint32_t lease = htonl(DHCP_LEASE_S);

	if (type == DHCP_BOOTP)
		return;

	dhcp_put(w, DHCP_OPT_TYPE, &type, sizeof(type));
	dhcp_put_addr(w, DHCP_OPT_SERVER, &server);

	if (type != DHCP_NAK && req->type.data[0] != DHCP_INFORM)
		dhcp_put(w, DHCP_OPT_LEASE, &lease, sizeof(lease));
	if (type == DHCP_ACK && req->type.data[0] == DHCP_DISCOVER)
		dhcp_put(w, DHCP_OPT_RAPID, NULL, 0);
	if (req->client_id.set)
		dhcp_put(w, DHCP_OPT_CLIENT_ID, req->client_id.data,
			 req->client_id.len);
}

/**
 * dhcp_put_options() - Append all options, most important ones first
 * @c:		Execution context
 * @req:	Message from the guest
 * @type:	Type of the reply
 * @w:		Writer, of options
 */
static void dhcp_put_options(const struct ctx *c, const struct dhcp_req *req,
			     uint8_t type, struct wire *w)
{
	const struct conf *conf = &c->conf;

	dhcp_put_head(conf, req, type, w);

	if (type != DHCP_NAK) {
		dhcp_put_mask(conf, w);
		dhcp_put_routes(conf, w);
		dhcp_put_dns(conf, w);
		dhcp_put_mtu(c, w);
		if (conf->hostname[0])
			dhcp_put(w, DHCP_OPT_HOSTNAME, conf->hostname,
				 strlen(conf->hostname));
		dhcp_put_fqdn(conf, req, w);
		dhcp_put_search(conf, w);
	}

	/* Room for it was set aside by dhcp_send() */
	w->size++;
	wire_put_u8(w, DHCP_OPT_END);
}

/**
 * dhcp_reply_to() - Where a reply goes
 * @req:	Message from the guest
 * @reply:	Fixed part of the reply
 * @type:	Type of the reply
 *
 * Return: address: of the relay if there's one, of the client if it has one or
 *	   takes messages for the one it gets, else the broadcast address
 *
 * Source: RFC 2131, 4.1 and 4.3.5
 */
static struct addr dhcp_reply_to(const struct dhcp_req *req,
				 const struct dhcp_msg *reply, uint8_t type)
{
	struct in_addr broadcast = { INADDR_BROADCAST };

	if (reply->giaddr.s_addr)
		return addr_from_v4(reply->giaddr);
	if (type == DHCP_NAK)
		return addr_from_v4(broadcast);
	if (reply->ciaddr.s_addr)
		return addr_from_v4(reply->ciaddr);
	if (req->type.set && req->type.data[0] == DHCP_INFORM &&
	    addr_is_unicast(&req->src))
		return req->src;
	if (reply->flags & htons(DHCP_FLAG_BROADCAST) || !reply->yiaddr.s_addr)
		return addr_from_v4(broadcast);

	return addr_from_v4(reply->yiaddr);
}

/**
 * dhcp_fill_reply() - Fill in the fixed part of a reply
 * @conf:	Configuration
 * @req:	Message from the guest
 * @type:	Type of the reply
 * @reply:	Where it goes
 *
 * Source: RFC 2131, 4.3.1, table 3
 */
static void dhcp_fill_reply(const struct conf *conf,
			    const struct dhcp_req *req, uint8_t type,
			    struct dhcp_msg *reply)
{
	*reply = (struct dhcp_msg){
		.op = DHCP_OP_REPLY,
		.htype = req->msg.htype,
		.hlen = req->msg.hlen,
		.xid = req->msg.xid,
		.flags = req->msg.flags,
		.giaddr = req->msg.giaddr,
	};
	memcpy(reply->chaddr, req->msg.chaddr, sizeof(reply->chaddr));

	if (type == DHCP_NAK) {
		/* The relay must not look for the refused address */
		if (reply->giaddr.s_addr)
			reply->flags |= htons(DHCP_FLAG_BROADCAST);
		return;
	}

	if (type != DHCP_OFFER)
		reply->ciaddr = req->msg.ciaddr;
	if (!req->type.set || req->type.data[0] != DHCP_INFORM)
		reply->yiaddr = addr_to_v4(&conf->ip[V4].addr);
}

/**
 * dhcp_send() - Send a reply
 * @c:		Execution context
 * @req:	Message from the guest
 * @type:	Type of the reply, DHCP_BOOTP if it is none of DHCP
 */
static void dhcp_send(struct ctx *c, const struct dhcp_req *req, uint8_t type)
{
	const size_t headers = IPV4_HLEN + sizeof(struct udphdr);
	struct addr src = dhcp_server_addr(&c->conf), dst;
	size_t size = DHCP_MTU_MIN;
	uint8_t buf[DHCP_MTU_MAX];
	struct wire w = { .buf = buf };
	struct udphdr uh = { .source = htons(DHCP_PORT_SERVER) };
	struct ip_out out = {
		.src = &src, .dst = &dst, .proto = IPPROTO_UDP,
		/* It needn't have the address yet, another one may */
		.mac = req->src_mac,
		.l4 = &uh, .l4_len = sizeof(uh),
	};
	struct dhcp_msg reply;

	if (req->len_max.set)
		size = (size_t)req->len_max.data[0] << 8 | req->len_max.data[1];
	size = MIN(size, MIN(c->tap.mtu, DHCP_MTU_MAX));
	size = MAX(size, DHCP_MTU_MIN);
	/* One byte is left for the option that marks the end */
	w.size = size - headers - 1;

	dhcp_fill_reply(&c->conf, req, type, &reply);
	dst = dhcp_reply_to(req, &reply, type);

	wire_put(&w, &reply, sizeof(reply));
	wire_put_u32(&w, DHCP_COOKIE);
	dhcp_put_options(c, req, type, &w);
	if (w.len < DHCP_LEN_MIN)
		wire_put_zeros(&w, DHCP_LEN_MIN - w.len);

	uh.dest = htons(DHCP_PORT_CLIENT);
	if (reply.giaddr.s_addr)
		uh.dest = htons(DHCP_PORT_SERVER);
	uh.len = htons((uint16_t)(sizeof(uh) + w.len));

	/* Lost if there is no room: the client will ask again */
	ip_send_fragmented(&c->tap, &out, w.buf, w.len);
}

/**
 * dhcp_answer_bootp() - Decide about a BOOTP request
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_BOOTP, what it wants is always given
 *
 * Source: RFC 1534, 2
 */
static uint8_t dhcp_answer_bootp(const struct conf *conf,
				 const struct dhcp_req *req)
{
	(void)conf;
	(void)req;
	return DHCP_BOOTP;
}

/**
 * dhcp_answer_discover() - Decide about a client looking for servers
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_OFFER, or DHCP_ACK if that should be all
 *
 * Source: RFC 2131, 4.3.1; RFC 4039, 3.1
 */
static uint8_t dhcp_answer_discover(const struct conf *conf,
				    const struct dhcp_req *req)
{
	(void)conf;
	return req->rapid.set ? DHCP_ACK : DHCP_OFFER;
}

/**
 * dhcp_answer_request() - Decide about a client asking for an address
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_ACK if it asks for the address we have, or for any; DHCP_NAK if
 *	   for another, DHCP_NONE if it asks another server
 *
 * Source: RFC 2131, 4.3.2
 */
static uint8_t dhcp_answer_request(const struct conf *conf,
				   const struct dhcp_req *req)
{
	struct addr server = dhcp_server_addr(conf);
	struct in_addr ours = addr_to_v4(&conf->ip[V4].addr);
	struct in_addr server4 = addr_to_v4(&server);
	struct in_addr wanted = req->msg.ciaddr;

	if (req->server.set &&
	    memcmp(req->server.data, &server4, sizeof(server4)))
		return DHCP_NONE;

	if (req->requested.set)
		memcpy(&wanted, req->requested.data, sizeof(wanted));

	if (wanted.s_addr && wanted.s_addr != ours.s_addr)
		return DHCP_NAK;

	return DHCP_ACK;
}

/**
 * dhcp_answer_decline() - Decide about a client finding the address in use
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_NONE, there's nothing else to give
 *
 * Source: RFC 2131, 4.3.3
 */
static uint8_t dhcp_answer_decline(const struct conf *conf,
				   const struct dhcp_req *req)
{
	char str[ADDR_STRLEN];

	(void)req;
	warn_limited("DHCP: guest declined %s, it found it in use",
		     addr_str(&conf->ip[V4].addr, str));
	return DHCP_NONE;
}

/**
 * dhcp_answer_release() - Decide about a client that gives its address back
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_NONE
 *
 * Source: RFC 2131, 4.3.4
 */
static uint8_t dhcp_answer_release(const struct conf *conf,
				   const struct dhcp_req *req)
{
	(void)conf;
	(void)req;
	return DHCP_NONE;
}

/**
 * dhcp_answer_inform() - Decide about a client that has an address already
 * @conf:	Configuration
 * @req:	Message from the guest
 *
 * Return: DHCP_ACK, which gives no address in this case
 *
 * Source: RFC 2131, 4.3.5
 */
static uint8_t dhcp_answer_inform(const struct conf *conf,
				  const struct dhcp_req *req)
{
	(void)conf;
	(void)req;
	return DHCP_ACK;
}

/* Messages that are handled; each function returns the type of the reply */
static const struct dhcp_type_row {
	const char *name;
	uint8_t (*answer)(const struct conf *conf, const struct dhcp_req *req);
} dhcp_types[] = {
	[DHCP_BOOTP]	= { "BOOTP request",	dhcp_answer_bootp },
	[DHCP_DISCOVER]	= { "DISCOVER",		dhcp_answer_discover },
	[DHCP_REQUEST]	= { "REQUEST",		dhcp_answer_request },
	[DHCP_DECLINE]	= { "DECLINE",		dhcp_answer_decline },
	[DHCP_RELEASE]	= { "RELEASE",		dhcp_answer_release },
	[DHCP_INFORM]	= { "INFORM",		dhcp_answer_inform },
};

/**
 * dhcp_from_guest() - Handle a packet to the port of DHCP servers
 * @c:		Execution context
 * @pkt:	Packet, IPv4 and UDP, with destination port 67
 *
 * Return: true if it was for us, whether or not it was answered; false if it
 *	   is for a server elsewhere
 */
bool dhcp_from_guest(struct ctx *c, const struct pkt *pkt)
{
	struct addr server = dhcp_server_addr(&c->conf);
	struct dhcp_req req;
	uint8_t type, answer;

	if (!addr_is_broadcast(&pkt->dst) && !addr_is_equal(&pkt->dst, &server))
		return false;

	if (c->conf.no_dhcp || !c->conf.ip[V4].enabled ||
	    !addr_is_set(&c->conf.ip[V4].addr))
		return true;

	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return true;
	}

	if (!dhcp_parse(pkt, &req)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		debug("DHCP: malformed message dropped");
		return true;
	}

	type = req.type.set ? req.type.data[0] : DHCP_BOOTP;
	if (type >= ARRAY_SIZE(dhcp_types) || !dhcp_types[type].answer ||
	    (req.type.set && type == DHCP_BOOTP)) {
		debug("DHCP: message of type %u ignored", type);
		return true;
	}

	answer = dhcp_types[type].answer(&c->conf, &req);
	debug("DHCP: %s from guest, %s", dhcp_types[type].name,
	      answer == DHCP_NONE ? "no reply" :
	      answer == DHCP_NAK ? "refused" : "replying");
	if (answer != DHCP_NONE)
		dhcp_send(c, &req, answer);
	return true;
}

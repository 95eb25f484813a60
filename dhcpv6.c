// SPDX-License-Identifier: BSD-3-Clause
/* dhcpv6.c - DHCPv6 server for the guest
 *
 * There is one address to give, the configured one, and whoever asks gets it,
 * without end: nothing is kept between two messages. The reply depends on the
 * type of the message only, see dhcpv6_types: its row tells which identifiers
 * the message must have and what is made of the associations in it. The first
 * association for addresses in a message gets the address, all others, those
 * for temporary addresses and for prefixes, get a status that says why not.
 *
 * A client that asks for another address, because it had one elsewhere, is
 * told that this is not the link for it, so that it starts over, or, where it
 * only wants the address for longer, that its time is up, and gets ours along.
 *
 * Messages with options that don't add up are dropped, and so are those from
 * relays. Messages to a unicast address are taken and dropped if the address
 * is ours, as we allow no client to send them.
 */

#include <string.h>
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/udp.h>

#include "dhcpv6.h"
#include "ip.h"
#include "log.h"
#include "passt.h"
#include "view.h"
#include "wire.h"

#define DHCPV6_PORT_CLIENT	546		/* RFC 8415, 7.2 */
#define DHCPV6_PORT_SERVER	547
#define DHCPV6_INFINITY_S	UINT32_MAX	/* RFC 8415, 7.7 */
#define DHCPV6_DUID_MAX		130		/* RFC 8415, 11.1 */
#define DHCPV6_DUID_LL		3		/* RFC 8415, 11.4 */
#define DHCPV6_PREFERENCE	255		/* RFC 8415, 18.2.1: no wait */

/* enum dhcpv6_type - message types, RFC 8415, 7.3 */
enum dhcpv6_type {
	DHCPV6_SOLICIT = 1, DHCPV6_ADVERTISE, DHCPV6_REQUEST, DHCPV6_CONFIRM,
	DHCPV6_RENEW, DHCPV6_REBIND, DHCPV6_REPLY, DHCPV6_RELEASE,
	DHCPV6_DECLINE, DHCPV6_RECONFIGURE, DHCPV6_INFORMATION,
};

/* enum dhcpv6_code - options: RFC 8415, 21, RFC 3646 and RFC 4704 */
enum dhcpv6_code {
	DHCPV6_OPT_CLIENT = 1,
	DHCPV6_OPT_SERVER = 2,
	DHCPV6_OPT_IA_NA = 3,
	DHCPV6_OPT_IA_TA = 4,
	DHCPV6_OPT_IAADDR = 5,
	DHCPV6_OPT_PREFERENCE = 7,
	DHCPV6_OPT_STATUS = 13,
	DHCPV6_OPT_RAPID = 14,
	DHCPV6_OPT_DNS = 23,
	DHCPV6_OPT_SEARCH = 24,
	DHCPV6_OPT_IA_PD = 25,
	DHCPV6_OPT_FQDN = 39,
};

/* enum dhcpv6_status - status codes, RFC 8415, 21.13 */
enum dhcpv6_status {
	DHCPV6_SUCCESS = 0,
	DHCPV6_NO_ADDRS = 2,
	DHCPV6_NOT_ON_LINK = 4,
	DHCPV6_NO_PREFIX = 6,
};

/* Flags of DHCPV6_OPT_FQDN: RFC 4704, 4.1 */
#define DHCPV6_FQDN_S		0x01
#define DHCPV6_FQDN_O		0x02
#define DHCPV6_FQDN_N		0x04

/**
 * struct dhcpv6_opt_hdr - header of an option, network byte order
 * @code:	Code
 * @len:	Length of what follows, bytes
 */
struct dhcpv6_opt_hdr {
	uint16_t code;
	uint16_t len;
};

/**
 * struct dhcpv6_ia - fixed part of associations, network byte order
 * @iaid:	Identifier of the association, chosen by the client
 * @t1_s:	When to renew; not in those for temporary addresses
 * @t2_s:	When to rebind; likewise
 */
struct dhcpv6_ia {
	uint32_t iaid;
	uint32_t t1_s;
	uint32_t t2_s;
};

/**
 * struct dhcpv6_iaaddr - fixed part of an address, network byte order
 * @addr:	Address
 * @preferred_s: Preferred lifetime
 * @valid_s:	Valid lifetime
 */
struct dhcpv6_iaaddr {
	struct in6_addr addr;
	uint32_t preferred_s;
	uint32_t valid_s;
};

/**
 * struct dhcpv6_duid - our identifier, network byte order; RFC 8415, 11.4
 * @type:	DHCPV6_DUID_LL: it's the same when we are started again
 * @hw_type:	Type of hardware address
 * @mac:	Our MAC address
 */
struct dhcpv6_duid {
	uint16_t type;
	uint16_t hw_type;
	uint8_t mac[MAC_LEN];
};

/**
 * struct dhcpv6_req - message from the guest
 * @type:	Message type
 * @xid:	Transaction identifier
 * @opts:	All its options, known to add up
 * @has_client:	It bears an identifier of the client
 * @has_server:	It bears an identifier of a server
 * @is_for_us:	That identifier is ours
 * @has_ia:	There are associations in it
 * @rapid:	Two messages shall do instead of four
 * @fqdn_flags:	Flags of the client's name, 0 if there is none
 * @client_len:	Length of @client
 * @client:	Identifier of the client
 */
struct dhcpv6_req {
	uint8_t type;
	uint8_t xid[3];
	struct view opts;
	bool has_client;
	bool has_server;
	bool is_for_us;
	bool has_ia;
	bool rapid;
	uint8_t fqdn_flags;
	size_t client_len;
	uint8_t client[DHCPV6_DUID_MAX];
};

/**
 * struct dhcpv6_asked - what a client says about addresses
 * @any:	There is an address
 * @ours:	There is the one we have
 * @others:	There are others
 */
struct dhcpv6_asked {
	bool any;
	bool ours;
	bool others;
};

/**
 * dhcpv6_next_option() - Split off the next option
 * @v:		Options, passes the one returned
 * @code:	Where its code goes
 * @data:	Its data
 *
 * Return: false if there is none: at the end, or if it doesn't add up, which
 *	   leaves something in @v
 */
static bool dhcpv6_next_option(struct view *v, uint16_t *code,
			       struct view *data)
{
	struct view rest = *v;
	struct dhcpv6_opt_hdr hdr;

	if (!view_pull(&rest, &hdr, sizeof(hdr)) ||
	    !view_sub(&rest, ntohs(hdr.len), data))
		return false;

	*code = ntohs(hdr.code);
	*v = rest;
	return true;
}

/**
 * dhcpv6_get_duid() - Our identifier
 * @conf:	Configuration
 *
 * Return: the identifier
 */
static struct dhcpv6_duid dhcpv6_get_duid(const struct conf *conf)
{
	struct dhcpv6_duid duid = {
		.type = htons(DHCPV6_DUID_LL),
		.hw_type = htons(ARPHRD_ETHER),
	};

	memcpy(duid.mac, conf->our_mac, MAC_LEN);
	return duid;
}

/**
 * dhcpv6_parse_client() - Take the identifier of the client
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where it goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_client(const struct conf *conf, struct view *data,
				struct dhcpv6_req *req)
{
	(void)conf;
	if (req->has_client || !data->len || data->len > sizeof(req->client))
		return false;

	req->has_client = true;
	req->client_len = data->len;
	return view_pull(data, req->client, data->len);
}

/**
 * dhcpv6_parse_server() - Compare the identifier of the server with ours
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where the result goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_server(const struct conf *conf, struct view *data,
				struct dhcpv6_req *req)
{
	struct dhcpv6_duid ours = dhcpv6_get_duid(conf), theirs;

	if (req->has_server || !data->len)
		return false;

	req->has_server = true;
	req->is_for_us = data->len == sizeof(theirs) &&
			 view_pull(data, &theirs, sizeof(theirs)) &&
			 !memcmp(&theirs, &ours, sizeof(theirs));
	return true;
}

/**
 * dhcpv6_parse_ia() - Note that there is an association
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where that goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_ia(const struct conf *conf, struct view *data,
			    struct dhcpv6_req *req)
{
	uint16_t code;
	struct view sub;

	(void)conf;
	req->has_ia = true;
	if (!view_skip(data, sizeof(struct dhcpv6_ia)))
		return false;

	while (dhcpv6_next_option(data, &code, &sub)) {
		if (code == DHCPV6_OPT_IAADDR &&
		    sub.len < sizeof(struct dhcpv6_iaaddr))
			return false;
	}

	return !data->len;
}

/**
 * dhcpv6_parse_ia_ta() - Note that there is one for temporary addresses
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where that goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_ia_ta(const struct conf *conf, struct view *data,
			       struct dhcpv6_req *req)
{
	(void)conf;
	req->has_ia = true;
	return data->len >= sizeof(uint32_t);
}

/**
 * dhcpv6_parse_rapid() - Note that two messages shall do
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where that goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_rapid(const struct conf *conf, struct view *data,
			       struct dhcpv6_req *req)
{
	(void)conf;
	req->rapid = true;
	return !data->len;
}

/**
 * dhcpv6_parse_fqdn() - Take the flags of the client's name
 * @conf:	Configuration
 * @data:	Data of the option
 * @req:	Where they go
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse_fqdn(const struct conf *conf, struct view *data,
			      struct dhcpv6_req *req)
{
	(void)conf;
	return view_pull(data, &req->fqdn_flags, sizeof(req->fqdn_flags));
}

/* Options that matter; each function returns false if it is malformed */
static const struct {
	uint16_t code;
	bool (*parse)(const struct conf *conf, struct view *data,
		      struct dhcpv6_req *req);
} dhcpv6_opts[] = {
	{ DHCPV6_OPT_CLIENT,	dhcpv6_parse_client },
	{ DHCPV6_OPT_SERVER,	dhcpv6_parse_server },
	{ DHCPV6_OPT_IA_NA,	dhcpv6_parse_ia },
	{ DHCPV6_OPT_IA_TA,	dhcpv6_parse_ia_ta },
	{ DHCPV6_OPT_IA_PD,	dhcpv6_parse_ia },
	{ DHCPV6_OPT_RAPID,	dhcpv6_parse_rapid },
	{ DHCPV6_OPT_FQDN,	dhcpv6_parse_fqdn },
};

/**
 * dhcpv6_parse() - Check a message from the guest
 * @conf:	Configuration
 * @pkt:	Packet, UDP
 * @req:	Where the message goes
 *
 * Return: false if it is malformed
 */
static bool dhcpv6_parse(const struct conf *conf, const struct pkt *pkt,
			 struct dhcpv6_req *req)
{
	struct view v = pkt->l4, data;
	struct udphdr uh;
	uint16_t code;
	size_t i;

	memset(req, 0, sizeof(*req));

	if (!view_pull(&v, &uh, sizeof(uh)) || ntohs(uh.len) < sizeof(uh) ||
	    !view_trim(&v, ntohs(uh.len) - sizeof(uh)) ||
	    !view_pull(&v, &req->type, sizeof(req->type)) ||
	    !view_pull(&v, req->xid, sizeof(req->xid)))
		return false;

	req->opts = v;
	while (dhcpv6_next_option(&v, &code, &data)) {
		for (i = 0; i < ARRAY_SIZE(dhcpv6_opts); i++) {
			if (dhcpv6_opts[i].code == code &&
			    !dhcpv6_opts[i].parse(conf, &data, req))
				return false;
		}
	}

	return !v.len;
}

/**
 * dhcpv6_put() - Append an option
 * @w:		Writer
 * @code:	Code of the option
 * @data:	Its data
 * @len:	Length of @data, bytes
 *
 * Return: false if there's no room, then nothing is written
 */
static bool dhcpv6_put(struct wire *w, uint16_t code, const void *data,
		       size_t len)
{
	struct dhcpv6_opt_hdr hdr = { htons(code), htons((uint16_t)len) };

	if (sizeof(hdr) + len > w->size - w->len)
		return false;

	return wire_put(w, &hdr, sizeof(hdr)) && wire_put(w, data, len);
}

/**
 * dhcpv6_put_status() - Append a status
 * @w:		Writer
 * @status:	The status, see enum dhcpv6_status; no text goes with it
 *
 * Source: RFC 8415, 21.13
 */
static void dhcpv6_put_status(struct wire *w, uint16_t status)
{
	uint16_t be = htons(status);

	dhcpv6_put(w, DHCPV6_OPT_STATUS, &be, sizeof(be));
}

/**
 * dhcpv6_put_iaaddr() - Append an address
 * @w:		Writer
 * @a:		Address
 * @life_s:	Preferred and valid lifetime
 *
 * Source: RFC 8415, 21.6
 */
static void dhcpv6_put_iaaddr(struct wire *w, const struct in6_addr *a,
			      uint32_t life_s)
{
	struct dhcpv6_iaaddr ia = { *a, htonl(life_s), htonl(life_s) };

	dhcpv6_put(w, DHCPV6_OPT_IAADDR, &ia, sizeof(ia));
}

/**
 * dhcpv6_get_asked() - Which addresses a client has in an association
 * @conf:	Configuration
 * @opts:	Options of the association
 * @w:		Writer that addresses other than ours are appended to, with
 *		a lifetime of zero; NULL for none
 * @asked:	What there is, added to
 */
static void dhcpv6_get_asked(const struct conf *conf, struct view opts,
			     struct wire *w, struct dhcpv6_asked *asked)
{
	struct view data;
	uint16_t code;

	while (dhcpv6_next_option(&opts, &code, &data)) {
		struct dhcpv6_iaaddr ia;

		if (code != DHCPV6_OPT_IAADDR ||
		    !view_pull(&data, &ia, sizeof(ia)))
			continue;

		asked->any = true;
		if (!memcmp(&ia.addr, &conf->ip[V6].addr.a6, sizeof(ia.addr))) {
			asked->ours = true;
			continue;
		}

		asked->others = true;
		if (w)
			dhcpv6_put_iaaddr(w, &ia.addr, 0);
	}
}

/**
 * dhcpv6_put_ia_na() - Append the answer to an association for addresses
 * @conf:	Configuration
 * @req:	Message from the guest
 * @ia:		Association from the guest
 * @opts:	Its options
 * @first:	It is the first one in the message
 * @w:		Writer
 *
 * Source: RFC 8415, 18.3.1, 18.3.2, 18.3.4, 18.3.5 and 18.3.9
 */
static void dhcpv6_put_ia_na(const struct conf *conf,
			     const struct dhcpv6_req *req,
			     struct dhcpv6_ia ia, struct view opts, bool first,
			     struct wire *w)
{
	bool renews = req->type == DHCPV6_RENEW || req->type == DHCPV6_REBIND;
	struct dhcpv6_asked asked = { 0 };
	size_t head = w->len;

	ia.t1_s = ia.t2_s = htonl(DHCPV6_INFINITY_S);
	if (!dhcpv6_put(w, DHCPV6_OPT_IA_NA, &ia, sizeof(ia)))
		return;

	dhcpv6_get_asked(conf, opts, NULL, &asked);

	if (!first || !addr_is_set(&conf->ip[V6].addr))
		dhcpv6_put_status(w, DHCPV6_NO_ADDRS);
	else if (req->type == DHCPV6_REQUEST && asked.others && !asked.ours)
		dhcpv6_put_status(w, DHCPV6_NOT_ON_LINK);
	else
		dhcpv6_put_iaaddr(w, &conf->ip[V6].addr.a6, DHCPV6_INFINITY_S);

	if (renews)
		dhcpv6_get_asked(conf, opts, w, &asked);

	wire_set_u16(w, head + offsetof(struct dhcpv6_opt_hdr, len),
		     (uint16_t)(w->len - head - sizeof(struct dhcpv6_opt_hdr)));
}

/**
 * dhcpv6_put_refusal() - Append the answer to another kind of association
 * @ia:		Association from the guest
 * @code:	DHCPV6_OPT_IA_TA or DHCPV6_OPT_IA_PD
 * @w:		Writer
 */
static void dhcpv6_put_refusal(struct dhcpv6_ia ia, uint16_t code,
			       struct wire *w)
{
	bool is_ta = code == DHCPV6_OPT_IA_TA;
	size_t len = is_ta ? sizeof(ia.iaid) : sizeof(ia);
	uint8_t buf[sizeof(ia) + sizeof(struct dhcpv6_opt_hdr) +
		    sizeof(uint16_t)];
	struct wire data = { .buf = buf, .size = sizeof(buf) };

	ia.t1_s = ia.t2_s = 0;
	wire_put(&data, &ia, len);
	dhcpv6_put_status(&data, is_ta ? DHCPV6_NO_ADDRS : DHCPV6_NO_PREFIX);
	dhcpv6_put(w, code, data.buf, data.len);
}

/**
 * dhcpv6_answer_ias() - Answer all associations in a message
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * Return: true, there is always something to reply
 */
static bool dhcpv6_answer_ias(const struct conf *conf,
			      const struct dhcpv6_req *req, struct wire *w)
{
	struct view opts = req->opts, data;
	bool first = true;
	uint16_t code;

	while (dhcpv6_next_option(&opts, &code, &data)) {
		struct dhcpv6_ia ia = { 0 };

		if (code == DHCPV6_OPT_IA_TA) {
			view_pull(&data, &ia.iaid, sizeof(ia.iaid));
			dhcpv6_put_refusal(ia, code, w);
		} else if (code == DHCPV6_OPT_IA_PD) {
			view_pull(&data, &ia, sizeof(ia));
			dhcpv6_put_refusal(ia, code, w);
		} else if (code == DHCPV6_OPT_IA_NA &&
			   view_pull(&data, &ia, sizeof(ia))) {
			dhcpv6_put_ia_na(conf, req, ia, data, first, w);
			first = false;
		}
	}

	return true;
}

/**
 * dhcpv6_answer_confirm() - Tell if the client may keep its addresses
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * Another address of the same prefix would work, but it's not the one that
 * the guest is meant to have.
 *
 * Return: false if the client has no addresses: no reply then
 *
 * Source: RFC 8415, 18.3.3
 */
static bool dhcpv6_answer_confirm(const struct conf *conf,
				  const struct dhcpv6_req *req, struct wire *w)
{
	struct dhcpv6_asked asked = { 0 };
	struct view opts = req->opts, data;
	uint16_t code;

	while (dhcpv6_next_option(&opts, &code, &data)) {
		if (code == DHCPV6_OPT_IA_NA &&
		    view_skip(&data, sizeof(struct dhcpv6_ia)))
			dhcpv6_get_asked(conf, data, NULL, &asked);
	}

	if (!asked.any)
		return false;

	dhcpv6_put_status(w, asked.others ? DHCPV6_NOT_ON_LINK
					  : DHCPV6_SUCCESS);
	return true;
}

/**
 * dhcpv6_answer_success() - Agree to what the client tells us
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * Return: true, there is always something to reply
 *
 * Source: RFC 8415, 18.3.7 and 18.3.8
 */
static bool dhcpv6_answer_success(const struct conf *conf,
				  const struct dhcpv6_req *req, struct wire *w)
{
	char str[ADDR_STRLEN];

	if (req->type == DHCPV6_DECLINE)
		warn_limited("DHCPv6: guest declined %s, it found it in use",
			     addr_str(&conf->ip[V6].addr, str));

	dhcpv6_put_status(w, DHCPV6_SUCCESS);
	return true;
}

/**
 * dhcpv6_answer_information() - Give a client all but addresses
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * Return: false for a message that must not be answered
 *
 * Source: RFC 8415, 16.12 and 18.3.6
 */
static bool dhcpv6_answer_information(const struct conf *conf,
				      const struct dhcpv6_req *req,
				      struct wire *w)
{
	(void)conf;
	(void)w;
	return !req->has_ia && (!req->has_server || req->is_for_us);
}

/**
 * enum dhcpv6_server - what is to be made of the identifier of a server
 * @SERVER_NEVER:	Must not be there
 * @SERVER_OURS:	Must be there, and be ours
 * @SERVER_MAYBE:	May be there
 */
enum dhcpv6_server { SERVER_NEVER, SERVER_OURS, SERVER_MAYBE };

/* Messages that are handled: RFC 8415, 16. Each function appends what is
 * particular to the reply and returns false if there is none.
 */
static const struct dhcpv6_type_row {
	const char *name;
	bool needs_client;
	enum dhcpv6_server server;
	bool (*answer)(const struct conf *conf, const struct dhcpv6_req *req,
		       struct wire *w);
} dhcpv6_types[] = {
	[DHCPV6_SOLICIT] = {
		"SOLICIT", true, SERVER_NEVER, dhcpv6_answer_ias,
	},
	[DHCPV6_REQUEST] = {
		"REQUEST", true, SERVER_OURS, dhcpv6_answer_ias,
	},
	[DHCPV6_CONFIRM] = {
		"CONFIRM", true, SERVER_NEVER, dhcpv6_answer_confirm,
	},
	[DHCPV6_RENEW] = {
		"RENEW", true, SERVER_OURS, dhcpv6_answer_ias,
	},
	[DHCPV6_REBIND] = {
		"REBIND", true, SERVER_NEVER, dhcpv6_answer_ias,
	},
	[DHCPV6_RELEASE] = {
		"RELEASE", true, SERVER_OURS, dhcpv6_answer_success,
	},
	[DHCPV6_DECLINE] = {
		"DECLINE", true, SERVER_OURS, dhcpv6_answer_success,
	},
	[DHCPV6_INFORMATION] = {
		"INFORMATION-REQUEST", false, SERVER_MAYBE,
		dhcpv6_answer_information,
	},
};

/**
 * dhcpv6_put_dns() - Append name servers and search list
 * @conf:	Configuration
 * @w:		Writer
 *
 * A list without name servers is not given: a guest may take it for a whole
 * new resolver configuration.
 *
 * Source: RFC 3646, 3 and 4
 */
static void dhcpv6_put_dns(const struct conf *conf, struct wire *w)
{
	const struct conf_ip *ip = &conf->ip[V6];
	struct in6_addr servers[CONF_DNS_MAX];
	uint8_t buf[IPV6_MTU_MIN];
	struct wire names = { .buf = buf };
	unsigned i;

	if (!conf->dhcp_dns || !ip->dns_count)
		return;

	for (i = 0; i < ip->dns_count; i++)
		servers[i] = ip->dns[i].a6;
	dhcpv6_put(w, DHCPV6_OPT_DNS, servers, i * sizeof(servers[0]));

	if (!conf->dhcp_search ||
	    w->size - w->len < sizeof(struct dhcpv6_opt_hdr))
		return;

	names.size = w->size - w->len - sizeof(struct dhcpv6_opt_hdr);
	names.size = MIN(names.size, sizeof(buf));
	if (wire_put_search(&names, conf->search))
		dhcpv6_put(w, DHCPV6_OPT_SEARCH, names.buf, names.len);
}

/**
 * dhcpv6_put_fqdn() - Append the guest's full name
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * We update no name server, and say so, even if the client would have us do.
 *
 * Source: RFC 4704, 4 and 6
 */
static void dhcpv6_put_fqdn(const struct conf *conf,
			    const struct dhcpv6_req *req, struct wire *w)
{
	uint8_t buf[1 + WIRE_NAME_MAX];
	struct wire fqdn = { .buf = buf, .size = sizeof(buf) };

	wire_put_u8(&fqdn, DHCPV6_FQDN_N |
		    (req->fqdn_flags & DHCPV6_FQDN_S ? DHCPV6_FQDN_O : 0));
	if (wire_put_name(&fqdn, conf->fqdn, strlen(conf->fqdn)))
		dhcpv6_put(w, DHCPV6_OPT_FQDN, fqdn.buf, fqdn.len);
}

/**
 * dhcpv6_put_head() - Write header and identifiers of a reply
 * @conf:	Configuration
 * @req:	Message from the guest
 * @w:		Writer
 *
 * Source: RFC 8415, 18.3.9 and 18.3.10
 */
static void dhcpv6_put_head(const struct conf *conf,
			    const struct dhcpv6_req *req, struct wire *w)
{
	struct dhcpv6_duid duid = dhcpv6_get_duid(conf);
	const uint8_t preference = DHCPV6_PREFERENCE;
	bool solicited = req->type == DHCPV6_SOLICIT;
	bool advertise = solicited && !req->rapid;

	wire_put_u8(w, advertise ? DHCPV6_ADVERTISE : DHCPV6_REPLY);
	wire_put(w, req->xid, sizeof(req->xid));

	dhcpv6_put(w, DHCPV6_OPT_SERVER, &duid, sizeof(duid));
	if (req->has_client)
		dhcpv6_put(w, DHCPV6_OPT_CLIENT, req->client, req->client_len);
	if (solicited && req->rapid)
		dhcpv6_put(w, DHCPV6_OPT_RAPID, NULL, 0);
	if (advertise)
		dhcpv6_put(w, DHCPV6_OPT_PREFERENCE, &preference,
			   sizeof(preference));
}

/**
 * dhcpv6_reply() - Reply to a message that is in order
 * @c:		Execution context
 * @pkt:	Packet it came in
 * @req:	Message from the guest
 * @row:	Row of its type
 */
static void dhcpv6_reply(struct ctx *c, const struct pkt *pkt,
			 const struct dhcpv6_req *req,
			 const struct dhcpv6_type_row *row)
{
	/* What fits into any link's packet */
	uint8_t buf[IPV6_MTU_MIN - IPV6_HLEN - sizeof(struct udphdr)];
	struct wire w = { .buf = buf, .size = sizeof(buf) };
	struct udphdr uh = {
		.source = htons(DHCPV6_PORT_SERVER),
		.dest = htons(DHCPV6_PORT_CLIENT),
	};
	struct ip_out out = {
		.src = &c->conf.ip[V6].our_ll, .dst = &pkt->src,
		.proto = IPPROTO_UDP, .l4 = &uh, .l4_len = sizeof(uh),
	};

	dhcpv6_put_head(&c->conf, req, &w);
	if (!row->answer(&c->conf, req, &w)) {
		debug("DHCPv6: %s from guest, no reply", row->name);
		return;
	}
	dhcpv6_put_dns(&c->conf, &w);
	dhcpv6_put_fqdn(&c->conf, req, &w);

	debug("DHCPv6: %s from guest, replying", row->name);
	uh.len = htons((uint16_t)(sizeof(uh) + w.len));
	/* Lost if there is no room: the client will ask again */
	ip_send(&c->tap, &out, w.buf, w.len);
}

/**
 * dhcpv6_is_for_server() - Is a packet meant for the server on this link?
 * @conf:	Configuration
 * @dst:	Destination address
 *
 * Return: true for all groups, and for our own address
 */
static bool dhcpv6_is_for_server(const struct conf *conf,
				 const struct addr *dst)
{
	return addr_is_multicast(dst) ||
	       addr_is_equal(dst, &conf->ip[V6].our_ll);
}

/**
 * dhcpv6_from_guest() - Handle a packet to the port of DHCPv6 servers
 * @c:		Execution context
 * @pkt:	Packet, IPv6 and UDP, with destination port 547
 *
 * Return: true if it was for us, whether or not it was answered; false if it
 *	   is for a server elsewhere
 */
bool dhcpv6_from_guest(struct ctx *c, const struct pkt *pkt)
{
	const struct dhcpv6_type_row *row = dhcpv6_types;
	struct dhcpv6_req req;

	if (!dhcpv6_is_for_server(&c->conf, &pkt->dst))
		return false;

	if (c->conf.no_dhcpv6 || !c->conf.ip[V6].enabled ||
	    !addr_is_multicast(&pkt->dst) || !addr_is_unicast(&pkt->src))
		return true;

	if (!ip_csum_is_good(pkt)) {
		stats_add(&c->stats, STAT_BAD_CSUM, 1);
		return true;
	}

	if (!dhcpv6_parse(&c->conf, pkt, &req)) {
		stats_add(&c->stats, STAT_BAD_FRAME, 1);
		debug("DHCPv6: malformed message dropped");
		return true;
	}

	if (req.type < ARRAY_SIZE(dhcpv6_types))
		row = &dhcpv6_types[req.type];
	if (!row->answer || (row->needs_client && !req.has_client) ||
	    (row->server == SERVER_NEVER && req.has_server) ||
	    (row->server == SERVER_OURS && !req.is_for_us)) {
		debug("DHCPv6: message of type %u ignored", req.type);
		return true;
	}

	dhcpv6_reply(c, pkt, &req, row);
	return true;
}

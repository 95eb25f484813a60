// SPDX-License-Identifier: BSD-3-Clause
/* fwd_spec.c - forwarding rules from what -t, -u, -T and -U say
 *
 * A specification is [ADDRESS][%INTERFACE]/ENTRY,ENTRY... with entries that
 * name ports, exclude them, or say how the others are meant; passt(1) tells the
 * grammar. It becomes as few rules as possible: excluded ports split a range,
 * and "all" stands for what is neither named nor excluded nor in the range that
 * the kernel takes for outgoing connections.
 *
 * Several uses of an option add up. A port that is named twice, with the same
 * address to listen on, is fine as long as it is to go to the same target. What
 * is named goes before what "all" and "auto" comprise. The same goes for
 * addresses that overlap, such as 192.0.2.1 and any: what is covered by a wider
 * rule is left out, whatever their order, as the kernel would not give us both.
 *
 * Where -u isn't given, UDP ports follow the TCP ports of -t, without any
 * translation; and -U follows -T.
 */

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "log.h"
#include "parse.h"
#include "portscan.h"
#include "util.h"

#define PORT_RANGE_PATH	"/proc/sys/net/ipv4/ip_local_port_range"

/* Default of the above: net/ipv4/af_inet.c, inet_init_net(), Linux */
#define EPHEMERAL_FIRST	32768
#define EPHEMERAL_LAST	60999

#define DIGITS		"0123456789"

/* What is right instead: each mistake has a text of its own */
#define WHY_EMPTY	"ports, all, auto or none"
#define WHY_ENTRY	"PORT, FIRST-LAST, ~PORT, ~FIRST-LAST, all or auto"
#define WHY_GAP		"something on both sides of each comma"
#define WHY_COMMA	"a comma or the end behind each entry"
#define WHY_NONE	"none without anything besides"
#define WHY_PORT	"port numbers from 1 to 65535"
#define WHY_RANGE_END	"a number on both sides of a dash"
#define WHY_RANGE_ORDER	"the lower port of a range before the higher one"
#define WHY_LISTEN	"an address, %INTERFACE or both before the slash"
#define WHY_BRACKET	"IPv6 addresses in both brackets, or in none"
#define WHY_IFNAME	"a name of 1 to 15 characters behind the percent sign"
#define WHY_GROUP	"an address of an interface to listen on, or any"
#define WHY_SCOPE	"ADDRESS%INTERFACE to listen on a link-local address"
#define WHY_NO_PORTS	"ports behind the slash"
#define WHY_NO_SLASH	"a slash, then ports, behind address and interface"
#define WHY_TARGET	"ADDRESS, PORTS or ADDRESS/PORTS behind the colon"
#define WHY_TARGET_ADDR	"an IPv4 or IPv6 address of a target"
#define WHY_TARGET_IF	"an address of a target without interface"
#define WHY_UNICAST	"an address of one node as a target"
#define WHY_TARGET_PORT	"ports behind the address and slash of a target"
#define WHY_LENGTH	"as many target ports as ports to listen on"
#define WHY_VERSION	"addresses to listen on and to go to of one IP version"
#define WHY_ALL		"all, or all:ADDRESS, as it keeps port numbers"
#define WHY_ALL_TWICE	"one target for all"
#define WHY_AUTO	"auto without anything behind it, up to a comma"
#define WHY_EXCLUDE	"nothing behind excluded ports, up to a comma"
#define WHY_CONFLICT	"one target for each port"
#define WHY_NOTHING	"at least one port that isn't excluded"
#define WHY_TOO_MANY	"fewer ranges of ports: 512 in total"
static_assert(FWD_RULES_MAX == 512, "the message above tells the limit");

/**
 * enum entry_kind - what an entry of a specification says
 * @ENTRY_PORTS:	Forward these ports
 * @ENTRY_EXCLUDE:	Don't forward these
 * @ENTRY_ALL:		Forward the others, too
 * @ENTRY_AUTO:		Forward only what is bound behind
 */
enum entry_kind { ENTRY_PORTS, ENTRY_EXCLUDE, ENTRY_ALL, ENTRY_AUTO };

/**
 * struct entry - one entry of a specification
 * @kind:	What it says
 * @first:	First port, host byte order
 * @last:	Last port
 * @to_first:	Port that @first goes to
 * @target:	Address to go to, may be unset
 */
struct entry {
	enum entry_kind kind;
	uint16_t first;
	uint16_t last;
	uint16_t to_first;
	struct addr target;
};

/**
 * struct summary - what the entries of a specification say together
 * @ports:	There are ports to forward
 * @exclude:	There are ports to exclude
 * @all:	The others are meant, too
 * @scan:	Only what is bound behind is meant
 * @target:	Address that @all goes to, may be unset
 * @excluded:	Ports excluded
 */
struct summary {
	bool ports;
	bool exclude;
	bool all;
	bool scan;
	struct addr target;
	struct portmap excluded;
};

/**
 * struct rule_list - rules being collected
 * @rules:	Where to
 * @max:	Room there
 * @count:	How many there are
 */
struct rule_list {
	struct fwd_rule *rules;
	unsigned max;
	unsigned count;
};

/**
 * is_digit() - Is this a decimal digit?
 * @c:		Character
 *
 * Return: true if it is, false for the end of a string as well
 */
static bool is_digit(char c)
{
	return c && strchr(DIGITS, c);
}

/**
 * spec_ports() - Read PORT or FIRST-LAST
 * @cursor:	Position, at a digit; moved on
 * @first:	Filled with the first port
 * @last:	Filled with the last port
 *
 * Return: NULL, or what would be right
 */
static const char *spec_ports(const char **cursor, uint16_t *first,
			      uint16_t *last)
{
	if (!parse_port(cursor, first))
		return WHY_PORT;

	*last = *first;
	if (!parse_literal(cursor, "-"))
		return NULL;
	if (!is_digit(**cursor))
		return WHY_RANGE_END;
	if (!parse_port(cursor, last))
		return WHY_PORT;
	return *last < *first ? WHY_RANGE_ORDER : NULL;
}

/**
 * spec_target_addr() - Read the address of a target
 * @cursor:	Position; moved on
 * @target:	Filled with the address
 *
 * Return: NULL, or what would be right
 */
static const char *spec_target_addr(const char **cursor, struct addr *target)
{
	if (!parse_addr_mapped(cursor, target))
		return WHY_TARGET_ADDR;
	if (**cursor == '%')
		return WHY_TARGET_IF;
	return addr_is_unicast(target) ? NULL : WHY_UNICAST;
}

/**
 * spec_target() - Read what is behind the colon of an entry
 * @cursor:	Position behind the colon; moved on
 * @e:		Entry, its ports known; completed
 *
 * Return: NULL, or what would be right
 */
static const char *spec_target(const char **cursor, struct entry *e)
{
	size_t len = strcspn(*cursor, ",/");
	const char *why;
	uint16_t last;

	/* A port has none of these, an address has at least one */
	if (strcspn(*cursor, ".:[") < len) {
		why = spec_target_addr(cursor, &e->target);
		if (why || e->kind == ENTRY_ALL || !parse_literal(cursor, "/"))
			return why;
		if (!is_digit(**cursor))
			return WHY_TARGET_PORT;
	}
	if (e->kind == ENTRY_ALL)
		return WHY_ALL;
	if (!is_digit(**cursor))
		return WHY_TARGET;

	why = spec_ports(cursor, &e->to_first, &last);
	if (!why && last - e->to_first != e->last - e->first)
		why = WHY_LENGTH;
	return why;
}

/**
 * spec_entry() - Read an entry
 * @cursor:	Position; moved on, to a comma or the end
 * @e:		Filled with the entry
 *
 * Return: NULL, or what would be right
 */
static const char *spec_entry(const char **cursor, struct entry *e)
{
	static const char *const end[] = {
		[ENTRY_PORTS]	= WHY_COMMA,
		[ENTRY_EXCLUDE]	= WHY_EXCLUDE,
		[ENTRY_ALL]	= WHY_ALL,
		[ENTRY_AUTO]	= WHY_AUTO,
	};
	bool may_have_target = true;
	const char *why = NULL;

	*e = (struct entry){ .kind = ENTRY_PORTS };
	if (**cursor == ',' || parse_end(cursor))
		return WHY_GAP;

	if (parse_literal(cursor, "all")) {
		e->kind = ENTRY_ALL;
	} else if (parse_literal(cursor, "auto")) {
		e->kind = ENTRY_AUTO;
		may_have_target = false;
	} else if (parse_literal(cursor, "none")) {
		return WHY_NONE;
	} else {
		if (parse_literal(cursor, "~")) {
			e->kind = ENTRY_EXCLUDE;
			may_have_target = false;
		}
		if (!is_digit(**cursor))
			return **cursor == '-' ? WHY_RANGE_END : WHY_ENTRY;
		why = spec_ports(cursor, &e->first, &e->last);
		e->to_first = e->first;
	}
	if (!why && may_have_target && parse_literal(cursor, ":"))
		why = spec_target(cursor, e);
	if (!why && **cursor != ',' && !parse_end(cursor))
		why = end[e->kind];
	return why;
}

/**
 * spec_listen_check() - Can this be listened on?
 * @base:	Rule with address and interface
 *
 * Return: NULL, or what would be right
 */
static const char *spec_listen_check(const struct fwd_rule *base)
{
	const struct addr *a = &base->listen;

	if (addr_is_multicast(a) || addr_is_broadcast(a))
		return WHY_GROUP;
	if (addr_version(a) == V6 && addr_is_linklocal(a) && !*base->ifname)
		return WHY_SCOPE;
	return NULL;
}

/**
 * spec_listen_wrong() - What is wrong with where to listen?
 * @p:		Specification, that doesn't start with a right place to listen
 *
 * Return: NULL if it has none, or what would be right
 */
static const char *spec_listen_wrong(const char *p)
{
	const char *slash = strchr(p, '/');
	size_t digits = strspn(p, DIGITS);
	struct addr a;

	/* An entry: the slash, if there is one, may be that of a target */
	if ((digits && (!p[digits] || strchr("-,:", p[digits]))) || *p == '~' ||
	    !strncmp(p, "all", 3) || !strncmp(p, "auto", 4))
		return NULL;

	/* Such as 192.0.2.1:22, which isn't read as an address */
	if (!slash && p[digits] == '.' && strchr(p + digits + 1, '.'))
		return WHY_NO_SLASH;
	if (!slash)
		return *p == '%' || parse_addr_mapped(&p, &a) ? WHY_NO_SLASH :
								NULL;
	if (parse_addr_mapped(&p, &a) && *p == '/')
		return WHY_NO_PORTS;
	if (*p == '%')
		return WHY_IFNAME;
	return *p == '[' || memchr(p, ']', slash - p) ? WHY_BRACKET :
							WHY_LISTEN;
}

/**
 * spec_listen() - Read where to listen, if the specification says so
 * @cursor:	Position; moved on, behind the slash if there is one
 * @base:	Rule: address and interface are replaced
 *
 * A slash further on, that of a target, is left alone.
 *
 * Return: NULL, or what would be right
 */
static const char *spec_listen(const char **cursor, struct fwd_rule *base)
{
	char ifname[IFNAMSIZ] = "";
	struct addr a = { 0 };
	const char *p = *cursor;
	bool has_addr, has_if;

	has_addr = parse_addr_mapped(&p, &a);
	has_if = *p == '%';
	if (has_if)
		p++;
	if ((has_if && !parse_ifname(&p, ifname)) || (!has_addr && !has_if) ||
	    !parse_literal(&p, "/"))
		return spec_listen_wrong(*cursor);
	if (parse_end(&p))
		return WHY_NO_PORTS;

	base->listen = a;
	memcpy(base->ifname, ifname, sizeof(ifname));
	if (has_addr && !addr_is_set(&a))
		base->flags |= FWD_V6ONLY;
	*cursor = p;
	return spec_listen_check(base);
}

/**
 * list_is_same_place() - Do two rules listen on the same addresses?
 * @a:		Rule
 * @b:		Rule
 *
 * Return: true if they do
 */
static bool list_is_same_place(const struct fwd_rule *a,
			       const struct fwd_rule *b)
{
	return a->proto == b->proto && a->from == b->from &&
	       !((a->flags ^ b->flags) & FWD_V6ONLY) &&
	       addr_is_equal(&a->listen, &b->listen) &&
	       !strcmp(a->ifname, b->ifname);
}

/**
 * list_has_other() - Is a port in the list already, with another target?
 * @l:		List
 * @rule:	Rule that would add the port
 * @port:	Port
 *
 * Return: true if it is
 */
static bool list_has_other(const struct rule_list *l,
			   const struct fwd_rule *rule, unsigned port)
{
	unsigned i;

	for (i = 0; i < l->count; i++) {
		const struct fwd_rule *r = &l->rules[i];

		if (list_is_same_place(r, rule) &&
		    port >= r->first && port <= r->last)
			return r->to_first - r->first !=
			       rule->to_first - rule->first ||
			       !addr_is_equal(&r->target, &rule->target);
	}
	return false;
}

/**
 * list_covered() - Find the ports of a place that are in the list
 * @l:		List
 * @rule:	Rule that tells the place
 * @m:		Filled with the ports
 */
static void list_covered(const struct rule_list *l, const struct fwd_rule *rule,
			 struct portmap *m)
{
	unsigned i, port;

	*m = (struct portmap){ { 0 } };
	for (i = 0; i < l->count; i++) {
		const struct fwd_rule *r = &l->rules[i];

		if (!list_is_same_place(r, rule))
			continue;
		for (port = r->first; port <= r->last; port++)
			portmap_set(m, (uint16_t)port);
	}
}

/**
 * list_add() - Add a rule to a list, for the ports which aren't there yet
 * @l:		List
 * @rule:	Rule
 * @excluded:	Ports to leave out, NULL if there are none
 * @may_differ:	Those there may have another target: then that is in force
 *
 * Return: NULL, or what would be right
 */
static const char *list_add(struct rule_list *l, const struct fwd_rule *rule,
			    const struct portmap *excluded, bool may_differ)
{
	struct fwd_rule *run = NULL;
	struct portmap covered;
	unsigned port;

	list_covered(l, rule, &covered);
	for (port = rule->first; port <= rule->last; port++) {
		bool there = portmap_test(&covered, (uint16_t)port);

		if (excluded && portmap_test(excluded, (uint16_t)port))
			there = true;
		else if (there && !may_differ && list_has_other(l, rule, port))
			return WHY_CONFLICT;

		if (there) {
			run = NULL;
			continue;
		}
		if (!run) {
			if (l->count == l->max)
				return WHY_TOO_MANY;
			run = &l->rules[l->count++];
			*run = *rule;
			run->first = (uint16_t)port;
			run->to_first = (uint16_t)(rule->to_first +
						   (port - rule->first));
		}
		run->last = (uint16_t)port;
	}
	return NULL;
}

/**
 * spec_sum_up() - Read all entries once, for what they say together
 * @p:		First entry
 * @s:		Filled with that
 *
 * Return: NULL, or what would be right
 */
static const char *spec_sum_up(const char *p, struct summary *s)
{
	const char *why;
	struct entry e;
	unsigned port;

	*s = (struct summary){ .ports = false };
	do {
		why = spec_entry(&p, &e);
		if (why)
			return why;

		s->ports |= e.kind == ENTRY_PORTS;
		s->exclude |= e.kind == ENTRY_EXCLUDE;
		s->scan |= e.kind == ENTRY_AUTO;
		if (e.kind == ENTRY_EXCLUDE) {
			for (port = e.first; port <= e.last; port++)
				portmap_set(&s->excluded, (uint16_t)port);
		} else if (e.kind == ENTRY_ALL) {
			if (s->all && !addr_is_equal(&s->target, &e.target))
				return WHY_ALL_TWICE;
			s->all = true;
			s->target = e.target;
		}
	} while (parse_literal(&p, ","));

	if (!s->ports)
		s->all = true;
	return NULL;
}

/**
 * spec_rule() - Make the rule of an entry
 * @base:	What all rules of the specification have in common
 * @s:		What all entries say together
 * @e:		Entry
 * @rule:	Filled with the rule
 *
 * An address to go to narrows down those to listen on.
 *
 * Return: NULL, or what would be right
 */
static const char *spec_rule(const struct fwd_rule *base,
			     const struct summary *s, const struct entry *e,
			     struct fwd_rule *rule)
{
	enum ipver v = addr_version(&e->target);

	*rule = *base;
	rule->first = e->first;
	rule->last = e->last;
	rule->to_first = e->to_first;
	rule->target = e->target;
	if (s->scan)
		rule->flags |= FWD_WEAK | FWD_SCAN;
	if (!addr_is_set(&e->target))
		return NULL;

	if (addr_is_set(&base->listen) || base->flags & FWD_V6ONLY)
		return addr_version(&base->listen) == v ? NULL : WHY_VERSION;
	if (v == V4)
		rule->listen = addr_any[V4];
	else
		rule->flags |= FWD_V6ONLY;
	return NULL;
}

/**
 * exclude_ephemeral() - Leave out ports the kernel gives to outgoing flows
 * @m:		Ports excluded, added to
 *
 * Source: ip-sysctl.rst of the kernel, ip_local_port_range
 */
static void exclude_ephemeral(struct portmap *m)
{
	unsigned first = EPHEMERAL_FIRST, last = EPHEMERAL_LAST, port;
	char buf[32];

	if (util_read_file(PORT_RANGE_PATH, buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "%u %u", &first, &last) != 2) {
		first = EPHEMERAL_FIRST;
		last = EPHEMERAL_LAST;
	}
	for (port = first; port <= MIN(last, UINT16_MAX); port++)
		portmap_set(m, (uint16_t)port);
}

/**
 * spec_add_all() - Add the rules for what isn't named
 * @l:		List
 * @base:	What all rules of the specification have in common
 * @s:		What all entries say together
 *
 * Return: NULL, or what would be right
 */
static const char *spec_add_all(struct rule_list *l,
				const struct fwd_rule *base,
				const struct summary *s)
{
	const struct entry e = {
		.kind = ENTRY_ALL, .first = 1, .last = UINT16_MAX,
		.to_first = 1, .target = s->target,
	};
	struct portmap excluded = s->excluded;
	struct fwd_rule rule;
	const char *why;

	exclude_ephemeral(&excluded);
	why = spec_rule(base, s, &e, &rule);
	if (why)
		return why;
	rule.flags |= FWD_WEAK;
	return list_add(l, &rule, &excluded, true);
}

/**
 * spec_to_list() - Make rules of a specification
 * @spec:	Specification
 * @base:	What they have in common
 * @l:		List, empty; added to
 *
 * Return: NULL, or what would be right
 */
static const char *spec_to_list(const char *spec, struct fwd_rule *base,
				struct rule_list *l)
{
	struct fwd_rule rule;
	struct summary s;
	struct entry e;
	const char *why;

	if (parse_end(&spec))
		return WHY_EMPTY;
	why = spec_listen(&spec, base);
	if (!why)
		why = spec_sum_up(spec, &s);
	if (why)
		return why;

	do {
		spec_entry(&spec, &e);	/* Read once already, so it's right */
		if (e.kind != ENTRY_PORTS)
			continue;
		why = spec_rule(base, &s, &e, &rule);
		if (!why)
			why = list_add(l, &rule, &s.excluded, false);
		if (why)
			return why;
	} while (parse_literal(&spec, ","));

	if (s.all)
		why = spec_add_all(l, base, &s);
	if (!why && !l->count)
		why = WHY_NOTHING;
	return why;
}

/**
 * fwd_spec_parse() - Make rules of one specification
 * @spec:	Specification
 * @base:	What all rules have in common: protocol, place to listen at,
 *		flags; and an interface, unless @spec says where to listen
 * @rules:	Filled with the rules, in the order of their naming
 * @max:	Room there
 * @why:	Set to what would be right, on failure
 *
 * Return: number of rules, -1 if the specification is wrong
 */
int fwd_spec_parse(const char *spec, const struct fwd_rule *base,
		   struct fwd_rule *rules, unsigned max, const char **why)
{
	struct rule_list l = { rules, max, 0 };
	struct fwd_rule common = *base;

	if (!strcmp(spec, "none"))
		return 0;

	*why = spec_to_list(spec, &common, &l);
	return *why ? -1 : (int)l.count;
}

/**
 * rule_is_enabled() - Is the IP version of a rule enabled?
 * @conf:	Configuration
 * @rule:	Rule
 *
 * Return: true if it is, or at least one of both
 */
static bool rule_is_enabled(const struct conf *conf,
			    const struct fwd_rule *rule)
{
	if (addr_is_set(&rule->listen) || rule->flags & FWD_V6ONLY)
		return conf->ip[addr_version(&rule->listen)].enabled;

	return true;
}

/**
 * rules_add_spec() - Add the rules of one specification
 * @conf:	Configuration
 * @kind:	Option it is of
 * @spec:	Specification
 * @weak:	Add the rules with FWD_WEAK, else those without
 * @l:		List
 *
 * Return: NULL, or what would be right
 */
static const char *rules_add_spec(const struct conf *conf, enum conf_ports kind,
				  const char *spec, bool weak,
				  struct rule_list *l)
{
	static struct fwd_rule rules[FWD_RULES_MAX];
	bool from_ns = kind == PORTS_TCP_NS || kind == PORTS_UDP_NS;
	bool udp = kind == PORTS_UDP || kind == PORTS_UDP_NS;
	struct fwd_rule base = {
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.from = from_ns ? PLACE_NS : PLACE_HOST,
		.flags = conf->freebind && !from_ns ? FWD_FREEBIND : 0,
	};
	const char *why = NULL;
	int i, n;

	/* Others than local flows aren't for sockets in the namespace, nor
	 * for us at all if there is no interface
	 */
	if (from_ns || conf->splice_only)
		util_copy_str(base.ifname, "lo", sizeof(base.ifname));

	n = fwd_spec_parse(spec, &base, rules, FWD_RULES_MAX, &why);
	for (i = 0; i < n && !why; i++) {
		if (!(rules[i].flags & FWD_WEAK) == !weak &&
		    rule_is_enabled(conf, &rules[i]))
			why = list_add(l, &rules[i], NULL, weak);
	}
	return why;
}

/**
 * rules_add_given() - Add the rules of all uses of an option
 * @conf:	Configuration
 * @kind:	Option
 * @l:		List
 *
 * Ends the program if they contradict each other.
 */
static void rules_add_given(const struct conf *conf, enum conf_ports kind,
			    struct rule_list *l)
{
	static const char *const name[] = {
		[PORTS_TCP]	= "tcp-ports",
		[PORTS_UDP]	= "udp-ports",
		[PORTS_TCP_NS]	= "tcp-ns",
		[PORTS_UDP_NS]	= "udp-ns",
	};
	unsigned before = l->count, i, weak;

	for (weak = 0; weak < 2; weak++) {
		for (i = 0; i < conf->ports_count[kind]; i++) {
			const char *spec = conf->ports[kind][i];
			const char *why = rules_add_spec(conf, kind, spec,
							 weak, l);

			if (weak && l->count > before && !strcmp(spec, "none"))
				debug("option '--%s': 'none' has no effect "
				      "besides others", name[kind]);
			if (why)
				die("option '--%s': invalid value '%.80s' "
				    "besides others, accepted: %s", name[kind],
				    spec, why);
		}
	}
}

/**
 * rules_add_implied() - Have UDP ports follow the TCP ports
 * @from:	Place to listen at: PLACE_HOST or PLACE_NS
 * @l:		List
 *
 * What doesn't fit in is left out: nobody has asked for it.
 */
static void rules_add_implied(uint8_t from, struct rule_list *l)
{
	unsigned i, n = l->count;

	for (i = 0; i < n; i++) {
		struct fwd_rule rule = l->rules[i];

		if (rule.from != from || rule.proto != IPPROTO_TCP)
			continue;
		rule.proto = IPPROTO_UDP;
		rule.to_first = rule.first;
		rule.flags |= FWD_WEAK | FWD_IMPLIED;
		list_add(l, &rule, NULL, true);
	}
}

/**
 * list_cut() - Take out of a rule what another one covers
 * @l:		List
 * @i:		Index of the rule, it becomes 0 to 3 rules
 * @by:		The other one
 *
 * Return: NULL, or what would be right
 */
static const char *list_cut(struct rule_list *l, unsigned i,
			    const struct fwd_rule *by)
{
	struct fwd_rule rest[3], whole = l->rules[i];
	uint16_t first = MAX(whole.first, by->first);
	uint16_t last = MIN(whole.last, by->last);
	unsigned covered = fwd_rule_covers(by, &whole), n = 0, k;

	for (k = 0; k < ARRAY_SIZE(rest); k++)
		rest[k] = whole;
	if (whole.first < first)
		rest[n++].last = first - 1;
	if (covered != fwd_rule_versions(&whole)) {
		if (covered == 1U << V4)
			rest[n].flags |= FWD_V6ONLY;
		else
			rest[n].listen = addr_any[V4];
		rest[n].first = first;
		rest[n++].last = last;
	}
	if (whole.last > last)
		rest[n++].first = last + 1;
	for (k = 0; k < n; k++)
		rest[k].to_first += rest[k].first - whole.first;

	if (l->count - 1 + n > l->max)
		return WHY_TOO_MANY;
	memmove(&l->rules[i + n], &l->rules[i + 1],
		(l->count - i - 1) * sizeof(whole));
	memcpy(&l->rules[i], rest, n * sizeof(whole));
	l->count += n - 1;
	return NULL;
}

/**
 * list_cut_all() - Take out of all rules what others cover
 * @l:		List
 * @partly:	Also where that is one of two IP versions
 *
 * Takes as long as there are pairs of rules.
 *
 * Return: NULL, or what would be right
 */
static const char *list_cut_all(struct rule_list *l, bool partly)
{
	unsigned i = 0, k = 0;

	while (i < l->count) {
		const struct fwd_rule *r = &l->rules[i];
		struct fwd_rule by;
		unsigned covered;
		const char *why;

		if (k == l->count) {
			i++;
			k = 0;
			continue;
		}
		by = l->rules[k++];
		covered = k - 1 == i ? 0 : fwd_rule_covers(&by, r);
		if (!covered || (!partly && covered != fwd_rule_versions(r)))
			continue;
		why = list_cut(l, i, &by);
		if (why)
			return why;
		k = 0;
	}
	return NULL;
}

/**
 * list_resolve() - Have rules not get in each other's way
 * @l:		List
 *
 * Ends the program if that can't be.
 */
static void list_resolve(struct rule_list *l)
{
	char a[FWD_RULE_STRLEN], b[FWD_RULE_STRLEN];
	const char *why = list_cut_all(l, false);
	unsigned i, k;

	if (!why)
		why = list_cut_all(l, true);
	if (why)
		die("options to forward ports: accepted: %s", why);

	for (i = 0; i < l->count; i++) {
		for (k = 0; k < i; k++) {
			if (!fwd_rule_collides(&l->rules[k], &l->rules[i]))
				continue;
			die("options to forward ports: '%s' and '%s' overlap, "
			    "accepted: one target for each port, and "
			    "interfaces that are all named or none",
			    fwd_rule_str(&l->rules[k], a, sizeof(a)),
			    fwd_rule_str(&l->rules[i], b, sizeof(b)));
		}
	}
}

/**
 * fwd_spec_rules() - Make rules of all options, given or by default
 * @conf:	Configuration
 * @rules:	Filled with the rules
 * @max:	Room there
 *
 * Settings of an IP version or protocol that is disabled have no effect. Ends
 * the program if options contradict each other.
 *
 * Return: number of rules
 */
unsigned fwd_spec_rules(const struct conf *conf, struct fwd_rule *rules,
			unsigned max)
{
	bool pasta = conf->mode == MODE_PASTA;
	struct rule_list l = { rules, max, 0 };
	unsigned kind;

	for (kind = 0; kind < PORTS_KINDS; kind++) {
		bool from_ns = kind == PORTS_TCP_NS || kind == PORTS_UDP_NS;
		bool udp = kind == PORTS_UDP || kind == PORTS_UDP_NS;

		if ((udp ? conf->no_udp : conf->no_tcp) || (from_ns && !pasta))
			continue;
		if (conf->ports_count[kind]) {
			rules_add_given(conf, kind, &l);
			continue;
		}
		if (udp)
			rules_add_implied(from_ns ? PLACE_NS : PLACE_HOST, &l);
		if (pasta)
			rules_add_spec(conf, kind, "auto", true, &l);
	}
	list_resolve(&l);
	return l.count;
}

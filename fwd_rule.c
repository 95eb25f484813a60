// SPDX-License-Identifier: BSD-3-Clause
/* fwd_rule.c - rules on forwarded ports: their table, and how they relate
 *
 * The table knows of no sockets: who listens keeps both together.
 *
 * A rule can make another one superfluous, fwd_rule_covers(), or keep it from
 * being served, fwd_rule_collides(): the kernel gives a port to one socket
 * only, on addresses that overlap. Rules with FWD_WEAK take what is left, so
 * they collide with none.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "fwd.h"
#include "util.h"

#define FWD_RANGE_STRLEN	sizeof("4294967295-4294967295")

/* Of both rules, for one to cover the other: not whether :: is meant */
#define FLAGS_SAME		((uint8_t)~FWD_V6ONLY)

/**
 * fwd_rule_versions() - IP versions that a rule is about
 * @r:		Rule
 *
 * Return: a bit for each enum ipver
 */
unsigned fwd_rule_versions(const struct fwd_rule *r)
{
	if (addr_is_set(&r->listen))
		return 1U << addr_version(&r->listen);
	return r->flags & FWD_V6ONLY ? 1U << V6 : 1U << V4 | 1U << V6;
}

/**
 * fwd_rule_is_any() - Does a rule listen on any address of its IP versions?
 * @r:		Rule
 *
 * Return: true if it does
 */
static bool fwd_rule_is_any(const struct fwd_rule *r)
{
	return !addr_is_set(&r->listen) || addr_is_unspecified(&r->listen);
}

/**
 * fwd_rule_covers() - Is what a rule is about served by another one?
 * @wide:	The other one
 * @r:		Rule; only ports that are in both are looked at
 *
 * A loopback address is one of interface lo, said or not.
 *
 * Return: IP versions that are, a bit for each enum ipver; 0 if it's none, or
 *	   there is no port in both
 */
unsigned fwd_rule_covers(const struct fwd_rule *wide, const struct fwd_rule *r)
{
	const char *ifname = r->ifname;

	if (!*ifname && addr_is_loopback(&r->listen))
		ifname = "lo";
	if (wide->proto != r->proto || wide->from != r->from ||
	    wide->first > r->last || wide->last < r->first ||
	    wide->to_first - wide->first != r->to_first - r->first ||
	    !addr_is_equal(&wide->target, &r->target) ||
	    (wide->flags ^ r->flags) & FLAGS_SAME ||
	    (*wide->ifname && strcmp(wide->ifname, ifname)) ||
	    (!fwd_rule_is_any(wide) &&
	     !addr_is_equal(&wide->listen, &r->listen)))
		return 0;
	return fwd_rule_versions(wide) & fwd_rule_versions(r);
}

/**
 * fwd_rule_collides() - Do two rules want the same port of the same address?
 * @a:		Rule
 * @b:		Rule
 *
 * Return: true if not both can be served
 *
 * Source: net/ipv4/inet_connection_sock.c and net/ipv4/udp.c, Linux: sockets
 *	   of different interfaces can share a port, not those of one and of any
 */
bool fwd_rule_collides(const struct fwd_rule *a, const struct fwd_rule *b)
{
	return a->proto == b->proto && a->from == b->from &&
	       !((a->flags | b->flags) & FWD_WEAK) &&
	       a->first <= b->last && a->last >= b->first &&
	       (!*a->ifname || !*b->ifname || !strcmp(a->ifname, b->ifname)) &&
	       fwd_rule_versions(a) & fwd_rule_versions(b) &&
	       (fwd_rule_is_any(a) || fwd_rule_is_any(b) ||
		addr_is_equal(&a->listen, &b->listen));
}

/**
 * fwd_rule_is_equal() - Do two rules say the same?
 * @a:		Rule
 * @b:		Rule
 *
 * What a rule does if a port can't be bound doesn't count.
 *
 * Return: true if they do
 */
static bool fwd_rule_is_equal(const struct fwd_rule *a,
			      const struct fwd_rule *b)
{
	return a->proto == b->proto && a->from == b->from &&
	       !((a->flags ^ b->flags) & FWD_V6ONLY) &&
	       addr_is_equal(&a->listen, &b->listen) &&
	       !strcmp(a->ifname, b->ifname) &&
	       a->first == b->first && a->last == b->last &&
	       addr_is_equal(&a->target, &b->target) &&
	       a->to_first == b->to_first;
}

/**
 * fwd_table_find() - Look for a rule
 * @t:		Table
 * @rule:	Rule that says the same
 *
 * Return: index, -ENOENT if there is none
 */
int fwd_table_find(const struct fwd_table *t, const struct fwd_rule *rule)
{
	int i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		if (t->rules[i].proto && fwd_rule_is_equal(&t->rules[i], rule))
			return i;
	}
	return -ENOENT;
}

/**
 * fwd_table_add() - Put a rule into the table
 * @t:		Table
 * @rule:	Rule
 *
 * Return: index, that of the rule which says the same if there is one; -ENOSPC
 *	   if the table is full
 */
int fwd_table_add(struct fwd_table *t, const struct fwd_rule *rule)
{
	int i = fwd_table_find(t, rule);

	if (i >= 0)
		return i;
	for (i = 0; i < FWD_RULES_MAX; i++) {
		if (t->rules[i].proto)
			continue;
		t->rules[i] = *rule;
		return i;
	}
	return -ENOSPC;
}

/**
 * fwd_table_remove() - Take a rule out of the table
 * @t:		Table
 * @index:	Its index
 */
void fwd_table_remove(struct fwd_table *t, unsigned index)
{
	t->rules[index] = (struct fwd_rule){ 0 };
}

/**
 * fwd_table_covers() - Are all ports of a rule served by one of the table?
 * @t:		Table
 * @rule:	Rule
 *
 * Return: true if they are
 */
bool fwd_table_covers(const struct fwd_table *t, const struct fwd_rule *rule)
{
	unsigned versions = fwd_rule_versions(rule), i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		const struct fwd_rule *r = &t->rules[i];

		if (r->proto && r->first <= rule->first &&
		    r->last >= rule->last &&
		    fwd_rule_covers(r, rule) == versions)
			return true;
	}
	return false;
}

/**
 * fwd_table_collides() - Look for a rule that keeps another from being served
 * @t:		Table
 * @rule:	The other one
 *
 * Return: index, -ENOENT if there is none
 */
int fwd_table_collides(const struct fwd_table *t, const struct fwd_rule *rule)
{
	int i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		if (t->rules[i].proto && fwd_rule_collides(&t->rules[i], rule))
			return i;
	}
	return -ENOENT;
}

/**
 * fwd_range_str() - Text of a range of ports
 * @first:	First port
 * @last:	Last port
 * @buf:	Where to write it
 *
 * Return: @buf
 */
static const char *fwd_range_str(unsigned first, unsigned last,
				 char buf[static FWD_RANGE_STRLEN])
{
	if (first == last)
		snprintf(buf, FWD_RANGE_STRLEN, "%u", first);
	else
		snprintf(buf, FWD_RANGE_STRLEN, "%u-%u", first, last);
	return buf;
}

/**
 * fwd_rule_str() - Text of a rule, such as "TCP [192.0.2.1]:2222  =>  22"
 * @rule:	Rule
 * @buf:	Where to write it
 * @size:	Bytes there, FWD_RULE_STRLEN are enough
 *
 * Return: @buf
 */
const char *fwd_rule_str(const struct fwd_rule *rule, char *buf, size_t size)
{
	char listen[ADDR_STRLEN] = "*", target[ADDR_STRLEN] = "";
	char from[FWD_RANGE_STRLEN], to[FWD_RANGE_STRLEN];
	bool has_target = addr_is_set(&rule->target);
	bool bracket = has_target && addr_version(&rule->target) == V6;

	if (addr_is_set(&rule->listen) || rule->flags & FWD_V6ONLY)
		addr_str(&rule->listen, listen);
	if (has_target)
		addr_str(&rule->target, target);

	snprintf(buf, size, "%s [%s]%s%s:%s  =>  %s%s%s%s%s%s%s%s",
		 rule->proto == IPPROTO_UDP ? "UDP" : "TCP", listen,
		 *rule->ifname ? "%" : "", rule->ifname,
		 fwd_range_str(rule->first, rule->last, from),
		 bracket ? "[" : "", target, bracket ? "]" : "",
		 has_target ? ":" : "",
		 fwd_range_str(rule->to_first, (unsigned)rule->to_first +
			       rule->last - rule->first, to),
		 rule->flags & FWD_WEAK ? "  (best effort)" : "",
		 rule->flags & FWD_SCAN ? " (auto-scan)" : "",
		 rule->flags & FWD_IMPLIED ? " (as TCP)" : "");
	return buf;
}

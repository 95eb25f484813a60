// SPDX-License-Identifier: BSD-3-Clause
/* listen_scan.c - forwarded ports that follow what is bound behind them
 *
 * A rule with FWD_SCAN listens on a port as long as its target port is bound:
 * on the host for rules that listen in the namespace, and the other way around.
 * listen_scan() looks once every SCAN_MS, and binds and closes what has
 * changed. What can't be bound is tried again the next time: mostly, another
 * program has that port.
 *
 * Our own listeners behind are not counted. Without that, two rules of opposite
 * direction would each keep the other's port alive for ever.
 *
 * For UDP rules that follow TCP ones, FWD_IMPLIED, a port that is bound for TCP
 * counts as well: programs such as iperf3 bind the UDP port only after the
 * client has spoken to them by TCP.
 */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "flow.h"
#include "listen.h"
#include "listen_tab.h"
#include "log.h"
#include "passt.h"

#define SCAN_MS		1000

#define WORD_BITS	64U

/**
 * listen_files() - What tells which ports are bound at some place
 * @ls:		Listeners
 * @place:	PLACE_HOST or PLACE_NS
 *
 * Return: its descriptors
 */
struct portscan *listen_files(struct listeners *ls, uint8_t place)
{
	return &ls->files[place == PLACE_NS];
}

/**
 * listen_scan_own() - Take our own listeners out of a map
 * @ls:		Listeners
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @place:	Where the map is from
 * @m:		Map
 *
 * Takes as long as there are listeners at @place.
 */
static void listen_scan_own(const struct listeners *ls, uint8_t proto,
			    uint8_t place, struct portmap *m)
{
	unsigned i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		const struct fwd_rule *r = &ls->table.rules[i];
		uint32_t at;

		if (r->proto != proto || r->from != place)
			continue;
		for (at = ls->head[i]; at != LISTEN_NONE;
		     at = ls->all[at].next)
			portmap_clear(m, ls->all[at].port);
	}
}

/**
 * listen_scan_read() - Read which ports others have bound
 * @ls:		Listeners
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @place:	Where: PLACE_HOST or PLACE_NS
 * @m:		Set to the ports
 *
 * Return: 0, or -errno
 */
static int listen_scan_read(struct listeners *ls, uint8_t proto, uint8_t place,
			    struct portmap *m)
{
	int rc = portscan_read(listen_files(ls, place), proto, m);

	if (!rc)
		listen_scan_own(ls, proto, place, m);
	else if (rc != -ENOENT)
		warn_limited("Can't read which ports are bound: %s",
			     log_strerror(-rc));
	return rc;
}

/**
 * listen_scan_target() - Port that a rule leads to
 * @r:		Rule
 * @port:	Port it listens on
 *
 * Return: port
 */
static uint16_t listen_scan_target(const struct fwd_rule *r, uint16_t port)
{
	return (uint16_t)(port - r->first + r->to_first);
}

/**
 * listen_scan_tell() - Tell of a port that is forwarded now, or no more
 * @r:		Rule
 * @port:	Port it listens on
 * @now:	Whether it is forwarded now
 */
static void listen_scan_tell(const struct fwd_rule *r, unsigned port, bool now)
{
	debug("%s port %u of the %s is %s, to port %u",
	      r->proto == IPPROTO_UDP ? "UDP" : "TCP", port,
	      r->from == PLACE_NS ? "namespace" : "host",
	      now ? "forwarded now" : "not forwarded any more",
	      listen_scan_target(r, (uint16_t)port));
}

/**
 * listen_scan_close() - Close what is no longer bound behind
 * @c:		Execution context
 * @rule:	Index of the rule
 * @bound:	Ports that are
 * @have:	Set to ports behind that the rule serves already
 */
static void listen_scan_close(struct ctx *c, unsigned rule,
			      const struct portmap *bound,
			      struct portmap *have)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	uint32_t *link = &c->listen->head[rule];

	*have = (struct portmap){ { 0 } };
	while (*link != LISTEN_NONE) {
		struct listener *l = &c->listen->all[*link];
		uint16_t target = listen_scan_target(r, l->port);

		if (!portmap_test(bound, target)) {
			listen_scan_tell(r, l->port, false);
			listen_close_at(c, link);
			continue;
		}
		portmap_set(have, target);
		link = &l->next;
	}
}

/**
 * listen_scan_open() - Listen on a port, something is bound behind it
 * @c:		Execution context
 * @rule:	Index of the rule
 * @target:	Port behind
 *
 * Return: false if there is no point in trying others now
 */
static bool listen_scan_open(struct ctx *c, unsigned rule, unsigned target)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	uint16_t port = (uint16_t)(target - r->to_first + r->first);
	int rc = listen_open_port(c, rule, port);

	if (rc >= 0)
		listen_scan_tell(r, port, true);
	if (!listen_is_exhausted(rc))
		return true;
	warn_limited("Can't forward port %u: %s", port, log_strerror(-rc));
	return false;
}

/**
 * listen_scan_rule() - Have a rule follow what is bound
 * @c:		Execution context
 * @rule:	Index of the rule
 * @bound:	Ports bound behind
 */
static void listen_scan_rule(struct ctx *c, unsigned rule,
			     const struct portmap *bound)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	unsigned first = r->to_first, last, word;
	static struct portmap have;

	last = first + r->last - r->first;
	listen_scan_close(c, rule, bound, &have);

	for (word = first / WORD_BITS; word <= last / WORD_BITS; word++) {
		uint64_t bits = bound->bits[word] & ~have.bits[word];

		for (; bits; bits &= bits - 1) {
			unsigned port = word * WORD_BITS +
					(unsigned)__builtin_ctzll(bits);

			if (port >= first && port <= last &&
			    !listen_scan_open(c, rule, port))
				return;
		}
	}
}

/**
 * listen_scan_kind() - Have all rules of one kind follow what is bound
 * @c:		Execution context
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @from:	Where they listen: PLACE_HOST or PLACE_NS
 */
static void listen_scan_kind(struct ctx *c, uint8_t proto, uint8_t from)
{
	uint8_t behind = from == PLACE_NS ? PLACE_HOST : PLACE_NS;
	static struct portmap bound, implied;
	struct listeners *ls = c->listen;
	bool have = false, have_implied = false;
	unsigned i, word;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		const struct fwd_rule *r = &ls->table.rules[i];

		if (r->proto != proto || r->from != from ||
		    !(r->flags & FWD_SCAN))
			continue;
		if (!have && listen_scan_read(ls, proto, behind, &bound))
			return;
		have = true;

		if (!(r->flags & FWD_IMPLIED)) {
			listen_scan_rule(c, i, &bound);
			continue;
		}
		if (!have_implied &&
		    listen_scan_read(ls, IPPROTO_TCP, behind, &implied))
			return;
		for (word = 0; !have_implied && word < ARRAY_SIZE(bound.bits);
		     word++)
			implied.bits[word] |= bound.bits[word];
		have_implied = true;
		listen_scan_rule(c, i, &implied);
	}
}

/**
 * listen_scan() - Have all rules that follow bound ports do so
 * @c:		Execution context
 */
void listen_scan(struct ctx *c)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		listen_scan_kind(c, protos[i], PLACE_HOST);
		listen_scan_kind(c, protos[i], PLACE_NS);
	}
}

/**
 * listen_scan_timer() - Time to look
 * @t:		Timer
 * @arg:	Execution context
 */
static void listen_scan_timer(struct timer *t, void *arg)
{
	struct ctx *c = arg;

	listen_scan(c);
	timer_set(c->wheel, t, c->now_ms + SCAN_MS);
}

/**
 * listen_scan_init() - Prepare
 * @ls:		Listeners
 */
void listen_scan_init(struct listeners *ls)
{
	memset(ls->files, 0xff, sizeof(ls->files));	/* All -1 */
	ls->scan.fn = listen_scan_timer;
}

/**
 * listen_scan_start() - Look now and then, from now on
 * @c:		Execution context
 */
void listen_scan_start(struct ctx *c)
{
	if (!timer_is_pending(&c->listen->scan))
		timer_set(c->wheel, &c->listen->scan, c->now_ms + SCAN_MS);
}

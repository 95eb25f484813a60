// SPDX-License-Identifier: BSD-3-Clause
/* listen.c - listening sockets: forwarded ports of host and namespace
 *
 * The table of rules in force lives here, with the sockets that serve each
 * rule: one a port, which takes both IP versions where that is asked for and
 * possible, else one for each version. A port that could be bound for one
 * version only counts as bound: the other's may belong to somebody else.
 *
 * listen_add() is atomic: either all ports of a rule are bound, or nothing
 * changes. Rules with FWD_WEAK are content with one port, as long as it isn't
 * for lack of resources that the others fail. Those with FWD_SCAN are bound and
 * closed as ports come and go, see listen_scan.c. A rule that is in the table
 * already, or is covered by one there, is not added, and that is no error; one
 * that collides with another of ours is refused at once. listen_remove() closes
 * sockets; the connections they had accepted live on, UDP flows don't: answers
 * could not leave from the right port any more.
 *
 * At start-up, listen_init() adds the rules of all options: a port that is in
 * use is tried again for a while, as another instance may be about to end.
 *
 * What comes in at the sockets is in listen_event.c.
 *
 * The table of listeners has room for every port and is never enlarged; what
 * isn't used of it takes no memory.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flow.h"
#include "fwd_spec.h"
#include "listen.h"
#include "listen_tab.h"
#include "log.h"
#include "nsock.h"
#include "passt.h"
#include "sock.h"
#include "syscalls.h"
#include "udp.h"

/* What is called after start-up, see seccomp.c */
const char listen_syscalls[] = "close epoll_ctl socket";

/* At start-up: how long to try again what is in use, and how long if that goes
 * for one IP version only, then with the other one
 */
#define RETRY_MS		2000
#define RETRY_PARTLY_MS		100
#define RETRY_EACH_MS		20

#define PORT_START_PATH	"/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define PORT_START_NAME	"net.ipv4.ip_unprivileged_port_start"
#define PORT_START_DEFAULT	1024

/**
 * struct listen_result - how binding the ports of a rule went
 * @bound:	Ports bound
 * @partly:	First port that is in use for one IP version, and bound for the
 *		other, 0 if there is none
 * @rc:		-errno of the first port that could not be bound, else 0
 * @port:	That port
 */
struct listen_result {
	unsigned bound;
	uint16_t partly;
	int rc;
	uint16_t port;
};

/**
 * listen_is_exhausted() - Is there no point in trying other ports?
 * @rc:		-errno; -EPIPE and -EAGAIN are about nsock_get()
 *
 * Return: true if resources are exhausted, false if it is about the one port
 */
bool listen_is_exhausted(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ||
	       rc == -ENOBUFS || rc == -ENOSPC || rc == -EPIPE ||
	       rc == -EAGAIN;
}

/**
 * listen_watch() - Register a listener with the event loop, or change that
 * @c:		Execution context
 * @index:	Index of the listener
 * @op:		EPOLL_CTL_ADD or EPOLL_CTL_MOD
 * @events:	EPOLLIN, or 0 to let it rest
 *
 * Return: 0, or -errno
 */
int listen_watch(const struct ctx *c, uint32_t index, int op, uint32_t events)
{
	union event_ref ref = { .index = index, .type = EVENT_LISTEN };
	struct epoll_event ev = { .events = events, .data.u64 = ref.u64 };

	return epoll_ctl(c->epollfd, op, c->listen->all[index].fd, &ev) ?
	       -errno : 0;
}

/**
 * listen_enter() - Take a socket into the table
 * @c:		Execution context
 * @rule:	Index of its rule
 * @port:	Its port
 * @fd:		Socket
 *
 * Return: 0, or -errno: @fd remains open
 */
static int listen_enter(struct ctx *c, unsigned rule, uint16_t port, int fd)
{
	struct listeners *ls = c->listen;
	uint32_t index = ls->free;
	struct listener *l;
	int rc;

	if (index == LISTEN_NONE && ls->fresh == LISTEN_MAX)
		return -ENOSPC;
	if (index == LISTEN_NONE)
		index = ls->fresh;
	l = &ls->all[index];

	l->fd = fd;
	rc = listen_watch(c, index, EPOLL_CTL_ADD, EPOLLIN);
	if (rc) {
		l->fd = -1;
		return rc;
	}

	if (index == ls->fresh)
		ls->fresh++;
	else
		ls->free = l->next;
	l->rule = (uint16_t)rule;
	l->port = port;
	l->paused = false;
	l->next = ls->head[rule];
	ls->head[rule] = index;
	return 0;
}

/**
 * listen_close_at() - Close a listener
 * @c:		Execution context
 * @link:	What refers to it in the list of its rule: then to the next one
 */
void listen_close_at(struct ctx *c, uint32_t *link)
{
	struct listeners *ls = c->listen;
	uint32_t index = *link;
	struct listener *l = &ls->all[index];

	if (listen_rule(c, l)->proto == IPPROTO_UDP)
		udp_listener_closed(c, l->fd);
	close(l->fd);
	l->fd = -1;
	*link = l->next;
	l->next = ls->free;
	ls->free = index;
}

/**
 * listen_close_rule() - Close all listeners of a rule
 * @c:		Execution context
 * @rule:	Index of the rule
 */
static void listen_close_rule(struct ctx *c, unsigned rule)
{
	while (c->listen->head[rule] != LISTEN_NONE)
		listen_close_at(c, &c->listen->head[rule]);
}

/**
 * listen_by_other() - Have a process that may do so bind a socket
 * @n:		That process, NULL if there is none
 * @fd:		Socket, sock_listen() failed with -EACCES
 * @p:		Where to listen
 *
 * Return: 0, or -errno: -EACCES if there is nobody, or its answer
 */
static int listen_by_other(struct nsock *n, int fd, const struct sock_listen *p)
{
	int rc = nsock_bind(n, fd, &p->addr, p->port);

	return rc ? rc : sock_listen_bound(fd, p);
}

/**
 * listen_open_one() - Make one listener
 * @c:		Execution context
 * @rule:	Index of its rule
 * @addr:	Address to listen on
 * @v6only:	Take no IPv4, if that address is ::
 * @port:	Port
 *
 * Return: 0, or -errno
 */
static int listen_open_one(struct ctx *c, unsigned rule,
			   const struct addr *addr, bool v6only, uint16_t port)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	struct sock_listen p = {
		.proto = r->proto, .v6only = v6only, .port = port,
		.freebind = r->flags & FWD_FREEBIND, .addr = *addr,
		.ifname = r->ifname,
	};
	enum ipver v = addr_version(addr);
	int fd, rc;

	if (r->from == PLACE_NS) {
		fd = nsock_get(c->nsock, v, r->proto);
	} else {
		fd = socket(addr_family(v), SOCK_NONBLOCK | SOCK_CLOEXEC |
			    (r->proto == IPPROTO_TCP ? SOCK_STREAM :
						       SOCK_DGRAM), 0);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return fd;

	/* Before it is bound: also the first datagrams are to tell all */
	if (r->proto == IPPROTO_UDP)
		udp_listener_opened(fd);
	rc = sock_listen(fd, &p);
	if (rc == -EACCES)
		rc = listen_by_other(r->from == PLACE_NS ? c->nsock : c->binder,
				     fd, &p);
	if (!rc)
		rc = listen_enter(c, rule, port, fd);
	if (rc)
		close(fd);
	return rc;
}

/**
 * listen_open_port() - Listen on one port of a rule
 * @c:		Execution context
 * @rule:	Index of the rule
 * @port:	Port
 *
 * Return: 0, 1 if the port is bound for one IP version and in use for the
 *	   other, or -errno if it is bound for none
 */
int listen_open_port(struct ctx *c, unsigned rule, uint16_t port)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	bool v4 = c->conf.ip[V4].enabled, v6 = c->conf.ip[V6].enabled;
	int rc4 = -EAFNOSUPPORT, rc6 = -EAFNOSUPPORT;

	if (addr_is_set(&r->listen)) {
		if (!c->conf.ip[addr_version(&r->listen)].enabled)
			return -EAFNOSUPPORT;
		return listen_open_one(c, rule, &r->listen, false, port);
	}

	if (r->flags & FWD_V6ONLY)
		v4 = false;
	if (v4 && v6) {
		int rc = listen_open_one(c, rule, &addr_any[V6], false, port);

		if (!rc || listen_is_exhausted(rc))
			return rc;
	}
	if (v4)
		rc4 = listen_open_one(c, rule, &addr_any[V4], false, port);
	if (v6)
		rc6 = listen_open_one(c, rule, &addr_any[V6], true, port);
	if (rc4 && rc6)
		return v4 ? rc4 : rc6;
	return rc4 == -EADDRINUSE || rc6 == -EADDRINUSE;
}

/**
 * listen_bind_rule() - Listen on all ports of a rule
 * @c:		Execution context
 * @rule:	Index of the rule
 * @res:	Set to how that went
 *
 * Return: 0, or -errno if the rule isn't served as it should: then its
 *	   listeners are closed
 */
static int listen_bind_rule(struct ctx *c, unsigned rule,
			    struct listen_result *res)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	bool weak = r->flags & FWD_WEAK;
	unsigned port;

	*res = (struct listen_result){ .bound = 0 };
	if (r->flags & FWD_SCAN)
		return 0;

	for (port = r->first; port <= r->last; port++) {
		int rc = listen_open_port(c, rule, (uint16_t)port);

		if (rc >= 0) {
			res->bound++;
			if (rc && !res->partly)
				res->partly = (uint16_t)port;
			continue;
		}
		if (!res->rc || listen_is_exhausted(rc)) {
			res->rc = rc;
			res->port = (uint16_t)port;
		}
		if (!weak || listen_is_exhausted(rc))
			break;
	}

	if (res->rc && (!weak || !res->bound || listen_is_exhausted(res->rc))) {
		listen_close_rule(c, rule);
		return res->rc;
	}
	return 0;
}

/**
 * listen_option_str() - Text of a rule, as an option
 * @r:		Rule
 * @buf:	Where to write it
 * @size:	Bytes there
 *
 * Return: @buf
 */
static const char *listen_option_str(const struct fwd_rule *r, char *buf,
				     size_t size)
{
	char addr[ADDR_STRLEN] = "", target[ADDR_STRLEN] = "";
	bool v6 = addr_is_set(&r->listen) && addr_version(&r->listen) == V6;
	bool range = r->first != r->last;
	int len;

	if (r->flags & FWD_V6ONLY || addr_is_set(&r->listen))
		addr_str(&r->listen, addr);
	if (addr_is_set(&r->target))
		addr_str(&r->target, target);
	v6 = v6 || r->flags & FWD_V6ONLY;

	len = snprintf(buf, size, "-%c %s%s%s%s%s%s%u",
		       (r->from == PLACE_NS ? "TU" : "tu")
				[r->proto == IPPROTO_UDP],
		       v6 ? "[" : "", addr, v6 ? "]" : "",
		       *r->ifname ? "%" : "", r->ifname,
		       *addr || *r->ifname ? "/" : "", r->first);
	if (range && len < (int)size)
		len += snprintf(buf + len, size - (size_t)len, "-%u", r->last);
	if (len < (int)size && (*target || r->to_first != r->first))
		len += snprintf(buf + len, size - (size_t)len, ":%s%s%u",
				target, *target ? "/" : "", r->to_first);
	if (len < (int)size && range && (*target || r->to_first != r->first))
		snprintf(buf + len, size - (size_t)len, "-%u",
			 r->to_first + (unsigned)(r->last - r->first));
	return buf;
}

/**
 * listen_port_start() - First port of the host that takes no privileges
 *
 * Return: port, host byte order
 *
 * Source: ip-sysctl.rst of the kernel, since Linux 4.11
 */
static unsigned listen_port_start(void)
{
	char buf[16];

	if (util_read_file(PORT_START_PATH, buf, sizeof(buf)) <= 0)
		return PORT_START_DEFAULT;
	return (unsigned)strtoul(buf, NULL, 10);
}

/**
 * listen_fds_needed() - Descriptors for all ports of all rules
 * @c:		Execution context
 *
 * Return: number, not counting ports that are looked for
 */
static unsigned listen_fds_needed(const struct ctx *c)
{
	const struct fwd_rule *r = c->listen->table.rules;
	unsigned i, n = 0;

	for (i = 0; i < FWD_RULES_MAX; i++, r++) {
		if (r->proto && !(r->flags & FWD_SCAN))
			n += r->last - r->first + 1U;
	}
	return n;
}

/**
 * listen_explain() - Say why a rule could not be bound
 * @c:		Execution context
 * @rule:	Index of the rule
 * @res:	How that went
 * @why:	Where to write it
 * @size:	Bytes there
 */
static void listen_explain(const struct ctx *c, unsigned rule,
			   const struct listen_result *res, char *why,
			   size_t size)
{
	const struct fwd_rule *r = &c->listen->table.rules[rule];
	char option[FWD_RULE_STRLEN], hint[128] = "";
	struct rlimit lim = { 0 };

	if (res->rc == -EACCES && r->from == PLACE_NS)
		snprintf(hint, sizeof(hint), ", see " PORT_START_NAME
			 " of the namespace");
	else if (res->rc == -EACCES)
		snprintf(hint, sizeof(hint), ", " PORT_START_NAME " is %u",
			 listen_port_start());
	else if (res->rc == -EADDRNOTAVAIL && r->from == PLACE_NS)
		snprintf(hint, sizeof(hint), ", the namespace doesn't have it");
	else if (res->rc == -EADDRNOTAVAIL)
		snprintf(hint, sizeof(hint), ", consider --freebind");
	else if (res->rc == -EMFILE && !getrlimit(RLIMIT_NOFILE, &lim))
		snprintf(hint, sizeof(hint), ", %u are needed for ports, and "
			 "the limit (ulimit -Hn) is %llu",
			 listen_fds_needed(c),
			 (unsigned long long)lim.rlim_cur);

	snprintf(why, size, "Failed to bind port %u (%s) for option '%s'%s",
		 res->port, log_strerror(-res->rc),
		 listen_option_str(r, option, sizeof(option)), hint);
}

/**
 * listen_check_others() - Is there room for a rule besides those in force?
 * @c:		Execution context
 * @rule:	Rule
 * @why:	Set to the reason on failure
 * @why_size:	Bytes there
 *
 * A rule of just an IP version that is disabled passes: it can't be bound.
 *
 * Return: 0 if there is, 1 if it is covered by one, -EADDRINUSE if it collides
 *	   with one
 */
static int listen_check_others(const struct ctx *c, const struct fwd_rule *rule,
			       char *why, size_t why_size)
{
	const struct fwd_table *t = &c->listen->table;
	char there[FWD_RULE_STRLEN], buf[FWD_RULE_STRLEN];
	unsigned versions = fwd_rule_versions(rule);
	int index;

	if (!(c->conf.ip[V4].enabled && versions & 1U << V4) &&
	    !(c->conf.ip[V6].enabled && versions & 1U << V6))
		return 0;
	if (fwd_table_covers(t, rule))
		return 1;
	index = fwd_table_collides(t, rule);
	if (index < 0)
		return 0;
	snprintf(why, why_size, "Already forwarded: '%s', can't forward '%s' "
		 "besides",
		 fwd_rule_str(&t->rules[index], there, sizeof(there)),
		 fwd_rule_str(rule, buf, sizeof(buf)));
	return -EADDRINUSE;
}

/**
 * listen_add() - Add a rule, and listen on its ports
 * @c:		Execution context
 * @rule:	Rule
 * @why:	Set to the reason on failure, one line without its end
 * @why_size:	Bytes there, LISTEN_WHY_MAX are enough
 *
 * Return: 0, also if the rule was there already or is covered by one that was,
 *	   -EADDRINUSE if it collides with one, -ENOSPC if there are too many
 *	   rules, or -errno of the first port that could not be bound: nothing
 *	   has changed on failure
 */
int listen_add(struct ctx *c, const struct fwd_rule *rule, char *why,
	       size_t why_size)
{
	struct fwd_table *t = &c->listen->table;
	struct listen_result res;
	int index, rc;

	if (fwd_table_find(t, rule) >= 0)
		return 0;
	rc = listen_check_others(c, rule, why, why_size);
	if (rc)
		return rc > 0 ? 0 : rc;

	index = fwd_table_add(t, rule);
	if (index < 0) {
		snprintf(why, why_size, "Too many forwarded ranges of ports, "
			 "%d at most", FWD_RULES_MAX);
		return -ENOSPC;
	}

	rc = listen_bind_rule(c, (unsigned)index, &res);
	if (rc) {
		listen_explain(c, (unsigned)index, &res, why, why_size);
		fwd_table_remove(t, (unsigned)index);
	} else if (rule->flags & FWD_SCAN) {
		listen_scan_start(c);
	}
	return rc;
}

/**
 * listen_remove() - Remove a rule, and close its sockets
 * @c:		Execution context
 * @rule:	Rule
 *
 * Return: 0, or -ENOENT if there is no such rule
 */
int listen_remove(struct ctx *c, const struct fwd_rule *rule)
{
	int index = fwd_table_find(&c->listen->table, rule);

	if (index < 0)
		return -ENOENT;

	listen_close_rule(c, (unsigned)index);
	fwd_table_remove(&c->listen->table, (unsigned)index);
	return 0;
}

/**
 * listen_end() - Close all listeners for good
 * @c:		Execution context
 *
 * The next instance may have the ports at once.
 */
void listen_end(struct ctx *c)
{
	unsigned rule;

	timer_cancel(c->wheel, &c->listen->scan);
	timer_cancel(c->wheel, &c->listen->resume);
	for (rule = 0; rule < FWD_RULES_MAX; rule++)
		listen_close_rule(c, rule);
}

/**
 * listen_bind_patiently() - Listen on all ports of a rule, waiting for others
 *			     to let go of them
 * @c:		Execution context
 * @rule:	Index of the rule
 * @start_ms:	When we began to wait, as of util_now_ms()
 * @res:	Set to how that went
 *
 * Return: as of listen_bind_rule()
 */
static int listen_bind_patiently(struct ctx *c, unsigned rule,
				 uint64_t start_ms, struct listen_result *res)
{
	bool weak = c->listen->table.rules[rule].flags & FWD_WEAK;
	const struct timespec each = { .tv_nsec = RETRY_EACH_MS * 1000000 };

	for (;;) {
		int rc = listen_bind_rule(c, rule, res);
		uint64_t waited_ms = util_now_ms() - start_ms;

		if (weak || (rc && rc != -EADDRINUSE) ||
		    (!rc && (!res->partly || waited_ms > RETRY_PARTLY_MS)) ||
		    waited_ms > RETRY_MS)
			return rc;
		listen_close_rule(c, rule);
		nanosleep(&each, NULL);
	}
}

/**
 * listen_tell_partly() - Warn if a port could be had for one IP version only
 * @r:		Rule
 * @res:	How binding its ports went
 *
 * Who contacts the port by the other version gets to someone else.
 */
static void listen_tell_partly(const struct fwd_rule *r,
			       const struct listen_result *res)
{
	char option[FWD_RULE_STRLEN];

	if (res->partly && !(r->flags & FWD_WEAK))
		warn("Port %u is in use for one IP version, and is forwarded "
		     "for the other only, for option '%s'", res->partly,
		     listen_option_str(r, option, sizeof(option)));
}

/**
 * listen_init_rules() - Bind the rules of the options
 * @c:		Execution context, the rules in the table
 *
 * All weak rules of an option together are content with one port. Implied ones
 * are content with nothing.
 */
static void listen_init_rules(struct ctx *c)
{
	enum { WEAK_NONE, WEAK_FAILED, WEAK_BOUND } weak[4] = { WEAK_NONE };
	char why[4][LISTEN_WHY_MAX];
	uint64_t start_ms = util_now_ms();
	unsigned i, k;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		const struct fwd_rule *r = &c->listen->table.rules[i];
		struct listen_result res;
		int rc;

		if (!r->proto || r->flags & FWD_SCAN)
			continue;
		rc = listen_bind_patiently(c, i, start_ms, &res);
		k = (r->from == PLACE_NS) * 2U + (r->proto == IPPROTO_UDP);
		if (!rc) {
			weak[k] = WEAK_BOUND;
			listen_tell_partly(r, &res);
			continue;
		}

		listen_explain(c, i, &res, why[k], sizeof(why[k]));
		if (listen_is_exhausted(rc) || !(r->flags & FWD_WEAK))
			die("%s", why[k]);
		if (weak[k] == WEAK_NONE && !(r->flags & FWD_IMPLIED))
			weak[k] = WEAK_FAILED;
	}

	for (k = 0; k < ARRAY_SIZE(weak); k++) {
		if (weak[k] == WEAK_FAILED)
			die("%s", why[k]);
	}
}

/**
 * listen_init() - Listen on all ports that the options say, at start-up
 * @c:		Execution context, its event loop prepared
 * @ns:		Namespace, NULL if there is none
 *
 * Ends the program if a port can't be bound.
 */
void listen_init(struct ctx *c, const struct netns *ns)
{
	struct fwd_rule *rules = calloc(FWD_RULES_MAX, sizeof(*rules));
	struct listeners *ls = calloc(1, sizeof(*ls));
	unsigned i, n;

	if (!rules || !ls ||
	    !(ls->all = calloc(LISTEN_MAX, sizeof(*ls->all))))
		die("No memory for listening sockets");

	c->listen = ls;
	ls->free = ls->held = LISTEN_NONE;
	for (i = 0; i < FWD_RULES_MAX; i++)
		ls->head[i] = LISTEN_NONE;
	listen_scan_init(ls);
	portscan_open(listen_files(ls, PLACE_HOST), NULL);
	if (ns)
		portscan_open(listen_files(ls, PLACE_NS), ns);

	n = fwd_spec_rules(&c->conf, rules, FWD_RULES_MAX);
	for (i = 0; i < n; i++) {
		if (fwd_table_find(&ls->table, &rules[i]) < 0 &&
		    fwd_table_add(&ls->table, &rules[i]) < 0)
			die("Too many forwarded ranges of ports, %d at most",
			    FWD_RULES_MAX);
	}
	free(rules);

	listen_init_rules(c);
	listen_scan(c);
}

/**
 * listen_may_bind_host() - May ports of the host be bound later on?
 * @c:		Execution context
 *
 * Return: true if a rule follows what the guest binds
 */
bool listen_may_bind_host(const struct ctx *c)
{
	const struct fwd_rule *r = c->listen->table.rules;
	unsigned i;

	for (i = 0; i < FWD_RULES_MAX; i++, r++) {
		if (r->proto && r->from == PLACE_HOST && r->flags & FWD_SCAN)
			return true;
	}
	return false;
}

/**
 * listen_print() - Tell the rules in force
 * @c:		Execution context
 */
void listen_print(const struct ctx *c)
{
	static const char *const title[2] = {
		"Ports forwarded from the host:",
		"Ports forwarded from the namespace:",
	};
	char buf[FWD_RULE_STRLEN];
	unsigned i, ns;

	for (ns = 0; ns < ARRAY_SIZE(title); ns++) {
		bool told = false;

		for (i = 0; i < FWD_RULES_MAX; i++) {
			const struct fwd_rule *r = &c->listen->table.rules[i];

			if (!r->proto || (r->from == PLACE_NS) != ns)
				continue;
			if (!told)
				info("%s", title[ns]);
			told = true;
			info("    %s", fwd_rule_str(r, buf, sizeof(buf)));
		}
	}
}

/**
 * listen_start() - Have the ports looked for now and then, if any rule says so
 * @c:		Execution context
 */
void listen_start(struct ctx *c)
{
	unsigned i;

	for (i = 0; i < FWD_RULES_MAX; i++) {
		const struct fwd_rule *r = &c->listen->table.rules[i];

		if (r->proto && r->flags & FWD_SCAN)
			listen_scan_start(c);
	}
}

/**
 * listen_get() - Look up a listener
 * @c:		Execution context
 * @index:	Its index
 *
 * Return: the listener, NULL if there is none by that index now
 */
const struct listener *listen_get(const struct ctx *c, uint32_t index)
{
	const struct listeners *ls = c->listen;

	if (index >= ls->fresh || ls->all[index].fd < 0)
		return NULL;
	return &ls->all[index];
}

/**
 * listen_rule() - Rule that a listener serves
 * @c:		Execution context
 * @l:		Listener
 *
 * Return: rule
 */
const struct fwd_rule *listen_rule(const struct ctx *c,
				   const struct listener *l)
{
	return &c->listen->table.rules[l->rule];
}

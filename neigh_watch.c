// SPDX-License-Identifier: BSD-3-Clause
/* neigh_watch.c - hear of the host's neighbours from the kernel
 *
 * An rtnetlink socket, of the host's network namespace, is notified when the
 * kernel's tables of neighbours change, and gets all of what is in them when it
 * asks. Both come as the same messages, and are treated by the same code, which
 * fills the table of neigh.c. Of interest are neighbours at the interface that
 * the guest's configuration of that IP version comes from, its template.
 *
 * neigh_watch_init() asks at start, and reads until all is there: so the guest
 * is shown what is known before its first packet. What is new after that is
 * told to the guest at once, as a neighbour does that has got another MAC
 * address: the guest may have been given ours before the host knew.
 *
 * If notifications come faster than we take them, the kernel drops some, and
 * says so. Then all is asked for again; nothing waits for the answer. It tells
 * what is there, not what is gone, but what is gone is only shown for longer.
 *
 * Nothing is allocated after start-up, and an event is over after so many
 * datagrams, however many there are.
 *
 * An interface that is removed and comes again isn't the same to us.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>

#include "arp.h"
#include "log.h"
#include "ndp.h"
#include "neigh.h"
#include "neigh_watch.h"
#include "netlink.h"
#include "nlmsg.h"
#include "passt.h"
#include "syscalls.h"

/* What is called after start-up, see seccomp.c; by nl_send() in part */
const char neigh_watch_syscalls[] = "recvfrom send";

#define RECV_MAX	32768	/* Bytes: the longest of the kernel's */
#define DATAGRAMS_MAX	64	/* Of one event, mostly a message each */
#define START_MAX	4096	/* At start, should it never end */

/* States in which the kernel knows the MAC address */
static const uint16_t states_known = NUD_REACHABLE | NUD_STALE | NUD_DELAY |
				     NUD_PROBE | NUD_PERMANENT;

/**
 * struct neigh_watch - state of the conversation with the kernel
 * @fd:		Socket
 * @asked:	An answer with all neighbours is to come, or coming
 * @missed:	It has to be asked for, once more if @asked
 */
struct neigh_watch {
	int fd;
	bool asked;
	bool missed;
};

/**
 * is_watched() - Does the guest get to see neighbours of this IP version?
 * @conf:	Configuration
 * @v:		IP version
 *
 * Return: false too if it couldn't ask for them
 */
static bool is_watched(const struct conf *conf, enum ipver v)
{
	const struct conf_ip *ip = &conf->ip[v];

	return ip->enabled && ip->template_index &&
	       (v == V4 || !conf->no_ndp);
}

/**
 * announce() - Tell the guest, if it is there, of a neighbour's MAC address
 * @c:		Execution context
 * @a:		IP address of the neighbour
 */
static void announce(struct ctx *c, const struct addr *a)
{
	if (!c->tap.ready)
		return;
	if (addr_version(a) == V4)
		arp_announce_neighbour(c, a);
	else
		ndp_announce_neighbour(c, a);
}

/**
 * on_neighbour() - Take in what a message tells of a neighbour
 * @c:		Execution context
 * @h:		Message, RTM_NEWNEIGH or RTM_DELNEIGH
 *
 * Source: rtnetlink(7). RTNLGRP_NEIGH tells of entries of bridges as well.
 */
static void on_neighbour(struct ctx *c, const struct nlmsghdr *h)
{
	struct nl_attr at[NDA_LLADDR + 1];
	const struct nl_attr *mac = &at[NDA_LLADDR];
	char str[ADDR_STRLEN];
	struct ndmsg ndm;
	struct addr a;
	enum ipver v;

	if (!nl_body(h, &ndm, sizeof(ndm)))
		return;
	nl_msg_attrs(h, sizeof(ndm), at, ARRAY_SIZE(at) - 1);
	if (!nl_attr_addr(&at[NDA_DST], &a))
		return;
	v = addr_version(&a);
	if (ndm.ndm_family != addr_family(v) || ndm.ndm_flags & NTF_PROXY ||
	    !is_watched(&c->conf, v) ||
	    ndm.ndm_ifindex != (int)c->conf.ip[v].template_index)
		return;

	if (h->nlmsg_type == RTM_DELNEIGH || ndm.ndm_state & NUD_FAILED) {
		neigh_gone(c->tap.neigh, &a);
	} else if (ndm.ndm_state & states_known && mac->len == MAC_LEN &&
		   neigh_learn(c->tap.neigh, &a, mac->data)) {
		debug("Neighbour of the host: %s", addr_str(&a, str));
		announce(c, &a);
	}
}

/**
 * on_datagram() - Take in the messages of a datagram
 * @c:		Execution context
 * @buf:	Datagram
 * @len:	Its length, bytes
 */
static void on_datagram(struct ctx *c, const void *buf, size_t len)
{
	const struct nlmsghdr *h;
	size_t off = 0;

	while ((h = nl_next(buf, len, &off))) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			c->neigh_watch->asked = false;
		else if (h->nlmsg_type == RTM_NEWNEIGH ||
			 h->nlmsg_type == RTM_DELNEIGH)
			on_neighbour(c, h);
	}
}

/**
 * receive() - Take in what there is
 * @c:		Execution context
 * @max:	Datagrams at most
 * @until_done:	Up to the end of the answer only
 */
static void receive(struct ctx *c, unsigned max, bool until_done)
{
	static uint8_t buf[RECV_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct neigh_watch *w = c->neigh_watch;

	while (max-- && (w->asked || !until_done)) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n;

		n = recvfrom(w->fd, buf, sizeof(buf), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* The answer goes on after ENOBUFS */
			w->asked = w->asked && errno == ENOBUFS;
			w->missed = true;
			return;
		}
		if (!from.nl_pid)	/* Only the kernel is believed */
			on_datagram(c, buf, (size_t)n);
	}
}

/**
 * ask() - Ask the kernel for all neighbours, if that is due
 * @w:		State of the conversation
 *
 * Return: 0, -errno
 */
static int ask(struct neigh_watch *w)
{
	struct ndmsg ndm = { .ndm_family = AF_UNSPEC };
	struct nl_req r;
	int rc;

	if (!w->missed || w->asked)
		return 0;

	nl_req_start(&r, RTM_GETNEIGH, NLM_F_DUMP, &ndm, sizeof(ndm));
	rc = nl_send(w->fd, &r);
	w->asked = !rc;
	w->missed = rc != 0;
	return rc;
}

/**
 * open_socket() - Open the socket, be notified, and ask
 * @w:		State of the conversation
 *
 * Return: 0, -errno
 */
static int open_socket(struct neigh_watch *w)
{
	int group = RTNLGRP_NEIGH, rc;

	w->fd = nl_open();
	if (w->fd < 0)
		return w->fd;

	if (setsockopt(w->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		       sizeof(group)))
		rc = -errno;
	else
		rc = ask(w);
	if (rc)
		close(w->fd);
	return rc;
}

/**
 * neigh_watch_init() - Have the guest see the host's neighbours, at start-up
 * @c:		Execution context, without a guest yet
 *
 * In the host's network namespace. Does nothing if there are none to be seen,
 * or if a MAC address was given: then all is to come from that.
 */
void neigh_watch_init(struct ctx *c)
{
	struct neigh_watch *w;
	int rc;

	if (c->conf.our_mac_given || c->conf.splice_only ||
	    (!is_watched(&c->conf, V4) && !is_watched(&c->conf, V6)))
		return;

	w = calloc(1, sizeof(*w));
	if (!w)
		die("No memory to watch neighbours");
	w->missed = true;
	rc = open_socket(w);
	if (rc) {
		warn("Can't watch the host's neighbours (%s): the guest sees "
		     "them by our MAC address", log_strerror(-rc));
		free(w);
		return;
	}

	c->neigh_watch = w;
	c->tap.neigh = neigh_new(&c->conf);
	receive(c, START_MAX, true);
}

/**
 * neigh_watch_fd() - What the loop has to watch
 * @w:		State of the conversation, may be NULL
 *
 * Return: descriptor, -1 for none
 */
int neigh_watch_fd(const struct neigh_watch *w)
{
	return w ? w->fd : -1;
}

/**
 * neigh_watch_event() - The kernel has told something
 * @c:		Execution context
 */
void neigh_watch_event(struct ctx *c)
{
	receive(c, DATAGRAMS_MAX, false);
	ask(c->neigh_watch);
}

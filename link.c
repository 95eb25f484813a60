// SPDX-License-Identifier: BSD-3-Clause
/* link.c - how guests get at us: they come, one after the other, and go
 *
 * A namespace's interface is there from start-up on, and attached by passt.c. A
 * virtual machine connects to a UNIX socket that we listen on, see link_init(),
 * or its socket was passed to us, --fd. Whoever connects while another one is
 * there is refused.
 *
 * When a guest comes, the back-end is attached to its socket. As soon as that
 * says that the guest takes frames, it is told where we are, and asked where it
 * is, again and again until it has sent something. Connections to it that came
 * before that have waited for it.
 *
 * When it goes, all flows are closed: connections of peers on the host are
 * reset. What was learnt of it is forgotten, and we wait for the next one, or
 * the program ends (--one-off, --fd). The same goes for a guest that sends what
 * the back-end can't make sense of.
 *
 * All of this happens in link_turn(), at one place in the turn of the loop:
 * not while flows or the back-end are at work, and after all events, so that
 * none is left for a descriptor that is used for another guest already.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "arp.h"
#include "demux.h"
#include "flow.h"
#include "frag.h"
#include "guest_mac.h"
#include "link.h"
#include "log.h"
#include "ndp.h"
#include "opening.h"
#include "passt.h"
#include "syscalls.h"
#include "tap_stream.h"
#include "tap_vu.h"
#include "timer.h"

/* What is called after start-up, see seccomp.c */
const char link_syscalls[] = "accept4 close epoll_ctl poll";

#define LINK_PATH_SIZE		sizeof(((struct sockaddr_un *)0)->sun_path)
#define LINK_PATH_FORMAT	"/tmp/passt_%u.socket"
#define LINK_PATHS		64U	/* Tried, from 1 on */
#define LINK_LOCK_TRIES		100
#define LINK_LOCK_PAUSE_MS	10	/* Between two of them */
#define LINK_ACCEPT_PAUSE_MS	1000	/* Without descriptors left */
#define LINK_ANNOUNCE_MS	1000	/* Doubled each time */
#define LINK_ANNOUNCE_MAX_MS	64000
#define LINK_ASK_RATE		10	/* A second */
#define LINK_MORE_BATCHES	8U	/* Of frames, in one go */
#define LINK_MORE_BYTES		(512U * 1024)	/* Likewise */

/**
 * struct link - how guests get at us
 * @listen_fd:	Socket that guests connect to, -1 for none
 * @path:	Its path, "" for none
 * @fd:		Socket of the guest that is connected or, before the loop runs,
 *		was passed to us; -1 for none
 * @once:	The program ends with the guest
 * @pending:	Somebody may want to connect
 * @refused:	Somebody else was refused since this guest has come
 * @announced:	The guest was told that we are here
 * @delay_ms:	Until it is told again
 * @announce:	Timer for that
 * @accept:	Timer to accept again
 */
struct link {
	int listen_fd;
	char path[LINK_PATH_SIZE];
	int fd;
	bool once;
	bool pending;
	bool refused;
	bool announced;
	unsigned delay_ms;
	struct timer announce;
	struct timer accept;
};

static timer_fn link_announce_again;
static timer_fn link_accept_again;

/**
 * link_address() - Address of a UNIX socket
 * @path:	Its path
 *
 * Return: address
 */
static struct sockaddr_un link_address(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	util_copy_str(sa.sun_path, path, sizeof(sa.sun_path));
	return sa;
}

/**
 * link_is_stale() - Is a path that of a socket nobody listens on any more?
 * @sa:		Address with the path
 *
 * Return: true if so: it may be removed
 *
 * Source: unix(7), connect(2)
 */
static bool link_is_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, rc;

	if (lstat(sa->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	if (rc)
		rc = errno;
	close(fd);
	return rc == ECONNREFUSED;
}

/**
 * link_directory() - Directory that a socket is in
 * @path:	Path of the socket
 * @dir:	Filled with that of the directory, LINK_PATH_SIZE bytes
 */
static void link_directory(const char *path, char *dir)
{
	const char *slash = strrchr(path, '/');

	util_copy_str(dir, ".", LINK_PATH_SIZE);
	if (slash)
		util_copy_str(dir, path, MIN((size_t)(slash - path) + 2,
					     LINK_PATH_SIZE));
}

/**
 * link_lock() - Have others of us wait until we listen in a directory
 * @path:	Path of a socket in there
 *
 * Between bind(2) and listen(2), a socket can't be told from one that nobody
 * listens on any more. Who holds the lock for over a second does so for other
 * reasons, and who may not read or lock the directory does without.
 *
 * Return: descriptor to be closed once we listen, which holds the lock if that
 *	   could be had; -1 for none
 */
static int link_lock(const char *path)
{
	char dir[LINK_PATH_SIZE];
	unsigned i;
	int fd;

	link_directory(path, dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; fd >= 0 && i < LINK_LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
			break;
		poll(NULL, 0, LINK_LOCK_PAUSE_MS);
	}
	return fd;
}

/**
 * link_bind_locked() - Listen on a path, nobody else being about to
 * @path:	Path; a socket that is left there by another process is replaced
 *
 * Return: descriptor, or -errno: -EADDRINUSE if there is something else
 */
static int link_bind_locked(const char *path)
{
	struct sockaddr_un sa = link_address(path);
	int fd, rc;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;

	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (rc && errno == EADDRINUSE && link_is_stale(&sa)) {
		unlink(path);
		rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	}
	if (!rc)
		rc = listen(fd, SOMAXCONN);
	if (!rc)
		return fd;

	rc = -errno;
	close(fd);
	return rc;
}

/**
 * link_bind() - Listen on a path
 * @path:	As for link_bind_locked()
 *
 * Return: as link_bind_locked()
 */
static int link_bind(const char *path)
{
	int lock = link_lock(path), rc = link_bind_locked(path);

	if (lock >= 0)
		close(lock);
	return rc;
}

/**
 * link_bind_default() - Listen on the first of the default paths that is free
 * @l:		Link: @l->listen_fd and @l->path are set
 */
static void link_bind_default(struct link *l)
{
	unsigned i;

	for (i = 1; i <= LINK_PATHS; i++) {
		snprintf(l->path, sizeof(l->path), LINK_PATH_FORMAT, i);
		l->listen_fd = link_bind(l->path);
		if (l->listen_fd >= 0)
			return;
	}
	log_die(-l->listen_fd, "Can't listen on any of " LINK_PATH_FORMAT " to "
		LINK_PATH_FORMAT ", see --socket", 1, LINK_PATHS);
}

/**
 * link_give_socket() - Let the one whose directory it is use our socket
 * @path:	Path of the socket
 *
 * Started as root, we are there for a virtual machine that another user may
 * run, who chose the directory. Who else may connect is up to the mask for new
 * files, as usual.
 */
static void link_give_socket(const char *path)
{
	char dir[LINK_PATH_SIZE];
	struct stat st;

	if (geteuid())
		return;
	link_directory(path, dir);
	if (stat(dir, &st) || !st.st_uid)
		return;
	if (lchown(path, st.st_uid, st.st_gid))
		warn("Can't give %s to the owner of its directory: %s", path,
		     log_strerror(errno));
}

/**
 * link_check_fd() - Is the descriptor of --fd what it should be?
 * @fd:		Descriptor
 *
 * Ends the program if it isn't.
 */
static void link_check_fd(int fd)
{
	socklen_t len = sizeof(int), sa_len = sizeof(struct sockaddr_storage);
	struct sockaddr_storage sa;
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    type != SOCK_STREAM ||
	    getpeername(fd, (struct sockaddr *)&sa, &sa_len))
		die("option '--fd': invalid value '%d', accepted: a stream "
		    "socket that is connected", fd);
}

/**
 * link_init() - Open what guests come by, at start-up
 * @c:		Execution context, the event loop and the port prepared
 *
 * Ends the program if that can't be done.
 */
void link_init(struct ctx *c)
{
	const struct conf *conf = &c->conf;
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		die("No memory for the link to the guest");
	c->link = l;
	l->announce.fn = link_announce_again;
	l->accept.fn = link_accept_again;
	l->listen_fd = -1;
	l->fd = conf->fd;
	l->once = conf->one_off || conf->fd >= 0;
	if (conf->mode == MODE_PASTA)
		return;

	if (conf->vhost_user)
		tap_vu_init(&c->tap);
	else
		tap_stream_init(&c->tap);
	if (conf->fd >= 0) {
		link_check_fd(conf->fd);
	} else if (conf->socket[0]) {
		util_copy_str(l->path, conf->socket, sizeof(l->path));
		l->listen_fd = link_bind(l->path);
		if (l->listen_fd < 0)
			die("option '--socket': can't listen on '%s' (%s), "
			    "accepted: a path that isn't in use, in a "
			    "directory that you may write to", l->path,
			    log_strerror(-l->listen_fd));
	} else {
		link_bind_default(l);
	}
	if (l->path[0])
		link_give_socket(l->path);
}

/**
 * link_print() - Tell how a virtual machine is connected
 * @c:		Execution context
 */
void link_print(const struct ctx *c)
{
	const char *path = c->link->path;

	if (!path[0])
		return;
	info("Listening on %s, for QEMU 7.2 or later, with options:", path);
	if (c->conf.vhost_user) {
		info("  -m 1G -machine memory-backend=m "
		     "-object memory-backend-memfd,id=m,size=1G,share=on");
		info("  -device virtio-net-pci,netdev=n -netdev "
		     "vhost-user,id=n,chardev=c -chardev socket,id=c,path=%s",
		     path);
		info("  and vectors=0 for the device of QEMU 7.2 without KVM");
		return;
	}
	info("  -device virtio-net-pci,netdev=s "
	     "-netdev stream,id=s,server=off,addr.type=unix,addr.path=%s",
	     path);
}

/**
 * link_forget_guest() - Know of the guest only what the configuration says
 * @c:		Execution context
 *
 * A namespace's MAC address is ours to choose, that of a virtual machine isn't.
 */
static void link_forget_guest(struct ctx *c)
{
	enum ipver v;

	for (v = V4; v < IPVER_MAX; v++) {
		c->tap.guest_addr[v] = c->conf.ip[v].addr;
		c->tap.guest_seen[v] = false;
	}
	memset(&c->tap.guest_ll, 0, sizeof(c->tap.guest_ll));
	guest_macs_forget(c->tap.macs);
	if (c->conf.mode == MODE_PASST)
		memset(c->tap.guest_mac, 0, MAC_LEN);
}

/**
 * link_knows_guest() - Do we know the guest's MAC address?
 * @c:		Execution context
 *
 * Return: true if we do
 */
static bool link_knows_guest(const struct ctx *c)
{
	static const uint8_t unknown[MAC_LEN];

	return memcmp(c->tap.guest_mac, unknown, MAC_LEN) != 0;
}

/**
 * link_ask_guest() - Have the guest tell where it is
 * @c:		Execution context
 */
static void link_ask_guest(struct ctx *c)
{
	struct link *l = c->link;

	arp_announce(c);
	timer_set(c->wheel, &l->announce, c->now_ms + l->delay_ms);
	l->delay_ms = MIN(l->delay_ms * 2, LINK_ANNOUNCE_MAX_MS);
}

/**
 * link_announce_again() - Ask anew as long as the guest has sent nothing
 * @t:		Timer
 * @arg:	Execution context
 */
static void link_announce_again(struct timer *t, void *arg)
{
	struct ctx *c = arg;

	(void)t;
	if (!link_knows_guest(c))
		link_ask_guest(c);
}

/**
 * link_ask_who_has() - The guest doesn't answer: is it where we believe it is?
 * @c:		Execution context
 * @a:		Address it was contacted by
 *
 * On a link with several MAC addresses, the address may have got another one
 * without having sent from there since. Whoever has it answers, and is learnt
 * by that, until what was sent is sent once more. Limited in rate, as clients
 * decide how often that is.
 *
 * Source: RFC 1122, 2.3.2.1 (4); RFC 4861, 7.3.3
 */
void link_ask_who_has(struct ctx *c, const struct addr *a)
{
	if (!c->tap.ready || !guest_macs_are_several(c->tap.macs) ||
	    !util_rate_allow(&c->questions, c->now_ms, LINK_ASK_RATE,
			     LINK_ASK_RATE))
		return;
	if (addr_version(a) == V4)
		arp_ask(c, a);
	else
		ndp_ask(c, a);
}

/**
 * link_announce() - See whether the guest takes frames now, or doesn't any more
 * @c:		Execution context
 */
static void link_announce(struct ctx *c)
{
	struct link *l = c->link;

	if (l->announced == c->tap.ready)
		return;
	l->announced = c->tap.ready;
	if (!l->announced) {
		timer_cancel(c->wheel, &l->announce);
		ndp_guest_gone(c);
		return;
	}

	ndp_guest_connected(c);
	l->delay_ms = LINK_ANNOUNCE_MS;
	if (!link_knows_guest(c))
		link_ask_guest(c);
}

/**
 * link_up() - A guest is connected
 * @c:		Execution context
 * @fd:		Its socket, ours from now on
 */
static void link_up(struct ctx *c, int fd)
{
	struct link *l = c->link;
	int rc;

	rc = c->conf.vhost_user ? tap_vu_attach(&c->tap, fd) :
				  tap_stream_attach(&c->tap, fd);
	if (rc) {
		warn("Can't take the guest's connection: %s",
		     log_strerror(-rc));
		close(fd);
		l->fd = -1;
		return;
	}
	info("Guest connected");
	l->fd = fd;
	l->refused = false;
	tap_has_room(&c->tap);
}

/**
 * link_down() - The guest is gone, or is to go
 * @c:		Execution context
 */
static void link_down(struct ctx *c)
{
	struct tap *tap = &c->tap;
	int e = tap->failed;

	if (e == ENOTCONN || e == ECONNRESET || e == EPIPE)
		info("Guest disconnected");
	else
		warn("Link to the guest is down: %s", log_strerror(e));

	if (tap->ops->close)
		tap->ops->close(tap);
	else
		tap_unwatch(tap, tap->fd);
	tap_attach_none(tap);
	c->link->fd = -1;
	link_announce(c);
	flow_close_all(c);
	frag_clear(c->frag);
	opening_clear(c);
	link_forget_guest(c);
}

/**
 * link_start() - Let guests come, once the loop is about to run
 * @c:		Execution context
 */
void link_start(struct ctx *c)
{
	union event_ref ref = { .type = EVENT_LINK };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = ref.u64 };
	struct link *l = c->link;

	link_forget_guest(c);
	if (l->listen_fd >= 0 &&
	    epoll_ctl(c->epollfd, EPOLL_CTL_ADD, l->listen_fd, &ev))
		die_errno("Can't watch the socket for guests");
	if (l->fd >= 0)
		link_up(c, l->fd);
	link_announce(c);
}

/**
 * link_from_guest() - Take a batch of frames from the guest
 * @c:		Execution context
 *
 * Or some more, while packets wait to open flows: what they wait for must not
 * have the link's queue overflow.
 */
static void link_from_guest(struct ctx *c)
{
	const uint64_t *bytes = &c->stats.count[STAT_FROM_GUEST_BYTES];
	uint64_t end = *bytes + LINK_MORE_BYTES;
	unsigned i = 0;
	int rc;

	do
		rc = demux_from_guest(c);
	while (rc == TAP_BATCH_MAX && !c->tap.failed &&
	       opening_count(c) && *bytes < end &&
	       ++i < LINK_MORE_BATCHES);
	if (rc < 0)
		tap_fail(&c->tap, -rc);
}

/**
 * link_event() - A descriptor of the back-end has something
 * @c:		Execution context
 * @fd:		Descriptor
 * @events:	From epoll
 */
void link_event(struct ctx *c, int fd, uint32_t events)
{
	struct tap *tap = &c->tap;
	int rc = 1;

	if (tap->failed || !tap->ops->recv)
		return;
	if (tap->ops->event)
		rc = tap->ops->event(tap, fd, events);
	if (rc > 0)
		link_from_guest(c);
	else if (rc < 0)
		tap_fail(tap, -rc);
}

/**
 * link_listen_event() - Somebody wants to connect
 * @c:		Execution context
 */
void link_listen_event(struct ctx *c)
{
	c->link->pending = true;
}

/**
 * link_is_pending() - Is there something to do that no event tells of?
 * @c:		Execution context
 *
 * Return: true if link_turn() is due
 */
bool link_is_pending(const struct ctx *c)
{
	return c->tap.more || c->tap.failed;
}

/**
 * link_accept_again() - Look again who wants to connect
 * @t:		Timer
 * @arg:	Execution context
 */
static void link_accept_again(struct timer *t, void *arg)
{
	struct ctx *c = arg;
	union event_ref ref = { .type = EVENT_LINK };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = ref.u64 };

	(void)t;
	epoll_ctl(c->epollfd, EPOLL_CTL_MOD, c->link->listen_fd, &ev);
}

/**
 * link_pause() - Accept nobody for a while: there are no descriptors
 * @c:		Execution context
 * @e:		errno
 */
static void link_pause(struct ctx *c, int e)
{
	struct epoll_event ev = { .events = 0 };
	struct link *l = c->link;

	warn_limited("Can't accept the guest's connection: %s",
		     log_strerror(e));
	epoll_ctl(c->epollfd, EPOLL_CTL_MOD, l->listen_fd, &ev);
	timer_set(c->wheel, &l->accept, c->now_ms + LINK_ACCEPT_PAUSE_MS);
}

/**
 * link_accept() - Let a guest in, refuse it if there is one already
 * @c:		Execution context
 *
 * One that has hung up isn't there any more, though what it sent last is still
 * to be read: the next one waits for that.
 */
static void link_accept(struct ctx *c)
{
	struct link *l = c->link;
	struct pollfd p = { .fd = l->fd };
	int fd;

	if (l->fd >= 0 && poll(&p, 1, 0) > 0 && p.revents)
		return;

	fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			link_pause(c, errno);
		return;
	}
	if (l->fd < 0) {
		link_up(c, fd);
		return;
	}

	close(fd);
	if (!l->refused)
		info("Another guest refused: one is connected");
	l->refused = true;
}

/**
 * link_turn() - See to guests that have come or gone, once a turn of the loop
 * @c:		Execution context
 *
 * Return: false if the program is to end, as there is no guest any more
 */
bool link_turn(struct ctx *c)
{
	struct link *l = c->link;

	if (c->tap.more && !c->tap.failed)
		link_from_guest(c);
	if (c->tap.failed) {
		link_down(c);
		if (l->once)
			return false;
	}
	if (l->pending)
		link_accept(c);
	l->pending = false;
	link_announce(c);
	return true;
}

// SPDX-License-Identifier: BSD-3-Clause
/* passt.c - start-up and the one event loop
 *
 * main() goes through these stages: options and the host's configuration;
 * descriptors and namespaces, as long as we have the privileges we were
 * started with; then privileges are given up, we go to the background, and the
 * loop runs until a signal asks for the end, or until the guest is gone, unless
 * there may be a next one.
 *
 * Each turn of the loop takes events from epoll and hands them to the handler
 * of their type, then runs timers, then sees to guests that come and go, by
 * link_turn(), and lets flows go on that waited, and those begin that wait for
 * it, see opening.c, and at last frees the flows that were closed. Frames from
 * the guest are taken in batches and handed on by protocol: demux_from_guest().
 *
 * Nothing that guest or network sends ends the program.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "demux.h"
#include "flow.h"
#include "frag.h"
#include "guest_mac.h"
#include "icmp.h"
#include "isolate.h"
#include "link.h"
#include "listen.h"
#include "log.h"
#include "ndp.h"
#include "neigh_watch.h"
#include "netns.h"
#include "nsock.h"
#include "opening.h"
#include "passt.h"
#include "pcap.h"
#include "splice.h"
#include "syscalls.h"
#include "tap_tun.h"
#include "tcp.h"
#include "timer.h"
#include "udp.h"

#define FDS_OTHER		512	/* Descriptors that aren't a flow's */
/* Without ports, as measured: pasta takes 129, most for sockets in stock */
#define FDS_MIN_PASTA		132
#define FDS_MIN_PASST		32
#define NETNS_POLL_MS		500	/* Between looks at its name */
#define END_POLL_MS		10	/* Between looks whether all is sent */
#define END_TELL_MS		1000	/* Who waits longer wants to know why */
#define END_MAX_MS		20000

/**
 * struct pasta - what the loop needs besides, for pasta mostly
 * @ns:		Namespace, pasta's
 * @poll:	Timer to look whether it is still there
 * @signal_fd:	Signals arrive here
 * @alarm_fd:	Wakes the loop up when a timer runs out
 * @alarm_ms:	What that is set for, CLOCK_MONOTONIC
 * @end:	Timer to look whether what the guest has sent is on its way
 * @end_ms:	Since when we are about to end, 0 if we aren't
 * @end_told:	The user knows
 * @status:	Exit status to come
 */
struct pasta {
	struct netns ns;
	struct timer poll;
	int signal_fd;
	int alarm_fd;
	uint64_t alarm_ms;
	struct timer end;
	uint64_t end_ms;
	bool end_told;
	int status;
};

static struct pasta pasta;

/* What is called here after start-up, and what all modules of a mode call: see
 * seccomp.c
 */
static const char loop_syscalls[] =
	"close epoll_ctl epoll_wait exit_group read timerfd_settime";

#define COMMON_SYSCALLS							\
	loop_syscalls,							\
	demux_syscalls, dgram_syscalls, flow_syscalls, icmp_syscalls,	\
	listen_syscalls, listen_event_syscalls, log_syscalls,		\
	neigh_watch_syscalls, nsock_syscalls, pcap_syscalls,		\
	portscan_syscalls, sock_syscalls, tap_syscalls, tcp_syscalls,	\
	tcp_batch_syscalls, tcp_out_syscalls, tcp_peek_syscalls,	\
	udp_batch_syscalls, udp_relay_syscalls, util_syscalls

static const char *const pasta_syscalls[] = {
	COMMON_SYSCALLS,
	netns_syscalls, netns_quit_syscalls, splice_syscalls,
	tap_tun_syscalls, udp_splice_syscalls, NULL,
};

static const char *const passt_syscalls[] = {
	COMMON_SYSCALLS,
	link_syscalls, tap_stream_syscalls, NULL,
};

static const char *const passt_vu_syscalls[] = {
	COMMON_SYSCALLS,
	link_syscalls, tap_vu_syscalls, vu_mem_syscalls, vu_msg_syscalls,
	vu_ring_syscalls, NULL,
};

/**
 * syscalls_of() - System calls needed from now on
 * @conf:	Configuration: the mode, and the back-end
 *
 * Return: lists
 */
static const char *const *syscalls_of(const struct conf *conf)
{
	if (conf->mode == MODE_PASTA)
		return pasta_syscalls;
	return conf->vhost_user ? passt_vu_syscalls : passt_syscalls;
}

/**
 * finish() - End the program
 * @c:		Execution context
 * @status:	Exit status
 *
 * Whoever was not given all that was sent to him shall see it: by resets.
 */
static _Noreturn void finish(struct ctx *c, int status)
{
	flow_close_all(c);
	tap_flush(&c->tap);
	if (c->tap.pcap_fd >= 0)
		close(c->tap.pcap_fd);
	netns_take_terminal(&pasta.ns);
	exit(status);
}

/**
 * end_when_sent() - End, if nothing of what the guest has sent is on its way
 * @t:		Timer
 * @arg:	Execution context
 */
static void end_when_sent(struct timer *t, void *arg)
{
	struct ctx *c = arg;
	unsigned busy = flow_count_busy(c) + opening_count(c);
	uint64_t ms = c->now_ms - pasta.end_ms;

	if (busy && ms < END_MAX_MS) {
		if (ms >= END_TELL_MS && !pasta.end_told) {
			info("Waiting for connections with data to send yet "
			     "(%u), for %u s at most; SIGTERM ends it",
			     busy, END_MAX_MS / 1000);
			pasta.end_told = true;
		}
		timer_set(c->wheel, t, c->now_ms + END_POLL_MS);
		return;
	}
	if (busy)
		warn("Connections with data to send yet are reset: %u", busy);
	finish(c, pasta.status);
}

/**
 * end_soon() - The guest has come to its end, so do we
 * @c:		Execution context
 * @status:	Exit status
 *
 * Its kernel goes on to send what its processes have left it with, as we hold
 * on to its namespace.
 */
static void end_soon(struct ctx *c, int status)
{
	const int fds[] = {
		pasta.ns.child_pidfd, pasta.ns.watch_fd, pasta.ns.watch_pidfd,
	};
	unsigned i;

	/* They would tell of it in each turn */
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			epoll_ctl(c->epollfd, EPOLL_CTL_DEL, fds[i], NULL);
	timer_cancel(c->wheel, &pasta.poll);
	listen_end(c);

	pasta.status = status;
	pasta.end_ms = c->now_ms;
	pasta.end.fn = end_when_sent;
	timer_set(c->wheel, &pasta.end, c->now_ms);
}

/**
 * on_tap() - A descriptor of the back-end to the guest has something
 * @c:		Execution context
 * @ref:	Its descriptor
 * @events:	From epoll
 */
static void on_tap(struct ctx *c, union event_ref ref, uint32_t events)
{
	link_event(c, (int)ref.index, events);
}

/**
 * on_link() - A guest wants to connect
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_link(struct ctx *c, union event_ref ref, uint32_t events)
{
	(void)ref;
	(void)events;
	link_listen_event(c);
}

/**
 * on_flow() - The socket of a flow has something
 * @c:		Execution context
 * @ref:	Flow and side
 * @events:	From epoll
 */
static void on_flow(struct ctx *c, union event_ref ref, uint32_t events)
{
	flow_handle_event(c, ref.index, ref.side, events);
}

/**
 * on_signal() - A signal arrived: pass it on to the command, or end
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_signal(struct ctx *c, union event_ref ref, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)ref;
	(void)events;
	if (read(pasta.signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (pasta.ns.child)
		netns_signal(&pasta.ns, &si);
	else
		finish(c, pasta.status);
}

/**
 * on_command() - The command in the namespace has ended: so do we
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_command(struct ctx *c, union event_ref ref, uint32_t events)
{
	int status;

	(void)ref;
	(void)events;
	if (netns_wait_command(&pasta.ns, &status))
		return;
	/* Who interrupts it doesn't want it to come to its end, nor to wait */
	if (status > EXIT_BY_SIGNAL)
		finish(c, status);
	end_soon(c, status);
}

/**
 * on_netns() - Something changed where the namespace has its name
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_netns(struct ctx *c, union event_ref ref, uint32_t events)
{
	(void)ref;
	(void)events;
	/* Two descriptors may tell of it in one turn */
	if (!pasta.end_ms && netns_is_gone(&pasta.ns)) {
		info("Namespace is gone, exiting");
		end_soon(c, EXIT_SUCCESS);
	}
}

/**
 * on_listen() - Something came in at a listening socket
 * @c:		Execution context
 * @ref:	The listener
 * @events:	From epoll
 */
static void on_listen(struct ctx *c, union event_ref ref, uint32_t events)
{
	listen_event(c, ref.index, events);
}

/**
 * on_nsock() - Sockets in the namespace have arrived, or there will be none
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_nsock(struct ctx *c, union event_ref ref, uint32_t events)
{
	(void)ref;
	(void)events;
	if (nsock_event(c->nsock) != -EPIPE)
		return;
	if (c->conf.splice_only) {
		err("The process that makes sockets in the namespace was "
		    "killed, exiting");
		finish(c, EXIT_FAILURE);
	}
	err("The process that makes sockets in the namespace was killed: "
	    "local connections go by its interface now");
	c->conf.splice = false;
}

/**
 * on_alarm() - A timer runs out, or did so before: each turn looks for those
 * @c:		Not used
 * @ref:	Not used
 * @events:	Not used
 */
static void on_alarm(struct ctx *c, union event_ref ref, uint32_t events)
{
	uint64_t times;

	(void)c;
	(void)ref;
	(void)events;
	if (read(pasta.alarm_fd, &times, sizeof(times)) == sizeof(times))
		pasta.alarm_ms = 0;
}

/**
 * on_neigh() - Neighbours of the host have changed
 * @c:		Execution context
 * @ref:	Not used
 * @events:	Not used
 */
static void on_neigh(struct ctx *c, union event_ref ref, uint32_t events)
{
	(void)ref;
	(void)events;
	neigh_watch_event(c);
}

/**
 * netns_poll() - Look whether the namespace is still there, now and then
 * @t:		Timer
 * @arg:	Execution context
 */
static void netns_poll(struct timer *t, void *arg)
{
	struct ctx *c = arg;

	on_netns(c, (union event_ref){ .u64 = 0 }, 0);
	if (!pasta.end_ms)
		timer_set(c->wheel, t, c->now_ms + NETNS_POLL_MS);
}

typedef void event_handler(struct ctx *c, union event_ref ref, uint32_t events);

static event_handler *const event_handlers[EVENT_TYPES] = {
	[EVENT_TAP]	= on_tap,
	[EVENT_LINK]	= on_link,
	[EVENT_FLOW]	= on_flow,
	[EVENT_SIGNAL]	= on_signal,
	[EVENT_COMMAND]	= on_command,
	[EVENT_NETNS]	= on_netns,
	[EVENT_LISTEN]	= on_listen,
	[EVENT_NSOCK]	= on_nsock,
	[EVENT_ALARM]	= on_alarm,
	[EVENT_NEIGH]	= on_neigh,
};

/**
 * alarm_set() - Have the loop woken up in time for a timer
 * @now_ms:	Time now
 * @due_ms:	Time of the timer, later
 *
 * What comes too early does no harm, so the alarm is set anew only if it comes
 * too late, or has passed.
 */
static void alarm_set(uint64_t now_ms, uint64_t due_ms)
{
	struct itimerspec at = {
		.it_value.tv_sec = (time_t)(due_ms / 1000),
		.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000,
	};

	if (now_ms < pasta.alarm_ms && pasta.alarm_ms <= due_ms)
		return;
	timerfd_settime(pasta.alarm_fd, TFD_TIMER_ABSTIME, &at, NULL);
	pasta.alarm_ms = due_ms;
}

/**
 * loop_timeout() - How long to wait for events
 * @c:		Execution context
 *
 * Timers don't make for a time-out: the kernel would set and cancel a timer of
 * its own in each turn, which in a virtual machine is dear. See alarm_set().
 *
 * Return: 0 if there is something to do, -1 until there is an event
 */
static int loop_timeout(const struct ctx *c)
{
	uint64_t now_ms = util_now_ms();
	int next_ms = timer_next_ms(c->wheel, now_ms);

	if (flow_any_ready(c) || link_is_pending(c) || opening_count(c) ||
	    !next_ms)
		return 0;
	if (next_ms > 0)
		alarm_set(now_ms, now_ms + (uint64_t)next_ms);
	return -1;
}

/**
 * loop_turn() - One turn of the event loop
 * @c:		Execution context
 */
static void loop_turn(struct ctx *c)
{
	bool is_idle = !flow_any_ready(c) && !link_is_pending(c);
	struct epoll_event events[PASST_EVENTS_MAX];
	int n, i;

	n = epoll_wait(c->epollfd, events, PASST_EVENTS_MAX, loop_timeout(c));
	c->now_us = util_now_us();
	c->now_ms = c->now_us / 1000;
	stats_add(&c->stats, STAT_LOOP_TURNS, 1);

	for (i = 0; i < n; i++) {
		union event_ref ref = { .u64 = events[i].data.u64 };

		event_handlers[ref.type](c, ref, events[i].events);
	}

	timer_run(c->wheel, c->now_ms, c);
	if (!link_turn(c))
		finish(c, pasta.status);
	flow_resume(c);
	demux_waiting(c, is_idle && !n);
	listen_release(c);
	tap_flush(&c->tap);
	flow_end_turn(c);
	if (c->conf.stats_s)
		stats_print_due(&c->stats, c->conf.stats_s, c->now_ms);
}

/**
 * watch_fd() - Have the loop look at a descriptor
 * @c:		Execution context
 * @fd:		Descriptor, -1 for none
 * @type:	Whose it is
 */
static void watch_fd(const struct ctx *c, int fd, enum event_type type)
{
	union event_ref ref = {
		.index = (uint32_t)fd, .type = (uint16_t)type,
	};
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = ref.u64 };

	if (fd >= 0 && epoll_ctl(c->epollfd, EPOLL_CTL_ADD, fd, &ev))
		die_errno("Can't add a descriptor to the event loop");
}

/**
 * open_signals() - Have signals delivered as events
 *
 * Return: descriptor
 */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	/* The handler of isolate_start() would take rt_sigreturn(2), which the
	 * filter doesn't allow. Who starts the command keeps it.
	 */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* For netns_take_terminal() */
	signal(SIGTTOU, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		die_errno("Can't open a signal descriptor");
	return fd;
}

/**
 * raise_fds_limit() - Have as many descriptors as we may, at start-up
 * @mode:	Mode
 *
 * Ends the program if those aren't enough.
 */
static void raise_fds_limit(enum conf_mode mode)
{
	unsigned min = mode == MODE_PASTA ? FDS_MIN_PASTA : FDS_MIN_PASST;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur < min)
		die("The limit of open files (ulimit -Hn) is %llu, at least %u "
		    "are needed", (unsigned long long)lim.rlim_cur, min);
}

/**
 * flows_max() - How many flows our limit of descriptors allows
 *
 * Return: flows
 */
static uint32_t flows_max(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur <= FDS_OTHER)
		return 0;
	return (uint32_t)MIN(lim.rlim_cur - FDS_OTHER, FLOW_MAX);
}

/**
 * ctx_init() - Prepare everything the loop needs, but for the guest's link
 * @c:		Execution context, configuration complete
 */
static void ctx_init(struct ctx *c)
{
	c->epollfd = epoll_create1(EPOLL_CLOEXEC);
	pasta.alarm_fd = timerfd_create(CLOCK_MONOTONIC,
					TFD_CLOEXEC | TFD_NONBLOCK);
	c->wheel = calloc(1, sizeof(*c->wheel));
	if (c->epollfd < 0 || pasta.alarm_fd < 0 || !c->wheel)
		die_errno("Can't prepare the event loop");

	c->now_ms = util_now_ms();
	timer_init(c->wheel, c->now_ms);
	c->flows = flow_table_new(flows_max());
	c->frag = frag_new(&c->stats);
	c->opening = opening_new(util_now_us);
	if (!c->opening)
		die("No memory for new flows");
	c->tap.epollfd = c->epollfd;
	c->tap.stats = &c->stats;
	c->tap.macs = guest_macs_new();
	tap_attach_none(&c->tap);
	c->tap.mtu = c->conf.mtu ? c->conf.mtu : ETH_DATA_LEN;
	memcpy(c->tap.our_mac, c->conf.our_mac, MAC_LEN);
	c->tap.pcap_fd = -1;
	if (c->conf.pcap[0]) {
		c->tap.pcap_fd = pcap_open(c->conf.pcap);
		if (c->tap.pcap_fd < 0)
			die("option '--pcap': can't open '%.80s' (%s), "
			    "accepted: a file to write to", c->conf.pcap,
			    log_strerror(-c->tap.pcap_fd));
	}
	tcp_init(c);
	udp_init(c);
	icmp_init(c);
	ndp_init(c);
	if (c->conf.splice)
		splice_init(c);
}

/**
 * capture_start() - Begin the capture file, once all else is done that may fail
 * @c:		Execution context
 */
static void capture_start(const struct ctx *c)
{
	int rc = pcap_start(c->tap.pcap_fd);

	if (rc)
		die("option '--pcap': can't write to '%.80s' (%s), accepted: a "
		    "file to write to", c->conf.pcap, log_strerror(-rc));
}

/**
 * pasta_start() - Join or create the namespace and set up the link to it
 * @c:		Execution context
 */
static void pasta_start(struct ctx *c)
{
	struct tap_caps caps;
	int fd, rc = 0;

	if (c->conf.command)
		netns_spawn(&pasta.ns, &c->conf);
	else
		netns_open(&pasta.ns, &c->conf);

	fd = netns_setup_tun(&pasta.ns, &c->conf, &caps, c->tap.guest_mac);
	if (!c->conf.splice_only)
		rc = tap_tun_attach(&c->tap, fd, &caps);
	if (rc)
		die("Can't attach interface %s: %s", c->conf.ns_ifname,
		    log_strerror(-rc));

	c->nsock = nsock_start(&pasta.ns, &c->conf);
	netns_watch(&pasta.ns, &c->conf);
	watch_fd(c, nsock_fd(c->nsock), EVENT_NSOCK);
	watch_fd(c, pasta.ns.child_pidfd, EVENT_COMMAND);
	watch_fd(c, pasta.ns.watch_fd, EVENT_NETNS);
	watch_fd(c, pasta.ns.watch_pidfd, EVENT_NETNS);
	if (pasta.ns.watch_dir >= 0) {
		pasta.poll.fn = netns_poll;
		timer_set(c->wheel, &pasta.poll, c->now_ms + NETNS_POLL_MS);
	}
}

/**
 * log_start() - Have messages go where the options say
 * @conf:	Configuration
 *
 * With --debug the system logger is spared. In the foreground they go to
 * stderr, and that is enough.
 */
static void log_start(const struct conf *conf)
{
	int rc;

	if (conf->log_file[0]) {
		rc = log_open_file(conf->log_file, conf->log_size);
		if (rc)
			die("option '--log-file': can't open '%.80s' (%s), "
			    "accepted: a file to write to", conf->log_file,
			    log_strerror(-rc));
	} else if (!conf->debug && !conf->foreground) {
		log_open_syslog(conf->mode == MODE_PASTA ? "pasta" : "passt");
	}
}

/**
 * main() - Entry point of passt and pasta
 * @argc:	Number of arguments
 * @argv:	Arguments; the mode is chosen by the last part of the first one
 *
 * Return: never, see finish()
 */
int main(int argc, char *argv[])
{
	static struct ctx c;
	struct isolate iso;
	bool is_pasta;

	isolate_start();
	conf_parse(&c.conf, argc, argv);
	isolate_close_fds(c.conf.fd);
	raise_fds_limit(c.conf.mode);
	is_pasta = c.conf.mode == MODE_PASTA;
	log_start(&c.conf);
	conf_from_host(&c.conf);

	isolate_open_files(&iso, &c.conf);
	ctx_init(&c);
	neigh_watch_init(&c);
	link_init(&c);
	if (is_pasta)
		pasta_start(&c);
	listen_init(&c, is_pasta ? &pasta.ns : NULL);
	conf_print(&c.conf);	/* An error so far stands alone */
	listen_print(&c);
	link_print(&c);

	if (listen_may_bind_host(&c) && isolate_may_bind())
		c.binder = nsock_start(NULL, &c.conf);
	isolate_sandbox(&c.conf, ISOLATE_MAY_FORK);
	isolate_background(&iso, &c.conf);

	watch_fd(&c, pasta.alarm_fd, EVENT_ALARM);
	watch_fd(&c, neigh_watch_fd(c.neigh_watch), EVENT_NEIGH);
	/* Signals wake up only the process that began to watch them */
	pasta.signal_fd = open_signals();
	watch_fd(&c, pasta.signal_fd, EVENT_SIGNAL);
	capture_start(&c);
	isolate_ready(&iso, &c.conf, syscalls_of(&c.conf));
	if (is_pasta)
		netns_start_command(&pasta.ns);
	link_start(&c);
	listen_start(&c);

	for (;;)
		loop_turn(&c);
}

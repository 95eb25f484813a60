// SPDX-License-Identifier: BSD-3-Clause
/* netns.c - the namespace that pasta connects: open it, or make it, enter it
 *
 * Either netns_open() joins what exists, or netns_spawn() makes a new network
 * namespace, with user, PID and mount namespaces around it, and a process that
 * keeps the command: see netns_child.c. The order in which these are called,
 * with what else happens at start-up, is in isolate.c. The interface is set up
 * by netns_tun.c, the end of the namespace is seen by netns_quit.c.
 *
 * We never become a member of the namespace: netns_call() has a function
 * called by a short-lived process that is one, and shares memory and
 * descriptors with us. Sockets the function opens belong to the namespace, and
 * stay ours. This takes the privileges we are started with.
 *
 * In a user namespace made here, uid and gid 0 stand for our own ones, and
 * there are no others. That goes for root, too: who needs other ids for the
 * command starts with --netns-only. Without user namespaces on this machine,
 * root does without.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/nsfs.h>

#include "conf.h"
#include "log.h"
#include "netns.h"
#include "netns_child.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char netns_syscalls[] = "send tcsetpgrp waitpid";

#define STACK_SIZE	(256 * 1024)	/* Bytes, of processes started here */

/* The stack of a process that is to be started: a copy of it for one that
 * keeps the command, this very one for netns_call()
 */
static uint8_t stack[STACK_SIZE] __attribute__((aligned(64)));

/**
 * struct netns_entry - a call inside the namespace
 * @ns:		Namespace
 * @fn:		Function to call
 * @arg:	Its argument
 * @ret:	What it returned, or -errno if the namespace can't be entered
 */
struct netns_entry {
	const struct netns *ns;
	netns_fn *fn;
	void *arg;
	int ret;
};

/**
 * netns_init() - Start with nothing open
 * @ns:		Namespace
 */
static void netns_init(struct netns *ns)
{
	*ns = (struct netns) {
		.net_fd = -1, .user_fd = -1, .child_ctl = -1,
		.child_pidfd = -1, .watch_fd = -1, .watch_pidfd = -1,
		.watch_dir = -1, .watch_mnt = -1,
	};
}

/**
 * netns_is_own() - Do we belong to this namespace already?
 * @fd:		Namespace
 * @own:	Path of our own one of that type
 *
 * Return: true if we do
 */
static bool netns_is_own(int fd, const char *own)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(own, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/**
 * netns_open_path() - Open a namespace; ends the program on failure
 * @path:	Path
 * @type:	Type it has to be of, CLONE_NEW*
 * @what:	Name of that type
 * @name:	What the user calls the namespace
 *
 * Return: descriptor
 *
 * Source: ioctl_ns(2). NS_GET_NSTYPE is there since Linux 4.11.
 */
static int netns_open_path(const char *path, int type, const char *what,
			   const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		die_errno("Can't open %s namespace %s", what, name);
	if (ioctl(fd, NS_GET_NSTYPE) != type)
		die("%s is no %s namespace (a file as in /proc/PID/ns is "
		    "accepted)", name, what);
	return fd;
}

/**
 * netns_reopen() - Open the namespaces once more, called inside of them
 * @arg:	struct netns, descriptors are replaced
 *
 * What was opened by a path keeps the mount there busy: somebody who wants to
 * end the namespace could not unmount it. What is opened here doesn't.
 *
 * Return: 0, with the old descriptors kept if there is no /proc
 */
static int netns_reopen(void *arg)
{
	struct netns *ns = arg;
	int fd;

	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(ns->net_fd);
		ns->net_fd = fd;
	}
	if (ns->user_fd < 0)
		return 0;

	fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(ns->user_fd);
		ns->user_fd = fd;
	}
	return 0;
}

/**
 * netns_join_hint() - What to do about a namespace we may not join
 * @ns:		Namespace
 * @conf:	Configuration: how it was given
 *
 * Return: text behind its name, may be empty
 *
 * Source: ioctl_ns(2): NS_GET_USERNS gives the user namespace whose privileges
 * it takes, unless that is one around ours. It is there since Linux 4.9.
 */
static const char *netns_join_hint(const struct netns *ns,
				   const struct conf *conf)
{
	int owner = ioctl(ns->net_fd, NS_GET_USERNS);
	bool root;

	root = owner < 0 ? errno == EPERM :
	       netns_is_own(owner, "/proc/self/ns/user");
	if (owner >= 0)
		close(owner);

	if (netns_is_own(ns->net_fd, "/proc/self/ns/net"))
		return " (that is the one pasta is in itself)";
	if (root)
		return " (made by root: run pasta as root)";
	return *conf->userns ? "" : " (it belongs to a user namespace: see "
				    "--userns)";
}

/**
 * netns_open() - Open the namespace to join; ends the program on failure
 * @ns:		Namespace, overwritten
 * @conf:	Configuration: paths of the namespaces
 */
void netns_open(struct netns *ns, const struct conf *conf)
{
	int ret;

	netns_init(ns);
	ns->net_fd = netns_open_path(conf->netns, CLONE_NEWNET, "network",
				     conf->netns_name);

	if (*conf->userns && !conf->netns_only) {
		ns->user_fd = netns_open_path(conf->userns, CLONE_NEWUSER,
					      "user", conf->userns);
		if (netns_is_own(ns->user_fd, "/proc/self/ns/user")) {
			close(ns->user_fd);	/* Joining it would fail */
			ns->user_fd = -1;
		}
	}

	ret = netns_call(ns, netns_reopen, ns);
	if (ret)
		log_die(-ret, "Can't join network namespace %s%s",
			conf->netns_name,
			ret == -EPERM ? netns_join_hint(ns, conf) : "");
}

/**
 * netns_map_ids() - Make our own ids those of root in the user namespace
 * @child:	Process in it
 *
 * Some containers allow a user namespace, but no mapping: the command then
 * runs as nobody, the namespace can be connected all the same.
 *
 * Source: user_namespaces(7): setgroups(2) has to be given up before that
 */
static void netns_map_ids(pid_t child)
{
	char path[sizeof("/proc/2147483647/setgroups")];
	char map[sizeof("0 4294967295 1\n")];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)child);
	util_write_file(path, "deny");

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)child);
	snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)geteuid());
	ret = util_write_file(path, map);
	if (ret)
		log_errno(LOG_LEVEL_WARN, -ret, "Can't map user IDs");

	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)child);
	snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)getegid());
	ret = util_write_file(path, map);
	if (ret)
		log_errno(LOG_LEVEL_WARN, -ret, "Can't map group IDs");
}

/**
 * netns_clone() - Start the process that keeps the command, in new namespaces
 * @conf:	Configuration: which namespaces
 * @child:	What the process has to know
 * @userns:	Set to whether there is a new user namespace
 *
 * Return: its PID; ends the program on failure
 */
static pid_t netns_clone(const struct conf *conf, struct netns_child *child,
			 bool *userns)
{
	int flags = CLONE_NEWNET | SIGCHLD;
	pid_t pid = -1;

	if (child->pidns)
		flags |= CLONE_NEWPID | CLONE_NEWNS;

	if (!conf->netns_only)
		pid = clone(netns_child, stack + sizeof(stack),
			    flags | CLONE_NEWUSER, child);
	*userns = pid > 0;

	if (pid < 0 && (conf->netns_only || !geteuid()))
		pid = clone(netns_child, stack + sizeof(stack), flags, child);
	if (pid < 0 && conf->netns_only)
		die_errno("Can't create a network namespace: --netns-only "
			  "takes privileges");
	if (pid < 0)
		die_errno("Can't create namespaces (see user_namespaces(7) "
			  "for what may keep users from doing so)");
	return pid;
}

/**
 * netns_spawn() - Make a namespace, with a process that waits to run the
 *		   command in it; ends the program on failure
 * @ns:		Namespace, overwritten
 * @conf:	Configuration: command and namespaces
 */
void netns_spawn(struct netns *ns, const struct conf *conf)
{
	struct netns_child child = {
		.pidns = !conf->no_pidns, .command = conf->command,
		.terminal = conf->is_shell && !conf->no_pidns &&
			    tcgetpgrp(STDIN_FILENO) == getpgrp(),
	};
	char path[sizeof("/proc/2147483647/ns/user")];
	bool userns;
	int ctl[2];

	netns_init(ns);
	if (child.terminal)
		ns->terminal_group = getpgrp();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl))
		die_errno("Can't create a pair of sockets");
	child.ctl = ctl[1];
	ns->child_ctl = ctl[0];
	ns->child = netns_clone(conf, &child, &userns);
	close(ctl[1]);

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)ns->child);
	ns->net_fd = netns_open_path(path, CLONE_NEWNET, "network", path);
	if (userns) {
		netns_map_ids(ns->child);
		snprintf(path, sizeof(path), "/proc/%d/ns/user",
			 (int)ns->child);
		ns->user_fd = netns_open_path(path, CLONE_NEWUSER, "user",
					      path);
	}

	/* Before Linux 5.3, the end of our socket's peer tells the same */
	ns->child_pidfd = (int)syscall(SYS_pidfd_open, ns->child, 0);
	if (ns->child_pidfd < 0)
		ns->child_pidfd = ns->child_ctl;
}

/**
 * netns_enter() - Enter the namespace and call a function there
 * @arg:	struct netns_entry
 *
 * Return: 0, the result is in @arg
 */
static int netns_enter(void *arg)
{
	struct netns_entry *e = arg;

	if ((e->ns->user_fd >= 0 && setns(e->ns->user_fd, CLONE_NEWUSER)) ||
	    setns(e->ns->net_fd, CLONE_NEWNET))
		e->ret = -errno;
	else
		e->ret = e->fn(e->arg);
	return 0;
}

/**
 * netns_call() - Call a function inside the namespace, and wait for it
 * @ns:		Namespace
 * @fn:		Function: memory and descriptors are ours, it must not end the
 *		program
 * @arg:	Its argument
 *
 * Return: what @fn returns, -errno if the namespace can't be entered, -EINTR
 *	   if that was cut short by a signal
 */
int netns_call(const struct netns *ns, netns_fn *fn, void *arg)
{
	struct netns_entry e = { ns, fn, arg, -EINTR };
	pid_t pid;

	/* No signal to us at its end, hence __WALL: nobody else is to see it */
	pid = clone(netns_enter, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_FILES, &e);
	if (pid < 0)
		return -errno;

	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return e.ret;
}

/**
 * netns_child_send() - Send a byte to the process that keeps the command
 * @ns:		Namespace
 * @byte:	CHILD_GO, or a signal
 *
 * A failure means that the process has ended, and we will be told of that.
 */
static void netns_child_send(const struct netns *ns, uint8_t byte)
{
	if (ns->child_ctl >= 0)
		send(ns->child_ctl, &byte, sizeof(byte),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
}

/**
 * netns_start_command() - Let the command run, if there is one
 * @ns:		Namespace
 */
void netns_start_command(struct netns *ns)
{
	netns_child_send(ns, CHILD_GO);
}

/**
 * netns_signal() - Hand a signal on to the command
 * @ns:		Namespace, of netns_spawn()
 * @si:		Signal we got
 *
 * The kernel sends signals to all of the terminal's foreground process group,
 * so that the command got those, too.
 */
void netns_signal(const struct netns *ns, const struct signalfd_siginfo *si)
{
	if (si->ssi_code != SI_KERNEL)
		netns_child_send(ns, (uint8_t)si->ssi_signo);
}

/**
 * netns_take_terminal() - Take back the terminal that the shell got, at the end
 * @ns:		Namespace
 *
 * It can't tell whom to give it back to, see netns_child_exec(). Who started us
 * would find it to belong to nobody: reading from it fails with EIO.
 */
void netns_take_terminal(const struct netns *ns)
{
	if (ns->terminal_group)
		tcsetpgrp(STDIN_FILENO, ns->terminal_group);
}

/**
 * netns_wait_command() - See if the command has ended
 * @ns:		Namespace
 * @status:	Exit status to pass on, set if it has; more than EXIT_BY_SIGNAL
 *		if a signal ended it, or a shell tells so of its command
 *
 * Return: 0 if it has, -EAGAIN if not yet, -ECHILD if there is none
 */
int netns_wait_command(struct netns *ns, int *status)
{
	int wait_status;
	pid_t pid;

	if (!ns->child)
		return -ECHILD;

	pid = waitpid(ns->child, &wait_status, WNOHANG);
	if (pid <= 0)
		return pid ? -errno : -EAGAIN;

	ns->child = 0;
	*status = WEXITSTATUS(wait_status);
	if (WIFSIGNALED(wait_status))
		*status = EXIT_BY_SIGNAL + WTERMSIG(wait_status);
	return 0;
}

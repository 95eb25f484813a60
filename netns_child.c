// SPDX-License-Identifier: BSD-3-Clause
/* netns_child.c - the process that keeps the command, in the new namespaces
 *
 * netns_spawn() starts netns_child() as a process of its own. That waits for
 * the word to go, starts the command, and ends with the command's status. It
 * is the first process of the PID namespace, unless --no-pidns says that there
 * is none, so that it has three duties the command itself could not be trusted
 * with:
 *
 *  - it waits for orphaned processes;
 *  - it hands on signals. The kernel keeps those without a handler from the
 *    first process of a PID namespace: a command there could not be ended;
 *  - it ends as soon as the one that started it does, however that came about,
 *    and all processes of the PID namespace end with it.
 *
 * Both the word to go and signals, one byte each, come by a socket instead of
 * kill(2), because the sender may have become another user meanwhile. The end
 * of the sender shows as end of file there.
 *
 * Signals from the terminal reach the command on their own, as it is in the
 * same process group, see netns_child_signal(), or has the terminal for itself.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate.h"
#include "log.h"
#include "netns_child.h"
#include "util.h"

/* Exit status if the command can't be run. Source: POSIX, 2.8.2 */
#define EXIT_NOT_RUNNABLE	126
#define EXIT_NOT_FOUND		127

/**
 * netns_child_mount_proc() - Mount a /proc that shows our PID namespace
 *
 * Mounts made here don't show outside: in a chroot, where / may be no mount, it
 * takes /proc being one. Where mounting isn't possible, as in many containers,
 * the command does without.
 *
 * Source: mount_namespaces(7), propagation is that of the mount underneath
 */
static void netns_child_mount_proc(void)
{
	if ((mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) &&
	     mount(NULL, "/proc", NULL, MS_SLAVE | MS_REC, NULL)) ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL))
		warn("Can't mount /proc for the command, consider --no-pidns: "
		     "%s", log_strerror(errno));
}

/**
 * netns_child_is_missing() - Is there no such command that could be run?
 * @command:	Its name
 * @err:	errno of execvp(3)
 *
 * That one tells EACCES also if it was not allowed to look into some directory
 * of PATH and found nothing in the others.
 *
 * Return: true if the name leads to nothing, or is in no directory of PATH
 */
static bool netns_child_is_missing(const char *command, int err)
{
	const char *dir = getenv("PATH"), *end;
	char path[PATH_MAX];
	struct stat st;

	if (strchr(command, '/') || !dir)
		return err == ENOENT;

	for (;; dir = end + 1) {
		int len;

		end = strchrnul(dir, ':');
		len = snprintf(path, sizeof(path), "%.*s%s%s",
			       (int)(end - dir), dir, end == dir ? "" : "/",
			       command);
		if ((size_t)len < sizeof(path) && !stat(path, &st) &&
		    S_ISREG(st.st_mode))
			return false;
		if (!*end)
			return true;
	}
}

/**
 * netns_child_hint() - What may have been meant by a command there isn't
 * @command:	Its words
 *
 * Return: text behind its name, may be empty
 */
static const char *netns_child_hint(char *const *command)
{
	const char *name = command[0];

	return *name && !name[strspn(name, "0123456789")] && command[1] ?
	       " (options go before a PID)" : "";
}

/**
 * netns_child_exec() - Run the command; doesn't return
 * @child:	What we are to do
 *
 * A shell wants to know which process group has the terminal, to give it back
 * in the end. It can't see ours from inside a PID namespace: dash complains at
 * its end, and spoils its exit status. So it gets a group of its own. Other
 * commands stay in ours, for all of us to be stopped from the terminal.
 *
 * The signals that we block for ourselves are none of its business. Until they
 * are unblocked, SIGTTOU doesn't keep us from taking the terminal.
 */
static void netns_child_exec(const struct netns_child *child)
{
	char *const *command = child->command;
	sigset_t none;
	bool missing;
	int e;

	if (child->terminal && !setpgid(0, 0) &&
	    tcsetpgrp(STDIN_FILENO, getpid()))
		debug("Can't take the terminal: %s", log_strerror(errno));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	execvp(command[0], command);
	e = errno;
	missing = netns_child_is_missing(command[0], e);
	log_errno(LOG_LEVEL_ERR, missing ? ENOENT : e, "Can't run %s%s",
		  command[0], missing ? netns_child_hint(command) : "");
	_exit(missing ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE);
}

/**
 * netns_child_reap() - Take the status of processes that ended
 * @pid:	Process of the command
 *
 * Ends this process if the command did, with the status a shell would give it.
 */
static void netns_child_reap(pid_t pid)
{
	int status;
	pid_t p;

	while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
		if (p != pid)
			continue;
		if (WIFSIGNALED(status))
			_exit(128 + WTERMSIG(status));
		_exit(WEXITSTATUS(status));
	}
}

/**
 * netns_child_signal() - Handle a signal we got
 * @fd:		Descriptor to read signals from
 * @pid:	Process of the command
 *
 * What the kernel sends, to all of the terminal's foreground process group,
 * needs no handing on.
 */
static void netns_child_signal(int fd, pid_t pid)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;

	if (si.ssi_signo == SIGCHLD)
		netns_child_reap(pid);
	else if (si.ssi_code != SI_KERNEL)
		kill(pid, (int)si.ssi_signo);
}

/**
 * netns_child_ctl() - Handle a message of the one that started us
 * @child:	What we are to do
 * @pid:	Process of the command
 *
 * If that one has gone, then the network has, too: the command ends. Other
 * processes do only if there is a PID namespace.
 */
static void netns_child_ctl(const struct netns_child *child, pid_t pid)
{
	uint8_t signo;

	if (recv(child->ctl, &signo, sizeof(signo), 0) == sizeof(signo)) {
		kill(pid, signo);
		return;
	}

	if (!child->pidns)
		kill(pid, SIGTERM);
	_exit(EXIT_FAILURE);
}

/**
 * netns_child() - Start the command when told to, wait for its end
 * @arg:	struct netns_child
 *
 * Return: never; ends with the command's status, 128 and the number if that
 *	   was a signal, EXIT_NOT_FOUND or EXIT_NOT_RUNNABLE if it can't be run
 */
int netns_child(void *arg)
{
	const struct netns_child *child = arg;
	struct pollfd fds[2];
	sigset_t all;
	uint8_t go;
	pid_t pid;

	/* What a message of ours that nobody reads, or that there is no room
	 * for, causes isn't to be handed on to the command
	 */
	sigfillset(&all);
	sigdelset(&all, SIGPIPE);
	sigdelset(&all, SIGXFSZ);
	sigprocmask(SIG_SETMASK, &all, NULL);
	isolate_close_fds(child->ctl);

	if (recv(child->ctl, &go, sizeof(go), 0) != sizeof(go) ||
	    go != CHILD_GO)
		_exit(EXIT_FAILURE);

	if (child->pidns)
		netns_child_mount_proc();

	pid = fork();
	if (!pid)
		netns_child_exec(child);

	fds[0].fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	fds[1].fd = child->ctl;
	fds[0].events = fds[1].events = POLLIN;
	if (pid < 0 || fds[0].fd < 0) {
		log_errno(LOG_LEVEL_ERR, errno, "Can't start %s",
			  child->command[0]);
		_exit(EXIT_NOT_RUNNABLE);
	}

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			netns_child_signal(fds[0].fd, pid);
		if (fds[1].revents)
			netns_child_ctl(child, pid);
	}
}

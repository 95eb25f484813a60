// SPDX-License-Identifier: BSD-3-Clause
/* test_seccomp.c - the filter of system calls, names of system calls, Landlock
 *
 * Filters are looked through by a small interpreter here, and put in force in
 * child processes. Which filter passt and pasta have, and that it is the right
 * one, is for test_sandbox.py to see.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/seccomp.h>

#include "conf.h"
#include "sandbox.h"
#include "seccomp.h"
#include "sysname.h"

#define NUMBERS	600	/* Above those of all system calls of Linux 6 */

/**
 * run_filter() - What does a filter say?
 * @p:		Filter
 * @data:	System call
 *
 * Return: SECCOMP_RET_*
 */
static uint32_t run_filter(const struct seccomp_prog *p,
			   const struct seccomp_data *data)
{
	uint32_t a = 0;
	unsigned pc;

	for (pc = 0; pc < p->len; pc++) {
		const struct sock_filter *i = &p->insns[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_in_range(i->k, 0, sizeof(*data) - sizeof(a));
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail();
		}
	}
	fail();
	return 0;
}

/**
 * arch_of() - Architecture that a filter is for
 * @p:		Filter
 *
 * Return: the only value of seccomp_data.arch that isn't turned away at once
 */
static uint32_t arch_of(const struct seccomp_prog *p)
{
	assert_int_equal(p->insns[1].code, BPF_JMP | BPF_JEQ | BPF_K);
	return p->insns[1].k;
}

static void names(void **state)
{
	int nr;

	(void)state;
	assert_true(sysname_find("recvmsg", 7, &nr));
	assert_int_equal(nr, SYS_recvmsg);
	assert_true(sysname_find("exit_group and more", 10, &nr));
	assert_int_equal(nr, SYS_exit_group);
	assert_string_equal(sysname_str(SYS_ptrace), "ptrace");
	assert_string_equal(sysname_str(SYS_write), "write");
	assert_string_equal(sysname_str(1 << 20), "unknown");
	assert_false(sysname_find("nosuchcall", 10, &nr));
	assert_false(sysname_find("recvms", 6, &nr));
#ifdef __x86_64__
	assert_true(sysname_find("ftruncate64", 11, &nr));
	assert_int_equal(nr, -1);	/* Only where numbers are of 32 bits */
#endif
}

static void allows_what_is_listed(void **state)
{
	static const char *const lists[] = {
		"write close", "epoll_wait poll recv waitpid", "close munmap",
		"", NULL,
	};
	static const char allowed[] =
		" write close epoll_pwait ppoll recvfrom wait4 munmap exit "
		"exit_group restart_syscall clock_gettime epoll_wait poll "
		"gettimeofday ppoll_time64 recv clock_gettime64 ";
	struct seccomp_data data = { 0 };
	struct seccomp_prog p;
	bool tell;
	int nr;

	(void)state;
	for (tell = false; ; tell = true) {
		seccomp_build(&p, lists, tell);
		data.arch = arch_of(&p);
		for (nr = 0; nr < NUMBERS; nr++) {
			uint32_t expected = tell ? SECCOMP_RET_TRAP :
						   SECCOMP_RET_KILL_PROCESS;
			char name[64];

			snprintf(name, sizeof(name), " %s ", sysname_str(nr));
			if (strstr(allowed, name))
				expected = SECCOMP_RET_ALLOW;
			data.nr = nr;
			assert_int_equal(run_filter(&p, &data), expected);
		}
		if (tell)
			break;
	}
}

static void denies_other_numbering(void **state)
{
	static const char *const lists[] = { "write", NULL };
	struct seccomp_data data = { .nr = SYS_write };
	struct seccomp_prog p;

	(void)state;
	seccomp_build(&p, lists, true);
	data.arch = arch_of(&p);
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_ALLOW);
	data.nr = SYS_write | 0x40000000;	/* x32 */
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_KILL_PROCESS);
	data.nr = SYS_write;
	data.arch ^= 0x80000000;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_KILL_PROCESS);
	data.nr = -1;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_KILL_PROCESS);
}

/**
 * map_verdict() - What does the filter that allows mmap(2) say?
 * @prot:	Its argument
 * @flags:	Its argument
 *
 * Return: SECCOMP_RET_*
 */
static uint32_t map_verdict(int prot, int flags)
{
	static const char *const lists[] = { "mmap", NULL };
	struct seccomp_data data = {
#ifdef SYS_mmap
		.nr = SYS_mmap,
#else
		.nr = SYS_mmap2,
#endif
		.args = { 0, 4096, (unsigned)prot, (unsigned)flags, 5, 0 },
	};
	struct seccomp_prog p;

	seccomp_build(&p, lists, true);
	data.arch = arch_of(&p);
	return run_filter(&p, &data);
}

static void limits_mappings(void **state)
{
	int rw = PROT_READ | PROT_WRITE, good = MAP_SHARED | MAP_NORESERVE;

	(void)state;
	assert_int_equal(map_verdict(rw, good), SECCOMP_RET_ALLOW);
#ifdef __s390x__
	print_message("Arguments of mmap(2) can't be seen on s390x\n");
	return;
#endif
	assert_int_equal(map_verdict(rw | PROT_EXEC, good), SECCOMP_RET_TRAP);
	assert_int_equal(map_verdict(PROT_EXEC, good), SECCOMP_RET_TRAP);
	assert_int_equal(map_verdict(rw, good | MAP_ANONYMOUS),
			 SECCOMP_RET_TRAP);
	assert_int_equal(map_verdict(rw, good | MAP_FIXED), SECCOMP_RET_TRAP);
	assert_int_equal(map_verdict(rw, MAP_PRIVATE | MAP_ANONYMOUS),
			 SECCOMP_RET_TRAP);
}

static void limits_arguments(void **state)
{
	static const char *const lists[] = { "socket close", NULL };
	struct seccomp_data data = { .nr = SYS_socket };
	struct seccomp_prog p;

	(void)state;
	seccomp_build(&p, lists, true);
	data.arch = arch_of(&p);
	data.args[0] = AF_INET;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_ALLOW);
	data.args[0] = AF_INET6;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_ALLOW);
	data.args[0] = AF_UNIX;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_TRAP);
	data.args[0] = AF_NETLINK;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_TRAP);
	data.args[0] = AF_PACKET;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_TRAP);
	data.nr = SYS_close;
	assert_int_equal(run_filter(&p, &data), SECCOMP_RET_ALLOW);
}

/**
 * in_child() - Call a function in a child process
 * @fn:		Function, called with stderr being a pipe
 * @text:	Set to what it wrote to stderr
 * @size:	Bytes there
 *
 * Return: how it ended, as of waitpid(2)
 */
static int in_child(void (*fn)(void), char *text, size_t size)
{
	const struct rlimit none = { 0, 0 };
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSYS, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(100);
		fn();
		syscall(SYS_exit_group, 0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void load(const char *list, bool tell)
{
	const char *const lists[] = { list, "write", NULL };
	struct seccomp_prog p;

	seccomp_build(&p, lists, tell);
	if (seccomp_load(&p))
		syscall(SYS_exit_group, 101);
}

static void child_allowed(void)
{
	load("getpid close", true);
	if (syscall(SYS_getpid) <= 0 || syscall(SYS_close, 1000) != -1 ||
	    errno != EBADF)
		syscall(SYS_exit_group, 102);
}

static void child_told(void)
{
	load("getpid", true);
	syscall(SYS_getpid);
	syscall(SYS_getppid);
}

static void child_not_told(void)
{
	load("getpid", false);
	syscall(SYS_getppid);
}

static void child_forbidden_argument(void)
{
	load("socket", true);
	syscall(SYS_close, (int)syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0));
}

static void filter_in_force(void **state)
{
	char text[256], expected[256];
	int status;

	(void)state;
	assert_int_equal(in_child(child_allowed, text, sizeof(text)), 0);
	assert_string_equal(text, "");

	status = in_child(child_told, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	snprintf(expected, sizeof(expected), "Sandbox: system call %d "
		 "(getppid) is not allowed after start-up, ending\n",
		 (int)SYS_getppid);
	assert_string_equal(text, expected);

	status = in_child(child_not_told, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	assert_string_equal(text, "");

	status = in_child(child_forbidden_argument, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_non_null(strstr(text, "(socket)"));
}

static void child_unknown_name(void)
{
	load("getpid nosuchcall", true);
}

static void unknown_names_are_found_out(void **state)
{
	char text[256];
	int status;

	(void)state;
	status = in_child(child_unknown_name, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
	assert_non_null(strstr(text, "no system call nosuchcall"));
}

static void child_landlock(void)
{
	static const struct conf conf = { .sandbox = SANDBOX_STRICT };
	int old = open("/dev/zero", O_RDONLY), fd;
	char c = 1;

	sandbox_deny_files(&conf, true);
	fd = open("/dev/zero", O_RDONLY);
	if (fd >= 0 || errno != EACCES)
		syscall(SYS_exit_group, 103);
	if (read(old, &c, 1) != 1 || c)
		syscall(SYS_exit_group, 104);
	/* Ports and addresses are not its business */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || listen(fd, 1))
		syscall(SYS_exit_group, 105);
}

static void landlock_denies_files(void **state)
{
	char text[256];

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("No Landlock in this kernel: not tested\n");
		skip();
	}
	assert_int_equal(in_child(child_landlock, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(allows_what_is_listed),
		cmocka_unit_test(denies_other_numbering),
		cmocka_unit_test(limits_arguments),
		cmocka_unit_test(limits_mappings),
		cmocka_unit_test(filter_in_force),
		cmocka_unit_test(unknown_names_are_found_out),
		cmocka_unit_test(landlock_denies_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

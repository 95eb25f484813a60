// SPDX-License-Identifier: BSD-3-Clause
/* seccomp.c - the filter of system calls
 *
 * Each module that calls the kernel after start-up has a list, a string beside
 * its functions, with the names of what they call, as in section 2 of the
 * manual. main() knows which modules a mode consists of. From their lists
 * seccomp_build() makes one filter, and seccomp_load() puts it in force, for
 * good. What libc turns those functions into, depending on libc and
 * architecture, is the business of seccomp_aliases, and what arguments they
 * may have that of seccomp_limits. A name that is nowhere known is a mistake in
 * this program, and ends it at start.
 *
 * A system call that isn't in the filter ends the process, by SIGSYS. Before
 * that, if asked to tell, a message names it: the filter raises the signal,
 * the handler tells and makes a call that is never allowed. As the signal is
 * blocked by then, the kernel ends the process at once. Calls of another
 * architecture's numbers, such as those of i386 and x32 on x86_64, end the
 * process without a word. Without a message by us there is one by the kernel,
 * in its log.
 *
 * The filter finds a number by binary search; the kernel remembers the outcome
 * for those that are allowed whatever their arguments, since Linux 5.11.
 *
 * Source: seccomp(2), Documentation/userspace-api/seccomp_filter.rst
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "log.h"
#include "seccomp.h"
#include "sysname.h"
#include "util.h"

#define CALLS_MAX	160	/* System calls of one filter */
#define LEAF_MAX	4	/* Looked through one by one */
#define VALUES_MAX	3	/* Values an argument may have */
#define X32_BIT		0x40000000U	/* __X32_SYSCALL_BIT of asm/unistd.h */

/* What the kernel calls this architecture, 0 if that isn't known here */
#if defined(__x86_64__)
#define ARCH	AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH	AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH	AUDIT_ARCH_AARCH64
#elif defined(__arm__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH	AUDIT_ARCH_ARM
#elif defined(__s390x__)
#define ARCH	AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH	AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH	AUDIT_ARCH_RISCV64
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH	AUDIT_ARCH_MIPSEL64
#elif defined(__mips__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH	AUDIT_ARCH_MIPSEL
#elif defined(__loongarch64)
#define ARCH	(258U | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE) /* EM_LOONGARCH */
#else
#define ARCH	0
#endif

/* Arguments are 64 bits each; the half that is tested here is the lower one */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ARG_OFFSET(i)	(uint32_t)(offsetof(struct seccomp_data, args[i]) + 4)
#else
#define ARG_OFFSET(i)	(uint32_t)offsetof(struct seccomp_data, args[i])
#endif

/* What libc and the kernel need whatever the modules do: to end, to go on
 * after having been stopped, and to tell the time where the vDSO can't
 */
static const char base_calls[] = "exit exit_group restart_syscall "
				 "clock_gettime";

/**
 * struct seccomp_alias - what a function turns into
 * @name:	Function of libc
 * @calls:	System calls it makes with any libc on any architecture
 *
 * What isn't listed is the system call of the same name and no other. statx(2)
 * is what libc uses where time has 64 bits and other system calls have 32.
 */
static const struct seccomp_alias {
	const char *name;
	const char *calls;
} seccomp_aliases[] = {
	{ "clock_gettime", "clock_gettime clock_gettime64 gettimeofday" },
	{ "epoll_wait",	"epoll_wait epoll_pwait" },
	{ "fcntl",	"fcntl fcntl64" },
	{ "fstat",	"fstat fstat64 newfstatat statx" },
	{ "fstatat",	"newfstatat fstatat64 statx" },
	{ "ftruncate",	"ftruncate ftruncate64" },
	{ "lseek",	"lseek _llseek" },
	{ "mmap",	"mmap mmap2" },
	{ "poll",	"poll ppoll ppoll_time64" },
	{ "pread",	"pread64" },
	{ "pwrite",	"pwrite64" },
	{ "recv",	"recv recvfrom" },
	{ "recvmmsg",	"recvmmsg recvmmsg_time64" },
	{ "send",	"send sendto" },
	{ "tcsetpgrp",	"ioctl" },
	{ "timerfd_settime", "timerfd_settime timerfd_settime64" },
	{ "waitpid",	"wait4" },
};

/**
 * struct seccomp_limit - what an argument of a system call has to be
 * @name:	System call
 * @arg:	Index of the argument
 * @count:	How many values it may have
 * @values:	These
 */
static const struct seccomp_limit {
	const char *name;
	uint8_t arg;
	uint8_t count;
	uint32_t values[VALUES_MAX];
} seccomp_limits[] = {
	{ "fcntl",	1, 3, { F_GETFL, F_SETFL, F_SETPIPE_SZ } },
	{ "fcntl64",	1, 3, { F_GETFL, F_SETFL, F_SETPIPE_SZ } },
	{ "ioctl",	1, 1, { TIOCSPGRP } },
	{ "socket",	0, 2, { AF_INET, AF_INET6 } },
#ifndef __s390x__	/* It has the arguments of mmap(2) in memory */
	{ "mmap",	2, 1, { PROT_READ | PROT_WRITE } },
	{ "mmap",	3, 1, { MAP_SHARED | MAP_NORESERVE } },
	{ "mmap2",	2, 1, { PROT_READ | PROT_WRITE } },
	{ "mmap2",	3, 1, { MAP_SHARED | MAP_NORESERVE } },
#endif
};

/**
 * struct seccomp_set - system calls that are allowed
 * @nr:		Their numbers, ascending
 * @count:	How many
 */
struct seccomp_set {
	unsigned nr[CALLS_MAX];
	unsigned count;
};

/**
 * seccomp_add() - Add a system call to a set
 * @set:	Set
 * @nr:		Number
 */
static void seccomp_add(struct seccomp_set *set, unsigned nr)
{
	unsigned i = set->count;

	while (i && set->nr[i - 1] > nr)
		i--;
	if (i && set->nr[i - 1] == nr)
		return;
	if (set->count == CALLS_MAX)
		die("Sandbox: too many system calls in the lists");

	memmove(set->nr + i + 1, set->nr + i,
		(set->count - i) * sizeof(*set->nr));
	set->nr[i] = nr;
	set->count++;
}

/**
 * seccomp_add_calls() - Add system calls to a set, as far as they exist here
 * @set:	Set
 * @calls:	Their names, with a space between each two
 * @len:	Length of that
 */
static void seccomp_add_calls(struct seccomp_set *set, const char *calls,
			      size_t len)
{
	const char *end = calls + len, *space;
	int nr;

	for (; calls < end; calls = space + 1) {
		space = memchr(calls, ' ', (size_t)(end - calls));
		if (!space)
			space = end;
		if (!sysname_find(calls, (size_t)(space - calls), &nr))
			die("Sandbox: there is no system call %.*s",
			    (int)(space - calls), calls);
		if (nr >= 0)
			seccomp_add(set, (unsigned)nr);
	}
}

/**
 * seccomp_add_list() - Add what the functions of a list need to a set
 * @set:	Set
 * @list:	Their names, with a space between each two
 */
static void seccomp_add_list(struct seccomp_set *set, const char *list)
{
	while (*list) {
		size_t len = strcspn(list, " "), i;
		const char *calls = NULL;

		for (i = 0; i < ARRAY_SIZE(seccomp_aliases); i++) {
			const struct seccomp_alias *a = &seccomp_aliases[i];

			if (!strncmp(a->name, list, len) && !a->name[len])
				calls = a->calls;
		}
		if (calls)
			seccomp_add_calls(set, calls, strlen(calls));
		else
			seccomp_add_calls(set, list, len);
		list += len + (list[len] == ' ');
	}
}

/**
 * seccomp_emit() - Add an instruction to a filter
 * @p:		Filter
 * @code:	BPF_*
 * @k:		Its operand
 * @jt:		Instructions to skip if a test is true
 * @jf:		Instructions to skip if it's false
 */
static void seccomp_emit(struct seccomp_prog *p, unsigned code, uint32_t k,
			 unsigned jt, unsigned jf)
{
	if (p->len == SECCOMP_PROG_MAX || jt > UINT8_MAX || jf > UINT8_MAX)
		die("Sandbox: the filter of system calls is too long");

	p->insns[p->len++] = (struct sock_filter) {
		.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf,
		.k = k,
	};
}

/**
 * seccomp_emit_call() - Allow one system call, if it is that
 * @p:		Filter
 * @nr:		Its number, to be compared with the one in the accumulator
 * @denied:	What is returned if an argument isn't as it has to be
 */
static void seccomp_emit_call(struct seccomp_prog *p, unsigned nr,
			      uint32_t denied)
{
	unsigned len = 1, i, k;

	for (i = 0; i < ARRAY_SIZE(seccomp_limits); i++) {
		if (!strcmp(seccomp_limits[i].name, sysname_str((int)nr)))
			len += 2U + seccomp_limits[i].count;
	}

	seccomp_emit(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, len);
	for (i = 0; i < ARRAY_SIZE(seccomp_limits); i++) {
		const struct seccomp_limit *l = &seccomp_limits[i];

		if (strcmp(l->name, sysname_str((int)nr)) != 0)
			continue;
		seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, ARG_OFFSET(l->arg),
			     0, 0);
		for (k = 0; k < l->count; k++)
			seccomp_emit(p, BPF_JMP | BPF_JEQ | BPF_K,
				     l->values[k], l->count - k, 0);
		seccomp_emit(p, BPF_RET | BPF_K, denied, 0, 0);
	}
	seccomp_emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/**
 * seccomp_emit_search() - Allow a range of a set, return anything else
 * @p:		Filter
 * @nr:		First number of the range
 * @count:	How many numbers
 * @denied:	What is returned for others
 */
static void seccomp_emit_search(struct seccomp_prog *p, const unsigned *nr,
				unsigned count, uint32_t denied)
{
	unsigned half = count / 2, jump = p->len, i;

	if (count <= LEAF_MAX) {
		for (i = 0; i < count; i++)
			seccomp_emit_call(p, nr[i], denied);
		seccomp_emit(p, BPF_RET | BPF_K, denied, 0, 0);
		return;
	}

	seccomp_emit(p, BPF_JMP | BPF_JGE | BPF_K, nr[half], 0, 0);
	seccomp_emit_search(p, nr, half, denied);
	if (p->len - jump - 1U > UINT8_MAX)
		die("Sandbox: the filter of system calls is too long");
	p->insns[jump].jt = (uint8_t)(p->len - jump - 1U);
	seccomp_emit_search(p, nr + half, count - half, denied);
}

/**
 * seccomp_build() - Make a filter from lists
 * @p:		Filter, overwritten
 * @lists:	Lists of functions, NULL behind the last one
 * @tell:	What isn't allowed is told of by a message of ours before it
 *		ends the process, see seccomp_load()
 *
 * Ends the program if a list is wrong.
 */
void seccomp_build(struct seccomp_prog *p, const char *const *lists, bool tell)
{
	uint32_t denied = tell ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS;
	struct seccomp_set set = { .count = 0 };

	seccomp_add_list(&set, base_calls);
	for (; *lists; lists++)
		seccomp_add_list(&set, *lists);

	p->len = 0;
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS,
		     offsetof(struct seccomp_data, arch), 0, 0);
	seccomp_emit(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	seccomp_emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS,
		     offsetof(struct seccomp_data, nr), 0, 0);
	seccomp_emit(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	seccomp_emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	seccomp_emit_search(p, set.nr, set.count, denied);
}

/**
 * seccomp_on_signal() - Tell of a system call that isn't allowed, and end
 * @signo:	SIGSYS
 * @info:	Which one it was
 * @context:	Not used
 *
 * Comes at once with that call, so it finds things as consistent as they were
 * there.
 */
static void seccomp_on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	err("Sandbox: system call %d (%s) is not allowed after start-up, "
	    "ending", info->si_syscall, sysname_str(info->si_syscall));
	for (;;)
		syscall(SYS_ptrace, -1, 0, 0, 0);
}

/**
 * seccomp_load() - Put a filter in force, for good
 * @p:		Filter
 *
 * Return: 0, -errno
 *
 * Source: seccomp(2). The caller has no_new_privs set.
 */
int seccomp_load(const struct seccomp_prog *p)
{
	struct sigaction sa = {
		.sa_sigaction = seccomp_on_signal, .sa_flags = SA_SIGINFO,
	};
	struct sock_fprog prog = {
		.len = p->len, .filter = (struct sock_filter *)p->insns,
	};
	sigset_t set;

	if (!ARCH)
		return -ENOSYS;

	sigfillset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &sa, NULL) ||
	    sigprocmask(SIG_UNBLOCK, &set, NULL))
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_LOG, &prog))
		return -errno;
	return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
/* test_log.c - where messages go, how they look, and how the file is bounded
 *
 * What a log does is part of the process, so each test runs in a child whose
 * stderr is a file. Failed assertions of the child are told by its status.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "log.h"
#include "util.h"

#define STAMP_LEN	sizeof("2026-01-02T03:04:05.678Z")

static char dir[] = "/tmp/test_log.XXXXXX";
static char file_path[64], stderr_path[64], socket_path[64];
static char text[1 << 20];

/* Takes /dev/log elsewhere */
int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)len;
	if (strcmp(((const struct sockaddr_un *)sa)->sun_path, "/dev/log")) {
		errno = EINVAL;
		return -1;
	}
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	return (int)syscall(SYS_connect, fd, &sun, sizeof(sun));
}

static const char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[MAX(n, 0)] = '\0';
	close(fd);
	return text;
}

static int run(void (*fn)(void))
{
	int status;
	pid_t pid;

	unlink(file_path);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int fd = open(stderr_path, O_CREAT | O_TRUNC | O_RDWR |
			      O_APPEND, 0600);

		dup2(fd, STDERR_FILENO);
		close(fd);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(bool cond, int line)
{
	if (!cond) {
		printf("child: line %i, errno %i\n", line, errno);
		fflush(stdout);
		_exit(100);
	}
}
#define CHECK(cond) check(cond, __LINE__)

static void do_plain(void)
{
	info("plain %s %i", "text", 42);
	debug("not told");
	log_errno(LOG_LEVEL_DEBUG, EPERM, "not told either");
	log_set_level(LOG_LEVEL_DEBUG);
	debug("now told");
	log_errno(LOG_LEVEL_WARN, -EACCES, "can't %s", "read");
	info("with newline\n");
	info("a\nb\033[1m\x7f\tc");
}

static void test_plain_lines(void **state)
{
	(void)state;
	assert_int_equal(run(do_plain), 0);
	assert_string_equal(read_text(stderr_path),
			    "plain text 42\nnow told\n"
			    "can't read: Permission denied\n"
			    "with newline\na?b?[1m?\tc\n");
}

static void do_file(void)
{
	CHECK(!log_open_file(file_path, 100000));
	warn("to both");
	log_detach_stderr();
	err("to file");
}

static void test_file(void **state)
{
	struct stat st;
	unsigned u[7];
	const char *p;
	int len = 0;

	(void)state;
	assert_int_equal(run(do_file), 0);
	assert_string_equal(read_text(stderr_path), "to both\n");
	assert_int_equal(stat(file_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	p = read_text(file_path);
	assert_int_equal(sscanf(p, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ %n", u, u + 1,
				u + 2, u + 3, u + 4, u + 5, u + 6, &len), 7);
	assert_int_equal(len, STAMP_LEN);
	assert_true(u[0] >= 2020 && u[1] - 1 < 12 && u[2] - 1 < 31);
	p = strchr(p, ' ');
	assert_memory_equal(p, " WARNING: to both\n", 18);
	p = strchr(p, '\n') + STAMP_LEN;
	assert_string_equal(p, " ERROR: to file\n");
}

static void do_append(void)
{
	CHECK(log_open_file("/proc/nonexistent/log", 100000) == -ENOENT);
	CHECK(!log_open_file(file_path, 100000));
	info("one");
	CHECK(!log_open_file(file_path, 100000));
	info("two");
}

static void test_file_is_appended_to(void **state)
{
	(void)state;
	assert_int_equal(run(do_append), 0);
	read_text(file_path);
	assert_non_null(strstr(text, "INFO: one\n"));
	assert_non_null(strstr(text, "INFO: two\n"));
}

/* How many characters line @n has behind its number */
static size_t padding(unsigned n)
{
	return n * 37 % 900;
}

/* All lines there are must be whole, and the last ones of those written */
static size_t check_rotated(unsigned last, size_t limit)
{
	const char *p = read_text(file_path);
	size_t len = strlen(p);
	unsigned n, prev = 0;
	int pos;

	CHECK(len <= limit);
	CHECK(len && p[len - 1] == '\n');
	for (; *p; p++) {
		CHECK(p[4] == '-' && p[STAMP_LEN - 2] == 'Z');
		p += STAMP_LEN - 1;
		CHECK(sscanf(p, " INFO: %u%n", &n, &pos) == 1);
		CHECK(!prev || n == prev + 1);
		prev = n;
		p += pos + 1;
		CHECK(strspn(p, "x") == padding(n));
		p += padding(n);
		CHECK(*p == '\n');
	}
	CHECK(prev == last);
	return len;
}

static void tell(unsigned n)
{
	static char x[1000];

	memset(x, 'x', sizeof(x));
	info("%u %.*s", n, (int)padding(n), x);
}

static void rotate(size_t limit, unsigned lines)
{
	size_t len = 0, was, least = limit;
	unsigned i;

	CHECK(!log_open_file(file_path, limit));
	log_detach_stderr();
	for (i = 1; i <= lines; i++) {
		tell(i);
		was = len;
		len = check_rotated(i, limit);
		if (len < was)
			least = MIN(least, len);
	}
	/* Half of it was removed, up to whole lines */
	CHECK(least <= limit / 2 + 1024);
	CHECK(least >= limit / 2 - 1024);
}

static void do_rotate_small(void)
{
	rotate(10000, 300);
}

static void do_rotate_large(void)
{
	rotate(300000, 1000);
}

static void test_rotation(void **state)
{
	(void)state;
	assert_int_equal(run(do_rotate_small), 0);
	assert_int_equal(run(do_rotate_large), 0);
}

static void do_foreign(void)
{
	int fd = open(file_path, O_CREAT | O_WRONLY, 0600);

	memset(text, 'x', 200000);
	CHECK(write(fd, text, 200000) == 200000);
	CHECK(!log_open_file(file_path, 0));
	log_detach_stderr();
	tell(1);
	check_rotated(1, 4096);
	tell(2);
	check_rotated(2, 4096);

	/* Someone else emptied the file */
	CHECK(!ftruncate(fd, 0));
	tell(3);
	check_rotated(3, STAMP_LEN + 200);
}

static void test_rotation_of_foreign_text(void **state)
{
	(void)state;
	assert_int_equal(run(do_foreign), 0);
}

/* Parent and child write to the same file at start-up */
static void do_no_space(void)
{
	struct rlimit old, small;

	CHECK(!getrlimit(RLIMIT_FSIZE, &old));
	small = old;
	small.rlim_cur = 100;
	signal(SIGXFSZ, SIG_IGN);
	CHECK(!log_open_file(file_path, 100000));
	log_detach_stderr();

	CHECK(!setrlimit(RLIMIT_FSIZE, &small));
	info("that fits");
	info("%070u", 1);
	info("fits, too");
	CHECK(!setrlimit(RLIMIT_FSIZE, &old));
	info("room again");
}

/* What doesn't fit is left out as a whole, what does follows */
static void test_no_space(void **state)
{
	static const char *const told[] = {
		"INFO: that fits\n", "INFO: fits, too\n", "INFO: room again\n",
	};
	const char *p;
	unsigned i;

	(void)state;
	assert_int_equal(run(do_no_space), 0);
	p = read_text(file_path);
	for (i = 0; i < ARRAY_SIZE(told); i++) {
		size_t len = strlen(told[i]);

		assert_true(strlen(p) >= STAMP_LEN + len);
		p += STAMP_LEN;
		assert_memory_equal(p, told[i], len);
		p += len;
	}
	assert_string_equal(p, "");
}

static void do_fork(void)
{
	pid_t pid;

	CHECK(!log_open_file(file_path, 4096));
	tell(1);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		tell(2);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	tell(3);
	check_rotated(3, 4096);
}

static void test_file_of_two_processes(void **state)
{
	(void)state;
	assert_int_equal(run(do_fork), 0);
}

static void do_errno(void)
{
	close(STDERR_FILENO);
	errno = EBADMSG;
	info("nowhere to go");
	CHECK(errno == EBADMSG);
	log_open_syslog("passt");
	CHECK(errno == EBADMSG);
	CHECK(!log_open_file("/dev/full", 100000));
	errno = EBADMSG;
	info("no room");
	CHECK(errno == EBADMSG);
	warn_limited("no room");
	CHECK(errno == EBADMSG);
}

static void test_errno_survives(void **state)
{
	(void)state;
	assert_int_equal(run(do_errno), 0);
}

static void do_long(void)
{
	memset(text, 'y', 3000);
	text[3000] = '\0';
	CHECK(!log_open_file(file_path, 100000));
	info("%s", text);
	log_errno(LOG_LEVEL_INFO, EIO, "%s", text);
	log_errno(LOG_LEVEL_INFO, EIO, "%.1015s", text);
}

static void test_long_lines_are_cut(void **state)
{
	char *p;
	int i;

	(void)state;
	assert_int_equal(run(do_long), 0);
	read_text(stderr_path);
	for (i = 0, p = text; i < 3; i++) {
		size_t len = strcspn(p, "\n");

		assert_true(len > 1000 && len < 1024);
		p += len + 1;
	}
	assert_int_equal(*p, '\0');
}

static void do_die(void)
{
	CHECK(!log_open_file(file_path, 100000));
	log_set_level(LOG_LEVEL_ERR);
	errno = ENOENT;
	die_errno("can't start %i", 7);
}

static void test_die(void **state)
{
	(void)state;
	assert_int_equal(run(do_die), 1);
	assert_string_equal(read_text(stderr_path),
			    "can't start 7: No such file or directory\n");
	assert_string_equal(read_text(file_path) + STAMP_LEN - 1,
			    " ERROR: can't start 7: "
			    "No such file or directory\n");
}

static void do_limit(void)
{
	uint64_t last_ms = 0;
	unsigned suppressed = 0, i;

	for (i = 0; i < 2; i++)
		warn_limited("once");
	CHECK(log_allowed(&last_ms, &suppressed));
	CHECK(last_ms);
	CHECK(!log_allowed(&last_ms, &suppressed));
	CHECK(!log_allowed(&last_ms, &suppressed));
	CHECK(suppressed == 2);
	last_ms = util_now_ms() - LOG_LIMIT_MS;
	CHECK(log_allowed(&last_ms, &suppressed));
	CHECK(suppressed == 0);
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(run(do_limit), 0);
	assert_string_equal(read_text(stderr_path), "once\n"
			    "(2 more like the next message, left out)\n");
}

static void do_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char got[4096], want[128];
	ssize_t n;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	CHECK(!bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	log_open_syslog("pasta");
	warn("not yet");
	CHECK(recv(fd, got, sizeof(got), 0) == -1 && errno == EAGAIN);

	/* Nothing is opened any more */
	CHECK(!unlink(socket_path));
	log_detach_stderr();
	warn("to the logger");
	n = recv(fd, got, sizeof(got), 0);
	CHECK(n > 0);
	got[n] = '\0';
	snprintf(want, sizeof(want), "<28>pasta[%i]: to the logger",
		 (int)getpid());
	CHECK(!strcmp(got, want));

	/* One that takes nothing isn't waited for, one that's gone ignored */
	for (n = 0; n < 2000; n++)
		info("filling up");
	close(fd);
	info("gone");
}

static void test_system_logger(void **state)
{
	(void)state;
	assert_int_equal(run(do_syslog), 0);
	assert_string_equal(read_text(stderr_path), "not yet\n");
}

static void do_no_syslog(void)
{
	log_open_syslog("passt");
	log_detach_stderr();
	info("lost");
}

static void test_no_system_logger(void **state)
{
	(void)state;
	assert_int_equal(run(do_no_syslog), 0);
	assert_string_equal(read_text(stderr_path), "");
}

static void test_error_texts(void **state)
{
	(void)state;
	assert_string_equal(log_strerror(0), "Success");
	assert_string_equal(log_strerror(EPERM), "Operation not permitted");
	assert_string_equal(log_strerror(EDQUOT), "Disk quota exceeded");
	assert_string_equal(log_strerror(-ENOENT), log_strerror(ENOENT));
	assert_string_equal(log_strerror(INT_MAX), "Error 2147483647");
	assert_string_equal(log_strerror(INT_MIN), "Error 2147483648");
	assert_string_equal(log_strerror(41), "Error 41");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_lines),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_is_appended_to),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_rotation_of_foreign_text),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_file_of_two_processes),
		cmocka_unit_test(test_errno_survives),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_die),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_system_logger),
		cmocka_unit_test(test_no_system_logger),
		cmocka_unit_test(test_error_texts),
	};
	int ret;

	if (!mkdtemp(dir))
		return 1;
	snprintf(file_path, sizeof(file_path), "%s/log", dir);
	snprintf(stderr_path, sizeof(stderr_path), "%s/stderr", dir);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_path);
	unlink(stderr_path);
	unlink(socket_path);
	rmdir(dir);
	return ret;
}

// SPDX-License-Identifier: BSD-3-Clause
/* test_pcap.c - capture file, also when it can't grow */

#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <cmocka.h>

#include "log.h"
#include "own_file.h"
#include "pcap.h"
#include "util.h"

#define FILE_HDR	24U
#define RECORD_HDR	16U

enum log_level log_level = LOG_LEVEL_INFO;

static unsigned warnings;

/* Stands in for log.c, counts */
void log_errno(enum log_level level, int err, const char *fmt, ...)
{
	(void)fmt;
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_not_equal(err, 0);
	warnings++;
}

static uint32_t word(const char *buf, size_t off)
{
	uint32_t w;

	memcpy(&w, buf + off, sizeof(w));
	return w;
}

static size_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Capture file that is opened and begun */
static int capture(void)
{
	int fd = pcap_open(path);

	assert_true(fd >= 0);
	assert_int_equal(pcap_start(fd), 0);
	return fd;
}

static void test_records(void **state)
{
	struct iovec iov[] = { { "abc", 3 }, { "", 0 }, { "defgh", 5 } };
	char buf[256], old[128];
	struct stat st;
	int fd;

	(void)state;
	memset(old, 'x', sizeof(old) - 1);
	old[sizeof(old) - 1] = '\0';
	assert_int_equal(util_write_file(path, old), 0);
	fd = pcap_open(path);
	assert_true(fd >= 0);
	assert_int_equal(file_size(), strlen(old));
	assert_int_equal(pcap_start(fd), 0);
	assert_int_equal(file_size(), FILE_HDR);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	/* The room of a frame may be longer than the frame */
	pcap_frame(fd, iov, 3, 6);
	pcap_frame(fd, iov, 1, 1);
	pcap_frame(-1, iov, 1, 1);
	close(fd);

	assert_int_equal(util_read_file(path, buf, sizeof(buf)),
			 FILE_HDR + RECORD_HDR + 6 + RECORD_HDR + 1);
	assert_int_equal(word(buf, 0), 0xa1b2c3d4);
	assert_true(word(buf, 16) >= 65549);
	assert_int_equal(word(buf, 20), 1);
	assert_true(word(buf, FILE_HDR + 4) < 1000000);
	assert_int_equal(word(buf, FILE_HDR + 8), 6);
	assert_int_equal(word(buf, FILE_HDR + 12), 6);
	assert_memory_equal(buf + FILE_HDR + RECORD_HDR, "abcdef", 6);
	assert_int_equal(word(buf, FILE_HDR + RECORD_HDR + 6 + 8), 1);
	assert_int_equal(buf[FILE_HDR + RECORD_HDR + 6 + RECORD_HDR], 'a');
}

static void test_longest_frame(void **state)
{
	static char frame[65549];
	struct iovec iov[20];
	char hdr[FILE_HDR + RECORD_HDR + 1];
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 19; i++)
		iov[i] = (struct iovec){ frame + i, 1 };
	iov[19] = (struct iovec){ frame + 19, sizeof(frame) - 19 };
	fd = capture();
	pcap_frame(fd, iov, 20, sizeof(frame));
	close(fd);
	assert_int_equal(file_size(), FILE_HDR + RECORD_HDR + sizeof(frame));
	util_read_file(path, hdr, sizeof(hdr));
	assert_int_equal(word(hdr, FILE_HDR + 8), sizeof(frame));
}

/* What wasn't sent after all is taken back, and what follows takes its place */
static void test_undo(void **state)
{
	struct iovec iov = { "abcdefgh", 8 };
	char buf[256];
	size_t len;
	int fd;

	(void)state;
	fd = capture();
	assert_int_equal(pcap_frame(fd, &iov, 1, 2), RECORD_HDR + 2);
	len = pcap_frame(fd, &iov, 1, 8);
	assert_int_equal(len, RECORD_HDR + 8);
	assert_int_equal(pcap_undo(fd, len), 0);
	assert_int_equal(pcap_frame(fd, &iov, 1, 3), RECORD_HDR + 3);
	assert_int_equal(pcap_undo(fd, 0), 0);
	assert_int_equal(pcap_undo(-1, 1), 0);
	close(fd);

	assert_int_equal(util_read_file(path, buf, sizeof(buf)),
			 FILE_HDR + RECORD_HDR + 2 + RECORD_HDR + 3);
	assert_int_equal(word(buf, FILE_HDR + RECORD_HDR + 2 + 8), 3);
}

static void test_open_failure(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(pcap_open("/proc/nonexistent/capture"), -ENOENT);
	fd = pcap_open("/dev/full");
	assert_int_equal(pcap_start(fd), -ENOSPC);
	close(fd);
	assert_int_equal(pcap_start(-1), 0);
}

/* Frames that don't fit are left out as a whole, those that do follow */
static void test_no_space(void **state)
{
	struct rlimit old, small;
	static char big[400];
	struct iovec iov = { big, sizeof(big) };
	char buf[1024];
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = FILE_HDR + RECORD_HDR + 400 + RECORD_HDR + 100;
	signal(SIGXFSZ, SIG_IGN);
	warnings = 0;

	fd = capture();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	pcap_frame(fd, &iov, 1, 400);
	pcap_frame(fd, &iov, 1, 400);
	pcap_frame(fd, &iov, 1, 400);
	pcap_frame(fd, &iov, 1, 100);
	pcap_frame(fd, &iov, 1, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(warnings, 1);
	assert_int_equal(file_size(), small.rlim_cur);
	util_read_file(path, buf, sizeof(buf));
	assert_int_equal(word(buf, FILE_HDR + RECORD_HDR + 400 + 8), 100);

	pcap_frame(fd, &iov, 1, 1);
	assert_int_equal(file_size(), small.rlim_cur + RECORD_HDR + 1);
	close(fd);
}

/* What a pipe took can't be taken back: the capture ends. Comes last, as that
 * holds for the rest of the process.
 */
static void test_partly_written_to_pipe(void **state)
{
	static char big[65536];
	struct iovec iov = { big, 60000 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(pcap_undo(fds[1], pcap_frame(fds[1], &iov, 1, 60000)),
			 -ESPIPE);
	assert_int_equal(pcap_frame(fds[1], &iov, 1, 60000), 0);
	assert_true(read(fds[0], big, sizeof(big)) > 60000);
	pcap_frame(fds[1], &iov, 1, 1);
	assert_int_equal(read(fds[0], big, sizeof(big)), -1);
	assert_int_equal(errno, EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_longest_frame),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_open_failure),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_partly_written_to_pipe),
	};

	return cmocka_run_group_tests(tests, file_make, file_remove);
}

// SPDX-License-Identifier: BSD-3-Clause
/* log.c - messages to stderr, to a log file or to the system logger
 *
 * Each message is one line and one system call. Until log_detach_stderr(),
 * lines go to stderr just as they are, and to the log file, if one is open,
 * with time and level. From then on they go to the log file or, if there is
 * none and log_open_syslog() was called, to the system logger.
 *
 * The log file never grows beyond the size given to log_open_file(): once a
 * line doesn't fit, the older half of the lines is removed from the front, by
 * moving the newer half there. This needs no other file, so it works without
 * access to any file system.
 *
 * A line that doesn't fit, as the disk is full, is missing from it as a whole.
 *
 * Nothing here allocates memory, opens files after the log_open functions, or
 * changes errno. Lines longer than LOG_LINE_MAX are cut. Control characters
 * are replaced, because text from the guest may be part of a message.
 *
 * The descriptors and the limit are the only state, once per process.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "log.h"
#include "syscalls.h"
#include "util.h"

/* What is called after start-up, see seccomp.c */
const char log_syscalls[] = "ftruncate lseek pread pwrite send write";

#define LOG_LINE_MAX		1024	/* Bytes of a line, newline included */
#define LOG_STAMP_MAX		48	/* Bytes of time and level before it */
#define LOG_MOVE_SIZE		65536	/* Bytes moved at once on rotation */
#define LOG_SIZE_MIN		4096	/* Smallest limit: several lines */
#define LOG_FACILITY		(3 << 3)	/* daemon: RFC 5424, 6.2.1 */
#define LOG_SYSLOG_PATH		"/dev/log"	/* syslog(3) */

enum log_level log_level = LOG_LEVEL_INFO;

static int log_file_fd = -1;
static size_t log_file_max;
static int log_syslog_fd = -1;
static pid_t log_pid;
static char log_ident[32];
static bool log_detached;
static char log_move_buf[LOG_MOVE_SIZE];

/**
 * struct log_level_row - how a level is told
 * @name:	In the log file
 * @severity:	To the system logger: RFC 5424, 6.2.1
 */
static const struct log_level_row {
	const char *name;
	int severity;
} log_levels[] = {
	[LOG_LEVEL_ERR]		= { "ERROR",	3 },
	[LOG_LEVEL_WARN]	= { "WARNING",	4 },
	[LOG_LEVEL_INFO]	= { "INFO",	6 },
	[LOG_LEVEL_DEBUG]	= { "DEBUG",	7 },
	[LOG_LEVEL_TRACE]	= { "TRACE",	7 },
};

static_assert(ARRAY_SIZE(log_levels) == LOG_LEVEL_TRACE + 1,
	      "log_levels needs a row for each level");

/* Messages of the errors that system calls we use may report */
static const char *const log_errors[] = {
	[0]			= "Success",
	[EPERM]			= "Operation not permitted",
	[ENOENT]		= "No such file or directory",
	[ESRCH]			= "No such process",
	[EINTR]			= "Interrupted system call",
	[EIO]			= "Input/output error",
	[ENXIO]			= "No such device or address",
	[E2BIG]			= "Argument list too long",
	[ENOEXEC]		= "Exec format error",
	[EBADF]			= "Bad file descriptor",
	[ECHILD]		= "No child processes",
	[EAGAIN]		= "Resource temporarily unavailable",
	[ENOMEM]		= "Cannot allocate memory",
	[EACCES]		= "Permission denied",
	[EFAULT]		= "Bad address",
	[EBUSY]			= "Device or resource busy",
	[EEXIST]		= "File exists",
	[EXDEV]			= "Invalid cross-device link",
	[ENODEV]		= "No such device",
	[ENOTDIR]		= "Not a directory",
	[EISDIR]		= "Is a directory",
	[EINVAL]		= "Invalid argument",
	[ENFILE]		= "Too many open files in system",
	[EMFILE]		= "Too many open files",
	[ENOTTY]		= "Inappropriate ioctl for device",
	[ETXTBSY]		= "Text file busy",
	[EFBIG]			= "File too large",
	[ENOSPC]		= "No space left on device",
	[ESPIPE]		= "Illegal seek",
	[EROFS]			= "Read-only file system",
	[EMLINK]		= "Too many links",
	[EPIPE]			= "Broken pipe",
	[ERANGE]		= "Numerical result out of range",
	[ENAMETOOLONG]		= "File name too long",
	[ENOSYS]		= "Function not implemented",
	[ENOTEMPTY]		= "Directory not empty",
	[ELOOP]			= "Too many levels of symbolic links",
	[EPROTO]		= "Protocol error",
	[EBADFD]		= "Device is gone",
	[EBADMSG]		= "Bad message",
	[EOVERFLOW]		= "Value too large for defined data type",
	[EUSERS]		= "Too many users",
	[ENOTSOCK]		= "Socket operation on non-socket",
	[EDESTADDRREQ]		= "Destination address required",
	[EMSGSIZE]		= "Message too long",
	[EPROTOTYPE]		= "Protocol wrong type for socket",
	[ENOPROTOOPT]		= "Protocol not available",
	[EPROTONOSUPPORT]	= "Protocol not supported",
	[ESOCKTNOSUPPORT]	= "Socket type not supported",
	[EOPNOTSUPP]		= "Operation not supported",
	[EAFNOSUPPORT]		= "Address family not supported by protocol",
	[EADDRINUSE]		= "Address already in use",
	[EADDRNOTAVAIL]		= "Cannot assign requested address",
	[ENETDOWN]		= "Network is down",
	[ENETUNREACH]		= "Network is unreachable",
	[ENETRESET]		= "Network dropped connection on reset",
	[ECONNABORTED]		= "Software caused connection abort",
	[ECONNRESET]		= "Connection reset by peer",
	[ENOBUFS]		= "No buffer space available",
	[EISCONN]		= "Transport endpoint is already connected",
	[ENOTCONN]		= "Transport endpoint is not connected",
	[ESHUTDOWN]		=
		"Cannot send after transport endpoint shutdown",
	[ETIMEDOUT]		= "Connection timed out",
	[ECONNREFUSED]		= "Connection refused",
	[EHOSTDOWN]		= "Host is down",
	[EHOSTUNREACH]		= "No route to host",
	[EALREADY]		= "Operation already in progress",
	[EINPROGRESS]		= "Operation now in progress",
	[EDQUOT]		= "Disk quota exceeded",
};

/**
 * log_strerror() - Text of an error number
 * @err:	Error number, either sign
 *
 * The one of libc may load translations, thus allocate memory or open files.
 *
 * Return: text, valid until the next call
 */
const char *log_strerror(int err)
{
	static char unknown[sizeof("Error -2147483648")];
	unsigned n = err < 0 ? 0U - (unsigned)err : (unsigned)err;

	if (n < ARRAY_SIZE(log_errors) && log_errors[n])
		return log_errors[n];

	snprintf(unknown, sizeof(unknown), "Error %u", n);
	return unknown;
}

/**
 * log_write() - Write a line in one go
 * @fd:		Descriptor
 * @line:	Line, newline included
 * @len:	Its length
 *
 * There is nobody to tell about failure, and nothing to be done about it.
 *
 * Return: bytes written, -1 on failure
 */
static ssize_t log_write(int fd, const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(fd, line, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/**
 * log_line_start() - Find the start of a line in the log file
 * @from:	Offset to look from, at least 1
 * @end:	Offset of the end of the file
 *
 * Return: offset behind the first newline at or after @from - 1; @end if there
 *	   is none or the file can't be read
 */
static off_t log_line_start(off_t from, off_t end)
{
	off_t pos = from - 1;

	while (pos < end) {
		const char *nl;
		ssize_t n;

		n = pread(log_file_fd, log_move_buf, sizeof(log_move_buf),
			  pos);
		if (n <= 0)
			break;
		nl = memchr(log_move_buf, '\n', (size_t)n);
		if (nl)
			return MIN(pos + (nl - log_move_buf) + 1, end);
		pos += n;
	}

	return end;
}

/**
 * log_rotate() - Make room in the log file, dropping the older half of it
 * @end:	Offset of the end of the file
 * @room:	Bytes that must fit afterwards
 *
 * Keeps at most half the limit, so each byte is moved about once on average.
 * If the file can't be read or written, all of it is dropped.
 */
static void log_rotate(off_t end, size_t room)
{
	off_t keep = (off_t)MIN(log_file_max / 2, log_file_max - room);
	off_t from, to = 0;

	from = log_line_start(end - keep, end);
	while (from < end) {
		ssize_t n = pread(log_file_fd, log_move_buf,
				  sizeof(log_move_buf), from);

		if (n <= 0)
			break;
		n = pwrite(log_file_fd, log_move_buf, (size_t)n, to);
		if (n <= 0)
			break;
		from += n;
		to += n;
	}

	if (!ftruncate(log_file_fd, to))
		lseek(log_file_fd, 0, SEEK_END);
}

/**
 * log_to_file() - Write a line to the log file, with time and level
 * @level:	Level of the message
 * @line:	Line, newline included
 * @len:	Its length
 */
static void log_to_file(enum log_level level, const char *line, size_t len)
{
	char buf[LOG_STAMP_MAX + LOG_LINE_MAX];
	struct timespec ts;
	ssize_t written;
	struct tm tm;
	size_t n;
	off_t end;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, LOG_STAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(buf + n, LOG_STAMP_MAX - n, ".%03uZ %s: ",
			      (unsigned)(ts.tv_nsec / 1000000) % 1000,
			      log_levels[level].name);
	memcpy(buf + n, line, len);
	n += len;

	/* A pipe or terminal has no end to seek, and isn't limited */
	end = lseek(log_file_fd, 0, SEEK_END);
	if (end > 0 && (size_t)end + n > log_file_max)
		log_rotate(end, n);
	written = log_write(log_file_fd, buf, n);

	/* A part, as the disk is full, would run into the next line */
	if (written > 0 && (size_t)written < n) {
		end = lseek(log_file_fd, -(off_t)written, SEEK_CUR);
		if (end >= 0 && ftruncate(log_file_fd, end))
			lseek(log_file_fd, 0, SEEK_END);
	}
}

/**
 * log_to_syslog() - Send a line to the system logger
 * @level:	Level of the message
 * @line:	Line, newline included
 * @len:	Its length
 *
 * No time is sent: the logger adds it, and knows the local time zone. A line
 * is lost if the logger is busy or gone.
 *
 * Source: RFC 3164, 4.1
 */
static void log_to_syslog(enum log_level level, const char *line, size_t len)
{
	char buf[LOG_STAMP_MAX + sizeof(log_ident) + LOG_LINE_MAX];
	int n;

	n = snprintf(buf, sizeof(buf), "<%d>%s[%d]: %.*s",
		     LOG_FACILITY | log_levels[level].severity, log_ident,
		     (int)log_pid, (int)len - 1, line);

	send(log_syslog_fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/**
 * log_message() - Format a line and send it wherever lines go now
 * @level:	Level of the message
 * @err:	Error number whose text is appended, 0 for none
 * @fmt:	Format
 * @ap:		Its arguments
 */
static void log_message(enum log_level level, int err, const char *fmt,
			va_list ap)
{
	int saved_errno = errno, n;
	char line[LOG_LINE_MAX];
	size_t len, i;

	/* The last byte of the line is for the newline */
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	len = n < 0 ? 0 : MIN((size_t)n, sizeof(line) - 2);
	if (len && line[len - 1] == '\n')
		len--;
	if (err) {
		n = snprintf(line + len, sizeof(line) - 1 - len, ": %s",
			     log_strerror(err));
		len = MIN(len + (size_t)n, sizeof(line) - 2);
	}
	for (i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)line[i];

		if ((ch < ' ' && ch != '\t') || ch == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';

	if (!log_detached)
		log_write(STDERR_FILENO, line, len);
	if (log_file_fd >= 0)
		log_to_file(level, line, len);
	else if (log_detached && log_syslog_fd >= 0)
		log_to_syslog(level, line, len);

	errno = saved_errno;
}

/**
 * log_print() - Tell a message, whatever the level in force
 * @level:	Level of the message
 * @fmt:	Format and arguments, without a newline
 */
void log_print(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(level, 0, fmt, ap);
	va_end(ap);
}

/**
 * log_errno() - Tell a message with the text of an error, if the level allows
 * @level:	Level of the message
 * @err:	Error number, either sign
 * @fmt:	Format and arguments, without a newline
 */
void log_errno(enum log_level level, int err, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;

	va_start(ap, fmt);
	log_message(level, err, fmt, ap);
	va_end(ap);
}

/**
 * log_die() - Tell why we can't start, and exit with status 1
 * @err:	Error number whose text is appended, 0 for none
 * @fmt:	Format and arguments, without a newline
 *
 * If stderr was detached, there is nobody to read it, and the log gets it all.
 */
void log_die(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(LOG_LEVEL_ERR, err, fmt, ap);
	va_end(ap);

	exit(EXIT_FAILURE);
}

/**
 * log_allowed() - May this place tell its message now?
 * @last_ms:	When it last did so, 0 for never
 * @suppressed:	Messages it kept back since
 *
 * Tells how many messages were kept back, if any.
 *
 * Return: true unless it told one in the last LOG_LIMIT_MS
 */
bool log_allowed(uint64_t *last_ms, unsigned *suppressed)
{
	struct timespec ts;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;

	if (*last_ms && now_ms - *last_ms < LOG_LIMIT_MS) {
		(*suppressed)++;
		return false;
	}

	if (*suppressed)
		info("(%u more like the next message, left out)", *suppressed);
	*suppressed = 0;
	*last_ms = now_ms;
	return true;
}

/**
 * log_set_level() - Choose how much is told
 * @level:	Last level that is told
 */
void log_set_level(enum log_level level)
{
	log_level = level;
}

/**
 * log_open_file() - Open the log file, appending to what it holds
 * @path:	Path; created, for the user only, if it doesn't exist
 * @size_max:	Limit of its size, bytes, raised to LOG_SIZE_MIN
 *
 * Return: 0, -errno from open(2)
 */
int log_open_file(const char *path, size_t size_max)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	time_t now = time(NULL);
	struct tm tm;

	if (fd < 0)
		return -errno;

	/* The first call may read the time zone from a file, and keeps it */
	gmtime_r(&now, &tm);

	if (log_file_fd >= 0)
		close(log_file_fd);
	log_file_fd = fd;
	log_file_max = MAX(size_max, LOG_SIZE_MIN);
	return 0;
}

/**
 * log_set_pid() - Tell the system logger this PID from now on
 * @pid:	PID as others see it
 */
void log_set_pid(pid_t pid)
{
	log_pid = pid;
}

/**
 * log_open_syslog() - Connect to the system logger
 * @ident:	Name that we give ourselves there
 *
 * Without a logger, messages are lost once stderr is detached: not an error,
 * containers usually have none.
 *
 * Source: syslog(3)
 */
void log_open_syslog(const char *ident)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
				   .sun_path = LOG_SYSLOG_PATH };
	int saved_errno = errno, fd;

	snprintf(log_ident, sizeof(log_ident), "%s", ident);
	log_set_pid(getpid());

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		close(fd);
		fd = -1;
	}

	if (log_syslog_fd >= 0)
		close(log_syslog_fd);
	log_syslog_fd = fd;
	errno = saved_errno;
}

/**
 * log_detach_stderr() - Send no more messages to stderr
 *
 * Called when going to the background. The descriptor itself is left to the
 * caller.
 */
void log_detach_stderr(void)
{
	log_detached = true;
}

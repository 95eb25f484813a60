/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * enum log_level - how much is told, each level includes those before it
 * @LOG_LEVEL_ERR:	Something asked for does not work
 * @LOG_LEVEL_WARN:	Something works in another way than asked for
 * @LOG_LEVEL_INFO:	Start-up and configuration
 * @LOG_LEVEL_DEBUG:	Flows and decisions
 * @LOG_LEVEL_TRACE:	Single frames
 */
enum log_level {
	LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
};

/* At most one message in this time from each place of log_limited() */
#define LOG_LIMIT_MS		1000

extern enum log_level log_level;	/* Read by the macros only */

void log_print(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_errno(enum log_level level, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_die(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
bool log_allowed(uint64_t *last_ms, unsigned *suppressed);
void log_set_level(enum log_level level);
int log_open_file(const char *path, size_t size_max);
void log_set_pid(pid_t pid);
void log_open_syslog(const char *ident);
void log_detach_stderr(void);
const char *log_strerror(int err);

#define log_if(level, ...)						\
	do {								\
		if ((level) <= log_level)				\
			log_print((level), __VA_ARGS__);		\
	} while (0)

#define err(...)	log_if(LOG_LEVEL_ERR, __VA_ARGS__)
#define warn(...)	log_if(LOG_LEVEL_WARN, __VA_ARGS__)
#define info(...)	log_if(LOG_LEVEL_INFO, __VA_ARGS__)
#define debug(...)	log_if(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define trace(...)	log_if(LOG_LEVEL_TRACE, __VA_ARGS__)

/* For start-up only: one line to stderr and the log, exit status 1. The form
 * with _errno appends the text of errno.
 */
#define die(...)	log_die(0, __VA_ARGS__)
#define die_errno(...)	log_die(errno, __VA_ARGS__)

/* As the above, but at most once a LOG_LIMIT_MS from each place in the code */
#define log_limited(level, ...)						\
	do {								\
		static uint64_t last_ms_;				\
		static unsigned suppressed_;				\
									\
		if ((level) <= log_level &&				\
		    log_allowed(&last_ms_, &suppressed_))		\
			log_print((level), __VA_ARGS__);		\
	} while (0)

#define warn_limited(...)	log_limited(LOG_LEVEL_WARN, __VA_ARGS__)

#endif /* LOG_H */

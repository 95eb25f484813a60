/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Modes an option is known in, and what may happen to it: bits of opt.flags */
#define OPT_PASST		(1U << 0)
#define OPT_PASTA		(1U << 1)
#define OPT_ANY			(OPT_PASST | OPT_PASTA)
#define OPT_ONCE		(1U << 2)	/* A second use is an error */
#define OPT_REPEAT		(1U << 3)	/* Uses add up in the handler */
#define OPT_DEPRECATED		(1U << 4)	/* Accepted, shown as such */

/**
 * enum opt_kind - what an option takes and how it is stored at its offset
 * @OPT_FLAG:	No argument, sets a bool
 * @OPT_UINT:	Decimal number from @min to @max, an unsigned int
 * @OPT_SIZE:	Decimal number from @min to @max, a size_t
 * @OPT_STRING:	Text of @min to @max bytes, a char array of @max + 1
 * @OPT_CALL:	Argument given to the handler
 * @OPT_ACTION:	No argument, the handler is called
 */
enum opt_kind {
	OPT_FLAG, OPT_UINT, OPT_SIZE, OPT_STRING, OPT_CALL, OPT_ACTION,
};

struct opt;

/* Return: NULL, or what would be right, to end the message with */
typedef const char *opt_handler(void *target, const struct opt *o,
				const char *arg);

/**
 * struct opt - one option: all there is to know of it
 * @name:	Long name, without dashes
 * @letter:	Short name, 0 for none
 * @kind:	What it takes
 * @flags:	Modes and uses, OPT_*
 * @offset:	Where the value goes in the target, bytes
 * @handler:	For OPT_CALL and OPT_ACTION
 * @min:	Least value or length
 * @max:	Greatest value or length
 * @arg:	Argument's name in help and messages, NULL if none is taken
 * @help:	Text for --help; further lines after newlines
 */
struct opt {
	const char *name;
	char letter;
	enum opt_kind kind;
	unsigned flags;
	size_t offset;
	opt_handler *handler;
	unsigned long min;
	unsigned long max;
	const char *arg;
	const char *help;
};

/**
 * struct opt_table - options of a program
 * @rows:	The options
 * @count:	How many
 */
struct opt_table {
	const struct opt *rows;
	size_t count;
};

int opt_parse(const struct opt_table *t, unsigned mode, void *target,
	      int argc, char *argv[]);
void opt_print_help(const struct opt_table *t, unsigned mode, FILE *f);

#endif /* OPT_H */

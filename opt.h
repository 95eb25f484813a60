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
#define OPT_REPEAT		(1U << 2)	/* Uses add up */
#define OPT_DEPRECATED		(1U << 3)	/* Help says so */
#define OPT_NOT_YET		(1U << 4)	/* Any use ends with @help */

/**
 * enum opt_kind - what an option takes and how it is stored at its offset
 * @OPT_FLAG:	No argument, sets a bool
 * @OPT_UNFLAG:	No argument, clears a bool
 * @OPT_UINT:	Decimal number from @min to @max, an unsigned int
 * @OPT_SIZE:	Decimal number from @min to @max, a size_t
 * @OPT_STRING:	Text of @min to @max bytes, a char array of @max + 1
 * @OPT_CALL:	Argument given to the handler
 * @OPT_ACTION:	No argument, the handler is called
 */
enum opt_kind {
	OPT_FLAG, OPT_UNFLAG, OPT_UINT, OPT_SIZE, OPT_STRING, OPT_CALL,
	OPT_ACTION, OPT_KINDS,
};

struct opt;

/* Return: NULL if @arg is right, opt_bad if it isn't what @accepts of the row
 * says, or text on what would be right now, which ends the message to the user
 */
typedef const char *opt_handler(void *target, const struct opt *o,
				const char *arg);

extern const char opt_bad[];

/**
 * struct opt - one option: all there is to know of it
 * @name:	Long name, without dashes
 * @letter:	Short name, 0 for none
 * @flags:	Modes and uses, OPT_*
 * @kind:	What it takes
 * @offset:	Where the value goes in the target, bytes
 * @handler:	For OPT_CALL and OPT_ACTION
 * @min:	Least value or length
 * @max:	Greatest value or length
 * @arg:	Argument's name in help, NULL if none is taken
 * @accepts:	What the argument may be, for messages; NULL if none is taken
 * @help:	Text for --help; further lines after newlines
 * @heading:	What this row and those behind it are about, or NULL
 */
struct opt {
	const char *name;
	char letter;
	unsigned flags;
	enum opt_kind kind;
	size_t offset;
	opt_handler *handler;
	unsigned long min;
	unsigned long max;
	const char *arg;
	const char *accepts;
	const char *help;
	const char *heading;
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

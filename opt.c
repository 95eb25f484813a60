// SPDX-License-Identifier: BSD-3-Clause
/* opt.c - options of a command line, read and shown by one table
 *
 * A program describes each option by one row, struct opt: how it is called,
 * what it takes and where that goes. One pass over the words, opt_parse(),
 * fills the target; opt_print_help() prints the same rows. Rules that concern
 * several options are not of this module: handlers and the program see to them.
 *
 * Forms known: --name, --name VALUE, --name=VALUE, -x, -x VALUE, -xVALUE, and
 * several letters behind one dash. Long names have to be complete, so that a
 * later option never changes what a script means. Options end at -- or at the
 * first word that is none, hence a command may have options of its own.
 *
 * Each mistake ends the program with one line that names the option as it was
 * written, the value, and what is accepted.
 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "opt.h"
#include "parse.h"
#include "util.h"

#define HELP_COLUMN	32	/* Where the texts start in the help */
#define WRITTEN_MAX	64	/* Bytes of an option's name in a message */
#define WORD		"'%.80s'" /* Foreign word in a message, cut there */

const char opt_bad[] = "";

/**
 * struct opt_use - one use of an option on the command line
 * @t:		Table
 * @mode:	OPT_PASST or OPT_PASTA
 * @target:	What is filled
 * @argc:	Number of words
 * @argv:	The words
 * @next:	Index of the word to look at next
 */
struct opt_use {
	const struct opt_table *t;
	unsigned mode;
	void *target;
	int argc;
	char **argv;
	int next;
};

/* Each stores a value as its kind says. Return: as handlers do */
typedef const char *opt_store(void *target, const struct opt *o,
			      const char *arg);

/**
 * store_flag() - OPT_FLAG: set a bool
 */
static const char *store_flag(void *target, const struct opt *o,
			      const char *arg)
{
	(void)arg;
	*(bool *)((char *)target + o->offset) = true;
	return NULL;
}

/**
 * store_unflag() - OPT_UNFLAG: clear a bool
 */
static const char *store_unflag(void *target, const struct opt *o,
				const char *arg)
{
	(void)arg;
	*(bool *)((char *)target + o->offset) = false;
	return NULL;
}

/**
 * number() - Read a number within the limits of an option
 * @o:		Option
 * @arg:	Argument
 * @v:		Filled with the number
 *
 * Return: false if it is none, or out of the limits
 */
static bool number(const struct opt *o, const char *arg, unsigned long *v)
{
	return parse_uint(&arg, o->max, v) && parse_end(&arg) && *v >= o->min;
}

/**
 * store_uint() - OPT_UINT: read an unsigned int
 */
static const char *store_uint(void *target, const struct opt *o,
			      const char *arg)
{
	unsigned long v;

	if (!number(o, arg, &v))
		return opt_bad;

	*(unsigned *)((char *)target + o->offset) = v;
	return NULL;
}

/**
 * store_size() - OPT_SIZE: read a size_t
 */
static const char *store_size(void *target, const struct opt *o,
			      const char *arg)
{
	unsigned long v;

	if (!number(o, arg, &v))
		return opt_bad;

	*(size_t *)((char *)target + o->offset) = v;
	return NULL;
}

/**
 * store_string() - OPT_STRING: copy a text
 */
static const char *store_string(void *target, const struct opt *o,
				const char *arg)
{
	size_t len = strlen(arg);

	if (len < o->min || len > o->max)
		return opt_bad;

	memcpy((char *)target + o->offset, arg, len + 1);
	return NULL;
}

/**
 * store_call() - OPT_CALL and OPT_ACTION: leave it to the handler
 */
static const char *store_call(void *target, const struct opt *o,
			      const char *arg)
{
	return o->handler(target, o, arg);
}

static opt_store *const stores[] = {
	[OPT_FLAG]	= store_flag,
	[OPT_UNFLAG]	= store_unflag,
	[OPT_UINT]	= store_uint,
	[OPT_SIZE]	= store_size,
	[OPT_STRING]	= store_string,
	[OPT_CALL]	= store_call,
	[OPT_ACTION]	= store_call,
};
static_assert(ARRAY_SIZE(stores) == OPT_KINDS, "one way for each kind");

/**
 * opt_check() - End with a message if an option isn't of this mode, or not yet
 * @use:	Command line
 * @o:		Option
 * @as:		Name as written
 */
static void opt_check(const struct opt_use *use, const struct opt *o,
		      const char *as)
{
	if (!(o->flags & use->mode))
		die("unrecognized option '%s': it is for %s only", as,
		    o->flags & OPT_PASTA ? "pasta" : "passt");
	if (o->flags & OPT_NOT_YET)
		die("option '%s': %s", as, o->help);
}

/**
 * opt_apply() - Store the value of one option, or end with a message
 * @use:	Command line
 * @o:		Option
 * @as:		Name as written
 * @arg:	Value, NULL if the option takes none
 */
static void opt_apply(const struct opt_use *use, const struct opt *o,
		      const char *as, const char *arg)
{
	const char *why = stores[o->kind](use->target, o, arg);

	if (!why)
		return;
	if (!arg)
		die("option '%s': %s", as, why);

	die("option '%s': invalid value " WORD ", accepted: %s", as, arg,
	    why == opt_bad ? o->accepts : why);
}

/**
 * opt_next_word() - Take the next word as the value of an option
 * @use:	Command line, moved on
 * @o:		Option
 * @as:		Name as written
 *
 * Return: the value; ends with a message if there is no word left
 */
static const char *opt_next_word(struct opt_use *use, const struct opt *o,
				 const char *as)
{
	if (use->next == use->argc)
		die("option '%s': value missing, accepted: %s", as, o->accepts);

	return use->argv[use->next++];
}

/**
 * opt_parse_long() - Read one option with a long name
 * @use:	Command line, moved on by the value if it is a word of its own
 * @word:	Word that the option is in, from its dashes on
 */
static void opt_parse_long(struct opt_use *use, const char *word)
{
	const char *name = word + 2, *arg = strchr(name, '=');
	size_t i, len = arg ? (size_t)(arg - name) : strlen(name);
	const struct opt *o = NULL;
	char as[WRITTEN_MAX];

	for (i = 0; i < use->t->count && !o; i++) {
		const struct opt *row = &use->t->rows[i];

		if (strlen(row->name) == len && !strncmp(row->name, name, len))
			o = row;
	}
	if (!o)
		die("unrecognized option " WORD ", see --help", word);

	snprintf(as, sizeof(as), "--%s", o->name);
	opt_check(use, o, as);
	if (arg)
		arg++;
	if (arg && !o->arg)
		die("option '%s': value " WORD " given, accepted: none", as,
		    arg);
	if (o->arg && !arg)
		arg = opt_next_word(use, o, as);

	opt_apply(use, o, as, arg);
}

/**
 * opt_parse_letters() - Read the options, one or several, behind one dash
 * @use:	Command line, moved on by the value if it is a word of its own
 * @word:	Word that the options are in, from its dash on
 */
static void opt_parse_letters(struct opt_use *use, const char *word)
{
	const char *p;

	for (p = word + 1; *p; p++) {
		/* A single byte of UTF-8 would make the message invalid */
		char as[] = { '-', *p & 0x80 ? '?' : *p, '\0' };
		const struct opt *o = NULL;
		const char *arg = NULL;
		size_t i;

		for (i = 0; i < use->t->count; i++) {
			if (use->t->rows[i].letter == *p)
				o = &use->t->rows[i];
		}
		if (!o)
			die("unrecognized option '%s', see --help", as);

		opt_check(use, o, as);
		if (o->arg)
			arg = p[1] ? p + 1 : opt_next_word(use, o, as);
		opt_apply(use, o, as, arg);
		if (arg)
			return;
	}
}

/**
 * opt_parse() - Read all options of a command line into a target
 * @t:		Table of options
 * @mode:	OPT_PASST or OPT_PASTA
 * @target:	What the offsets of the table are in
 * @argc:	Number of words in @argv
 * @argv:	Words, the first one is the program
 *
 * Return: index of the first word that is no option, @argc if there is none;
 * ends with a message at the first mistake
 */
int opt_parse(const struct opt_table *t, unsigned mode, void *target,
	      int argc, char *argv[])
{
	struct opt_use use = { t, mode, target, argc, argv, MIN(1, argc) };

	while (use.next < argc) {
		const char *word = argv[use.next];

		if (word[0] != '-' || !word[1])
			break;
		use.next++;
		if (!strcmp(word, "--"))
			break;
		if (word[1] == '-')
			opt_parse_long(&use, word);
		else
			opt_parse_letters(&use, word);
	}

	return use.next;
}

/**
 * opt_print_one() - Print the help on one option
 * @o:		Option
 * @f:		Where to
 */
static void opt_print_one(const struct opt *o, FILE *f)
{
	const char *line = o->help, *end;
	char letter[] = "-x, ";
	int col;

	letter[1] = o->letter;
	col = fprintf(f, "  %s--%s%s%s", o->letter ? letter : "    ", o->name,
		      o->arg ? " " : "", o->arg ? o->arg : "");
	if (col >= HELP_COLUMN) {
		fputc('\n', f);
		col = 0;
	}

	do {
		end = strchrnul(line, '\n');
		fprintf(f, "%*s%.*s\n", HELP_COLUMN - col, "",
			(int)(end - line), line);
		col = 0;
		line = end + 1;
	} while (*end);

	if (o->flags & OPT_REPEAT)
		fprintf(f, "%*sMay be given several times\n", HELP_COLUMN, "");
	if (o->flags & OPT_DEPRECATED)
		fprintf(f, "%*sDeprecated: for old scripts only\n",
			HELP_COLUMN, "");
}

/**
 * opt_print_help() - Print the help on the options of a mode
 * @t:		Table of options
 * @mode:	OPT_PASST or OPT_PASTA
 * @f:		Where to
 */
void opt_print_help(const struct opt_table *t, unsigned mode, FILE *f)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (!(t->rows[i].flags & mode) ||
		    t->rows[i].flags & OPT_NOT_YET)
			continue;
		if (t->rows[i].heading)
			fprintf(f, "%s%s:\n", i ? "\n" : "",
				t->rows[i].heading);
		opt_print_one(&t->rows[i], f);
	}
}

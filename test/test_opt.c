// SPDX-License-Identifier: BSD-3-Clause
/* test_opt.c - options of a command line, read and shown by one table */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"
#include "opt.h"
#include "util.h"

/* More than 32 bits hold, where a size can be so large */
#if SIZE_MAX > UINT32_MAX
#define THINGS			5000000000
#define THINGS_TEXT		"5000000000"
#else
#define THINGS			4000000000
#define THINGS_TEXT		"4000000000"
#endif

/* die() ends here instead */
static jmp_buf died;
static char message[1024];
enum log_level log_level;

void log_die(int err, const char *fmt, ...)
{
	va_list ap;

	(void)err;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	longjmp(died, 1);
}

struct target {
	bool flag, unflag, first;
	unsigned number;
	size_t size;
	char text[6];
	char calls[128];
};

static const char *call(void *target, const struct opt *o, const char *arg)
{
	struct target *t = target;
	size_t len = strlen(t->calls);

	if (arg && !strcmp(arg, "bad"))
		return opt_bad;
	if (arg && !strcmp(arg, "twice"))
		return "one of them";

	snprintf(t->calls + len, sizeof(t->calls) - len, "%s=%s ", o->name,
		 arg ? arg : "-");
	return NULL;
}

static const struct opt rows[] = {
	{ "flag", 'f', OPT_ANY, OPT_FLAG, offsetof(struct target, flag),
	  .help = "A flag" },
	{ "unflag", 0, OPT_ANY, OPT_UNFLAG, offsetof(struct target, unflag),
	  .help = "No flag" },
	{ "number", 'n', OPT_ANY, OPT_UINT, offsetof(struct target, number),
	  .min = 3, .max = 70000, .arg = "N", .accepts = "3 to 70000",
	  .help = "A number\ndefault: 3" },
	{ "number-of-things", 0, OPT_ANY, OPT_SIZE,
	  offsetof(struct target, size), .min = 0, .max = THINGS,
	  .arg = "N", .accepts = "0 to " THINGS_TEXT, .help = "Things",
	  .heading = "Other things" },
	{ "text", 't', OPT_ANY, OPT_STRING, offsetof(struct target, text),
	  .min = 1, .max = 5, .arg = "TEXT", .accepts = "up to 5 letters",
	  .help = "Text" },
	{ "call", 'c', OPT_ANY | OPT_REPEAT, OPT_CALL, .handler = call,
	  .arg = "WHAT", .accepts = "anything good", .help = "Call" },
	{ "do", 'x', OPT_ANY | OPT_DEPRECATED, OPT_ACTION, .handler = call,
	  .help = "Do" },
	{ "pasta-one", 'p', OPT_PASTA, OPT_FLAG,
	  offsetof(struct target, first), .help = "Only for one" },
	{ "later", 'l', OPT_PASST | OPT_NOT_YET, .help = "have patience" },
};
static const struct opt_table table = { rows, ARRAY_SIZE(rows) };

/* Return: index of the first word that is no option, or -1 after die() */
static int parse(struct target *t, const char *line)
{
	static char words[256];
	char *argv[32] = { "prog" }, *word, *save = NULL;
	int argc = 1;

	memset(t, 0, sizeof(*t));
	t->unflag = true;
	message[0] = '\0';
	snprintf(words, sizeof(words), "%s", line);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "''") ? word : "";

	if (setjmp(died))
		return -1;
	return opt_parse(&table, OPT_PASST, t, argc, argv);
}

static void test_forms(void **state)
{
	static const char *const same[] = {
		"-f -n 12 -t ab", "-fn12 -tab", "-f -n12 --text ab",
		"--flag --number 12 --text=ab", "--text=ab -fn 12 --",
		"-n 3 -n 12 -t x -t ab --flag --flag",
	};
	struct target t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(same); i++) {
		assert_true(parse(&t, same[i]) > 0);
		assert_true(t.flag);
		assert_true(t.unflag);
		assert_int_equal(t.number, 12);
		assert_string_equal(t.text, "ab");
	}
	assert_int_equal(parse(&t, ""), 1);
	assert_false(t.flag);
	assert_int_equal(parse(&t, "--unflag"), 2);
	assert_false(t.unflag);
}

/* Words that look like options are values where one is due, and the other
 * way round an option ends with its own value
 */
static void test_where_options_end(void **state)
{
	static const struct {
		const char *line;
		int next;
		const char *calls;
	} cases[] = {
		{ "-f cmd -c a", 2, "" },
		{ "-f -- -c a", 3, "" },
		{ "-c -- x", 3, "call=-- " },
		{ "-c -f x", 3, "call=-f " },
		{ "--call --flag x", 3, "call=--flag " },
		{ "--call=a=b", 2, "call=a=b " },
		{ "--call=", 2, "call= " },
		{ "-c=a", 2, "call==a " },
		{ "-ca -cb", 3, "call=a call=b " },
		{ "-xc a -x", 4, "do=- call=a do=- " },
		{ "- -f", 1, "" },
		{ "'' -f", 1, "" },
		{ "123", 1, "" },
		{ "--", 2, "" },
		{ "-c", -1, "" },
	};
	struct target t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&t, cases[i].line), cases[i].next);
		assert_string_equal(t.calls, cases[i].calls);
	}
}

static void test_limits(void **state)
{
	struct target t;

	(void)state;
	assert_true(parse(&t, "-n 3") > 0);
	assert_int_equal(t.number, 3);
	assert_true(parse(&t, "-n 70000") > 0);
	assert_int_equal(t.number, 70000);
	assert_true(parse(&t, "--number-of-things " THINGS_TEXT) > 0);
	assert_true(t.size == THINGS);
	assert_true(parse(&t, "-t abcde") > 0);
	assert_string_equal(t.text, "abcde");
}

/* Each message names the option as written, the value, what is accepted */
static void test_errors(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "--foo", "unrecognized option '--foo', see --help" },
		{ "--foo=bar", "unrecognized option '--foo=bar', see --help" },
		{ "-y", "unrecognized option '-y', see --help" },
		{ "-fy", "unrecognized option '-y', see --help" },
		{ "-f=1", "unrecognized option '-=', see --help" },
		{ "--fla", "unrecognized option '--fla', see --help" },
		{ "--numbe 4", "unrecognized option '--numbe', see --help" },
		{ "--Flag", "unrecognized option '--Flag', see --help" },
		{ "---flag", "unrecognized option '---flag', see --help" },
		{ "--=x", "unrecognized option '--=x', see --help" },
		{ "--pasta-one", "unrecognized option '--pasta-one': "
		  "it is for pasta only" },
		{ "-p", "unrecognized option '-p': it is for pasta only" },
		{ "-\xc2\xa7", "unrecognized option '-?', see --help" },
		{ "--flag=1",
		  "option '--flag': value '1' given, accepted: none" },
		{ "--number", "option '--number': value missing, "
		  "accepted: 3 to 70000" },
		{ "-fn", "option '-n': value missing, accepted: 3 to 70000" },
		{ "-n 2", "option '-n': invalid value '2', "
		  "accepted: 3 to 70000" },
		{ "--number=70001", "option '--number': invalid value "
		  "'70001', accepted: 3 to 70000" },
		{ "--number=", "option '--number': invalid value '', "
		  "accepted: 3 to 70000" },
		{ "-n4x", "option '-n': invalid value '4x', "
		  "accepted: 3 to 70000" },
		{ "--text=abcdef", "option '--text': invalid value 'abcdef', "
		  "accepted: up to 5 letters" },
		{ "--text=", "option '--text': invalid value '', "
		  "accepted: up to 5 letters" },
		{ "-l", "option '-l': have patience" },
		{ "-flx", "option '-l': have patience" },
		{ "--later=x", "option '--later': have patience" },
		{ "-c bad", "option '-c': invalid value 'bad', "
		  "accepted: anything good" },
		{ "-c twice", "option '-c': invalid value 'twice', "
		  "accepted: one of them" },
	};
	struct target t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&t, cases[i].line), -1);
		assert_string_equal(message, cases[i].says);
	}
}

/* However long a word is, the end of the message remains */
static void test_long_words(void **state)
{
	char line[250], *end;
	struct target t;

	(void)state;
	memset(line, 'z', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "-n ", 3);
	assert_int_equal(parse(&t, line), -1);
	end = strstr(message, "', accepted: 3 to 70000");
	assert_non_null(end);
	assert_true(strlen(message) < 150);

	memcpy(line, "--z", 3);
	assert_int_equal(parse(&t, line), -1);
	assert_non_null(strstr(message, "', see --help"));
}

static void test_no_words_at_all(void **state)
{
	char *argv[] = { NULL };
	struct target t;

	(void)state;
	assert_int_equal(opt_parse(&table, OPT_PASST, &t, 0, argv), 0);
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	opt_print_help(&table, OPT_PASST, f);
	fclose(f);
	assert_string_equal(text,
"  -f, --flag                    A flag\n"
"      --unflag                  No flag\n"
"  -n, --number N                A number\n"
"                                default: 3\n"
"\n"
"Other things:\n"
"      --number-of-things N      Things\n"
"  -t, --text TEXT               Text\n"
"  -c, --call WHAT               Call\n"
"                                May be given several times\n"
"  -x, --do                      Do\n"
"                                Deprecated: for old scripts only\n");
	free(text);

	f = open_memstream(&text, &size);
	opt_print_help(&table, OPT_PASTA, f);
	fclose(f);
	assert_non_null(strstr(text, "-p, --pasta-one "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_where_options_end),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_no_words_at_all),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
/* cmocka.c - as much of cmocka's interface as our tests use
 *
 * Debian has the library for the machine's own architecture, and for others
 * only if its packages of those are enabled, which is not for us to do. So
 * tests that run under emulation are linked with this, compiled against the
 * real cmocka.h. What it doesn't do: mocks, checks of the heap, signals.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum outcome { GOOD = 1, FAILED, SKIPPED };

static jmp_buf out;
static const char *filter;

/**
 * end() - End the test that runs, told where
 * @how:	FAILED or SKIPPED
 * @file:	Source file
 * @line:	Line in it
 */
static void end(enum outcome how, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line,
		how == FAILED ? "failure" : "skipped");
	longjmp(out, how);
}

/**
 * check() - End the test unless something holds
 * @holds:	Whether it does
 * @what:	What should
 * @file:	Source file
 * @line:	Line in it
 */
static void check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	end(FAILED, file, line);
}

void print_error(const char *const format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
}

void print_message(const char *const format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
}

void _fail(const char *const file, const int line)
{
	end(FAILED, file, line);
}

void _skip(const char *const file, const int line)
{
	end(SKIPPED, file, line);
}

void _assert_true(const LargestIntegralType result,
		  const char *const expression, const char *const file,
		  const int line)
{
	check(result, expression, file, line);
}

void _assert_int_equal(const LargestIntegralType a,
		       const LargestIntegralType b, const char *const file,
		       const int line)
{
	if (a != b)
		fprintf(stderr, "%#llx is not %#llx\n", (unsigned long long)a,
			(unsigned long long)b);
	check(a == b, "not equal", file, line);
}

void _assert_int_not_equal(const LargestIntegralType a,
			   const LargestIntegralType b, const char *const file,
			   const int line)
{
	check(a != b, "equal", file, line);
}

void _assert_in_range(const LargestIntegralType value,
		      const LargestIntegralType minimum,
		      const LargestIntegralType maximum,
		      const char *const file, const int line)
{
	check(value >= minimum && value <= maximum, "out of range", file,
	      line);
}

void _assert_string_equal(const char *const a, const char *const b,
			  const char *const file, const int line)
{
	if (strcmp(a, b))
		fprintf(stderr, "\"%s\" is not \"%s\"\n", a, b);
	check(!strcmp(a, b), "not equal", file, line);
}

void _assert_string_not_equal(const char *const a, const char *const b,
			      const char *file, const int line)
{
	check(strcmp(a, b), "equal", file, line);
}

void _assert_memory_equal(const void *const a, const void *const b,
			  const size_t size, const char *const file,
			  const int line)
{
	const uint8_t *p = a, *q = b;
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != q[i])
			fprintf(stderr, "byte %zu: %#x is not %#x\n", i, p[i],
				q[i]);
	}
	check(!size || !memcmp(a, b, size), "memory differs", file, line);
}

void _assert_memory_not_equal(const void *const a, const void *const b,
			      const size_t size, const char *const file,
			      const int line)
{
	check(size && memcmp(a, b, size), "memory is the same", file, line);
}

void cmocka_set_test_filter(const char *pattern)
{
	filter = pattern;
}

/**
 * is_left_out() - Is a test one that can't be run here?
 * @name:	Its name
 *
 * Return: true if it is among the words of CMOCKA_SKIP in the environment
 */
static bool is_left_out(const char *name)
{
	const char *list = getenv("CMOCKA_SKIP");
	size_t len;

	/* A name made by a macro may be in parentheses, or go on */
	name += *name == '(';
	len = strcspn(name, " )");
	while (list && *list) {
		size_t n = strcspn(list, " ");

		if (n == len && !strncmp(list, name, n))
			return true;
		list += n + strspn(list + n, " ");
	}
	return false;
}

/**
 * run() - Run a function that may end by check()
 * @test:	A test, NULL if there is none
 * @fixture:	Or a set-up or tear-down, NULL likewise
 * @state:	State of the test
 *
 * Return: what came of it
 */
static enum outcome run(CMUnitTestFunction test, CMFixtureFunction fixture,
			void **state)
{
	int how = setjmp(out);

	if (how)
		return (enum outcome)how;
	if (test)
		test(state);
	if (fixture && fixture(state))
		return FAILED;
	return GOOD;
}

/**
 * run_one() - Run a test with its set-up and tear-down
 * @t:		Test
 * @group:	State of the group
 *
 * Return: what came of it
 */
static enum outcome run_one(const struct CMUnitTest *t, void *group)
{
	void *state = t->initial_state ? t->initial_state : group;
	enum outcome how = run(NULL, t->setup_func, &state), after;

	if (how != GOOD)
		return how;
	how = run(t->test_func, NULL, &state);
	after = run(NULL, t->teardown_func, &state);
	return how == GOOD ? after : how;
}

int _cmocka_run_group_tests(const char *group_name,
			    const struct CMUnitTest *const tests,
			    const size_t num_tests,
			    CMFixtureFunction group_setup,
			    CMFixtureFunction group_teardown)
{
	unsigned count[SKIPPED + 1] = { 0 };
	void *group = NULL;
	size_t i;

	if (run(NULL, group_setup, &group) != GOOD)
		return 1;
	for (i = 0; i < num_tests; i++) {
		enum outcome how;

		if (!tests[i].name ||
		    (filter && fnmatch(filter, tests[i].name, 0)))
			continue;
		how = is_left_out(tests[i].name) ? SKIPPED :
						   run_one(&tests[i], group);
		count[how]++;
		if (how != GOOD)
			printf("%s: %s\n", tests[i].name,
			       how == FAILED ? "FAILED" : "skipped");
	}
	count[FAILED] += run(NULL, group_teardown, &group) != GOOD;
	printf("%s: %u passed, %u failed, %u skipped\n", group_name,
	       count[GOOD], count[FAILED], count[SKIPPED]);
	return (int)count[FAILED];
}

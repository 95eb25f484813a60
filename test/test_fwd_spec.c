// SPDX-License-Identifier: BSD-3-Clause
/* test_fwd_spec.c - forwarding rules from port specifications */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "log.h"
#include "util.h"

#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"

static jmp_buf died;
static bool may_die;
static char message[512];
static const char *ephemeral;	/* NULL if it can't be read */

enum log_level log_level = LOG_LEVEL_DEBUG;

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	assert_int_equal(level, LOG_LEVEL_DEBUG);
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
}

void log_die(int err, const char *fmt, ...)
{
	va_list ap;

	(void)err;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (!may_die)
		fail_msg("%s", message);
	may_die = false;
	longjmp(died, 1);
}

ssize_t util_read_file(const char *path, char *buf, size_t size)
{
	assert_string_equal(path, RANGE);
	return ephemeral ? snprintf(buf, size, "%s", ephemeral) : -1;
}

void util_copy_str(char *dst, const char *src, size_t size)
{
	snprintf(dst, size, "%s", src);
}

static int usual_range(void **state)
{
	(void)state;
	ephemeral = "32768\t60999\n";
	return 0;
}

static struct fwd_rule rules[FWD_RULES_MAX];

/* Text of the first @n rules, one a line */
static const char *table(int n)
{
	static char text[8192];
	char buf[FWD_RULE_STRLEN];
	size_t len = 0;
	int i;

	*text = '\0';
	for (i = 0; i < n; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s\n",
				fwd_rule_str(&rules[i], buf, sizeof(buf)));
	assert_true(len < sizeof(text));
	return text;
}

static int parse(const char *spec, const char **why)
{
	const struct fwd_rule base = {
		.proto = IPPROTO_TCP, .from = PLACE_HOST,
	};

	*why = NULL;
	return fwd_spec_parse(spec, &base, rules, FWD_RULES_MAX, why);
}

#define ALL(listen, to, flags)						\
	"TCP " listen ":1-32767  =>  " to "1-32767" flags "\n"		\
	"TCP " listen ":61000-65535  =>  " to "61000-65535" flags "\n"
#define WEAK		"  (best effort)"
#define SCAN		"  (best effort) (auto-scan)"

struct good { const char *spec, *table; };

static void check_good(const struct good *good, size_t n)
{
	const char *why;
	size_t i;
	int count;

	for (i = 0; i < n; i++) {
		count = parse(good[i].spec, &why);
		if (count < 0)
			fail_msg("'%s' is refused: %s", good[i].spec, why);
		if (strcmp(table(count), good[i].table))
			fail_msg("'%s' yields\n%s", good[i].spec, table(count));
	}
}

/* The forms that the manual page shows */
static void test_manual(void **state)
{
	static const struct good good[] = {
		{ "none", "" },
		{ "all", ALL("[*]", "", WEAK) },
		{ "::1/all", ALL("[::1]", "", WEAK) },
		{ "22", "TCP [*]:22  =>  22\n" },
		{ "22:23", "TCP [*]:22  =>  23\n" },
		{ "2222:22", "TCP [*]:2222  =>  22\n" },
		{ "22,25", "TCP [*]:22  =>  22\n"
			   "TCP [*]:25  =>  25\n" },
		{ "22-80", "TCP [*]:22-80  =>  22-80\n" },
		{ "22-80:32-90", "TCP [*]:22-80  =>  32-90\n" },
		{ "192.0.2.1/22", "TCP [192.0.2.1]:22  =>  22\n" },
		{ "192.0.2.1%eth0/22", "TCP [192.0.2.1]%eth0:22  =>  22\n" },
		{ "%eth0/22", "TCP [*]%eth0:22  =>  22\n" },
		{ "0.0.0.0/5000:192.0.2.5/6000",
		  "TCP [0.0.0.0]:5000  =>  192.0.2.5:6000\n" },
		{ "127.0.0.6/all:192.0.2.6",
		  ALL("[127.0.0.6]", "192.0.2.6:", WEAK) },
		{ "2000-5000,~3000-3010",
		  "TCP [*]:2000-2999  =>  2000-2999\n"
		  "TCP [*]:3011-5000  =>  3011-5000\n" },
		{ "192.0.2.1/20-30,~25",
		  "TCP [192.0.2.1]:20-24  =>  20-24\n"
		  "TCP [192.0.2.1]:26-30  =>  26-30\n" },
		{ "~20000-20010",
		  "TCP [*]:1-19999  =>  1-19999" WEAK "\n"
		  "TCP [*]:20011-32767  =>  20011-32767" WEAK "\n"
		  "TCP [*]:61000-65535  =>  61000-65535" WEAK "\n" },
		{ "auto", ALL("[*]", "", SCAN) },
		{ "::1/auto", ALL("[::1]", "", SCAN) },
		{ "8000-8010,auto", "TCP [*]:8000-8010  =>  8000-8010" SCAN
				    "\n" },
	};

	(void)state;
	check_good(good, ARRAY_SIZE(good));
}

/* What programs pass that start pasta and passt */
static void test_callers(void **state)
{
	static const struct good good[] = {
		/* Podman: always ranges, IPv6 without brackets */
		{ "8080-8080:80-80", "TCP [*]:8080  =>  80\n" },
		{ "192.0.2.1/8080-8089:80-89",
		  "TCP [192.0.2.1]:8080-8089  =>  80-89\n" },
		{ "::1/8080-8080:80-80", "TCP [::1]:8080  =>  80\n" },
		{ "0.0.0.0/8080:192.0.2.5/80",
		  "TCP [0.0.0.0]:8080  =>  192.0.2.5:80\n" },
		{ "0.0.0.0/8080-8081:192.0.2.5/80-81",
		  "TCP [0.0.0.0]:8080-8081  =>  192.0.2.5:80-81\n" },
		{ "[::]/80:fc00::2/8080", "TCP [::]:80  =>  [fc00::2]:8080\n" },
		{ "[::]/8080", "TCP [::]:8080  =>  8080\n" },
		{ "192.0.2.1%eth0/5100-5101:5000-5001",
		  "TCP [192.0.2.1]%eth0:5100-5101  =>  5000-5001\n" },
		/* RootlessKit */
		{ "::/8080:80", "TCP [::]:8080  =>  80\n" },
		{ "0.0.0.0/8080:80", "TCP [0.0.0.0]:8080  =>  80\n" },
		/* libvirt: scenario 69 */
		{ "~15000,~15001",
		  "TCP [*]:1-14999  =>  1-14999" WEAK "\n"
		  "TCP [*]:15002-32767  =>  15002-32767" WEAK "\n"
		  "TCP [*]:61000-65535  =>  61000-65535" WEAK "\n" },
		{ "2001:db8::1%eth0/2022:22,80,~443",
		  "TCP [2001:db8::1]%eth0:2022  =>  22\n"
		  "TCP [2001:db8::1]%eth0:80  =>  80\n" },
	};

	(void)state;
	check_good(good, ARRAY_SIZE(good));
}

static void test_forms(void **state)
{
	static const struct good good[] = {
		/* Scenario 69: the last port, and the first that there is */
		{ "65535", "TCP [*]:65535  =>  65535\n" },
		{ "1", "TCP [*]:1  =>  1\n" },
		{ "1-65535", "TCP [*]:1-65535  =>  1-65535\n" },
		{ "1:65535,65535:1", "TCP [*]:1  =>  65535\n"
				     "TCP [*]:65535  =>  1\n" },
		/* Scenario 68: 15 characters */
		{ "%abcdefghijklmno/22",
		  "TCP [*]%abcdefghijklmno:22  =>  22\n" },
		{ "fe80::1%abcdefghijklmno/22",
		  "TCP [fe80::1]%abcdefghijklmno:22  =>  22\n" },
		{ "%veth0.100@x,y/22", "TCP [*]%veth0.100@x,y:22  =>  22\n" },
		/* Scenario 27, for where to listen */
		{ "::ffff:127.0.0.1/2222", "TCP [127.0.0.1]:2222  =>  2222\n" },
		{ "[::ffff:192.0.2.1]/22", "TCP [192.0.2.1]:22  =>  22\n" },
		{ "::ffff:0.0.0.0/22", "TCP [0.0.0.0]:22  =>  22\n" },
		/* Brackets, for a target as well */
		{ "[::1]/8080", "TCP [::1]:8080  =>  8080\n" },
		{ "[2001:db8::1]%eth0/80:[fc00::2]/8080",
		  "TCP [2001:db8::1]%eth0:80  =>  [fc00::2]:8080\n" },
		/* Without them, an address may be longer than was meant */
		{ "80:fc00::2/8080", "TCP [80:fc00::2]:8080  =>  8080\n" },
		{ "80:[fc00::2]/8080", "TCP [::]:80  =>  [fc00::2]:8080\n" },
		{ "80:fc00::2", "TCP [::]:80  =>  [fc00::2]:80\n" },
		/* A target narrows down where to listen, for itself */
		{ "80:192.0.2.5,90:fc00::2,100",
		  "TCP [0.0.0.0]:80  =>  192.0.2.5:80\n"
		  "TCP [::]:90  =>  [fc00::2]:90\n"
		  "TCP [*]:100  =>  100\n" },
		{ "%eth0/80:[fc00::2]/90",
		  "TCP [::]%eth0:80  =>  [fc00::2]:90\n" },
		{ "5000-5001:192.0.2.5/6000-6001",
		  "TCP [0.0.0.0]:5000-5001  =>  192.0.2.5:6000-6001\n" },
		{ "80:127.0.0.1/8080",
		  "TCP [0.0.0.0]:80  =>  127.0.0.1:8080\n" },
		{ "all:fc00::2", ALL("[::]", "[fc00::2]:", WEAK) },
		/* What is excluded splits, wherever it stands */
		{ "~12,10-14:20-24,~14",
		  "TCP [*]:10-11  =>  20-21\n"
		  "TCP [*]:13  =>  23\n" },
		{ "2000-3000,~3000-3500",
		  "TCP [*]:2000-2999  =>  2000-2999\n" },
		{ "2000-3000,~1-2000", "TCP [*]:2001-3000  =>  2001-3000\n" },
		{ "~22,~40000", "TCP [*]:1-21  =>  1-21" WEAK "\n"
				"TCP [*]:23-32767  =>  23-32767" WEAK "\n"
				"TCP [*]:61000-65535  =>  61000-65535" WEAK
				"\n" },
		/* Named twice, to the same target */
		{ "22,22", "TCP [*]:22  =>  22\n" },
		{ "2000-2005,2003-2009",
		  "TCP [*]:2000-2005  =>  2000-2005\n"
		  "TCP [*]:2006-2009  =>  2006-2009\n" },
		{ "20-24:30-34,22:32", "TCP [*]:20-24  =>  30-34\n" },
		/* What is named goes before all, also if it is ephemeral */
		{ "all,22:23,40000",
		  "TCP [*]:22  =>  23\n"
		  "TCP [*]:40000  =>  40000\n"
		  "TCP [*]:1-21  =>  1-21" WEAK "\n"
		  "TCP [*]:23-32767  =>  23-32767" WEAK "\n"
		  "TCP [*]:61000-65535  =>  61000-65535" WEAK "\n" },
		{ "all,all", ALL("[*]", "", WEAK) },
		{ "50000", "TCP [*]:50000  =>  50000\n" },
		/* auto is about the whole set */
		{ "auto,8000-8010:80-90,9000",
		  "TCP [*]:8000-8010  =>  80-90" SCAN "\n"
		  "TCP [*]:9000  =>  9000" SCAN "\n" },
		{ "all,auto", ALL("[*]", "", SCAN) },
		{ "auto,~1-1023",
		  "TCP [*]:1024-32767  =>  1024-32767" SCAN "\n"
		  "TCP [*]:61000-65535  =>  61000-65535" SCAN "\n" },
		/* Leading zeroes are decimal all the same */
		{ "0022", "TCP [*]:22  =>  22\n" },
	};

	(void)state;
	check_good(good, ARRAY_SIZE(good));
}

/* Scenario 69: all has no port 0, and follows the range of the kernel */
static void test_ephemeral(void **state)
{
	const char *why;

	(void)state;
	ephemeral = "1024 65535\n";
	assert_string_equal(table(parse("all", &why)),
			    "TCP [*]:1-1023  =>  1-1023" WEAK "\n");
	ephemeral = "1 2";
	assert_string_equal(table(parse("all", &why)),
			    "TCP [*]:3-65535  =>  3-65535" WEAK "\n");
	ephemeral = "1 65535";
	assert_int_equal(parse("all", &why), -1);
	assert_string_equal(table(parse("22", &why)), "TCP [*]:22  =>  22\n");
	ephemeral = "1 99999999";
	assert_int_equal(parse("all", &why), -1);

	ephemeral = "what?";
	assert_string_equal(table(parse("all", &why)), ALL("[*]", "", WEAK));
	ephemeral = "5";
	assert_string_equal(table(parse("all", &why)), ALL("[*]", "", WEAK));
	ephemeral = NULL;
	assert_string_equal(table(parse("all", &why)), ALL("[*]", "", WEAK));
}

#define PORT		"port numbers from 1 to 65535"
#define RANGE_END	"a number on both sides of a dash"
#define ORDER		"the lower port of a range before the higher one"
#define ENTRY		"PORT, FIRST-LAST, ~PORT, ~FIRST-LAST, all or auto"
#define GAP		"something on both sides of each comma"
#define COMMA		"a comma or the end behind each entry"
#define NONE		"none without anything besides"
#define LISTEN		"an address, %INTERFACE or both before the slash"
#define BRACKET		"IPv6 addresses in both brackets, or in none"
#define IFNAME		"a name of 1 to 15 characters behind the percent sign"
#define GROUP		"an address of an interface to listen on, or any"
#define SCOPE		"ADDRESS%INTERFACE to listen on a link-local address"
#define NO_PORTS	"ports behind the slash"
#define NO_SLASH	"a slash, then ports, behind address and interface"
#define TARGET		"ADDRESS, PORTS or ADDRESS/PORTS behind the colon"
#define TARGET_ADDR	"an IPv4 or IPv6 address of a target"
#define TARGET_IF	"an address of a target without interface"
#define UNICAST		"an address of one node as a target"
#define TARGET_PORT	"ports behind the address and slash of a target"
#define LENGTH		"as many target ports as ports to listen on"
#define VERSION_OF	"addresses to listen on and to go to of one IP version"
#define ALL_PLAIN	"all, or all:ADDRESS, as it keeps port numbers"
#define ALL_TWICE	"one target for all"
#define AUTO		"auto without anything behind it, up to a comma"
#define EXCLUDE		"nothing behind excluded ports, up to a comma"
#define CONFLICT	"one target for each port"
#define NOTHING		"at least one port that isn't excluded"

static const struct { const char *spec, *why; } bad[] = {
	{ "", "ports, all, auto or none" },
	/* Ports */
	{ "0", PORT }, { "65536", PORT }, { "00000", PORT },
	{ "99999999999999999999999", PORT }, { "22,0", PORT },
	{ "0-10", PORT }, { "1-65536", PORT }, { "~0", PORT },
	{ "22:0", PORT }, { "22:65536", PORT }, { "~1-99999", PORT },
	{ "22-80:0-58", PORT }, { "22:192.0.2.5/0", PORT },
	{ "::1/0", PORT },
	{ "80-22", ORDER }, { "~80-22", ORDER },
	{ "22-80:90-32", ORDER }, { "127.0.0.1/2-1", ORDER },
	{ "22-", RANGE_END }, { "-22", RANGE_END },
	{ "22--80", RANGE_END }, { "22-x", RANGE_END },
	{ "~22-", RANGE_END }, { "~-22", RANGE_END },
	{ "22-80:32-", RANGE_END }, { "192.0.2.1/-1", RANGE_END },
	/* Entries */
	{ "x", ENTRY }, { "ssh", ENTRY }, { "+22", ENTRY },
	{ " 22", ENTRY }, { "~", ENTRY }, { "~~22", ENTRY },
	{ "~all", ENTRY }, { ":22", ENTRY }, { "All", ENTRY },
	{ "None", ENTRY }, { "22, 23", ENTRY }, { "\xff", ENTRY },
	{ "*", ENTRY }, { "192.0.2.1/ 22", ENTRY },
	{ ",", GAP }, { "22,", GAP }, { ",22", GAP }, { "22,,23", GAP },
	{ "all,", GAP }, { "::1/,22", GAP },
	{ "22x", COMMA }, { "22 ", COMMA }, { "22;23", COMMA },
	{ "22.5", COMMA }, { "22-23-24", COMMA }, { "22~23", COMMA },
	{ "1:2x", COMMA }, { "22:23/24", COMMA }, { "22\n", COMMA },
	{ "22:192.0.2.5 ", COMMA },
	{ "none,22", NONE }, { "22,none", NONE }, { "none,none", NONE },
	{ "none ", NONE }, { "::1/none", NONE },
	/* Where to listen */
	{ "/22", LISTEN }, { "192.0.2.300/22", LISTEN },
	{ "192.0.2/22", LISTEN }, { "eth0/22", LISTEN },
	{ "localhost/22", LISTEN }, { "fe80::zz/22", LISTEN },
	{ "22/tcp", LISTEN }, { "*/22", LISTEN },
	{ "192.0.2.1 /22", LISTEN }, { "none/22", LISTEN },
	{ "[::1/22", BRACKET }, { "::1]/22", BRACKET },
	{ "[192.0.2.1]/22", BRACKET }, { "[::1%lo]/22", BRACKET },
	{ "[]/22", BRACKET },
	{ "%/22", IFNAME }, { "192.0.2.1%/22", IFNAME },
	{ "%abcdefghijklmnop/22", IFNAME }, { "%a b/22", IFNAME },
	{ "::1%a:b/22", IFNAME }, { "%../22", IFNAME },
	{ "224.0.0.1/22", GROUP }, { "255.255.255.255/22", GROUP },
	{ "ff02::1%eth0/22", GROUP }, { "::ffff:239.1.2.3/22", GROUP },
	{ "fe80::1/22", SCOPE }, { "[fe80::1]/auto", SCOPE },
	{ "::1/", NO_PORTS }, { "192.0.2.1%eth0/", NO_PORTS },
	{ "%eth0/", NO_PORTS }, { "[::]/", NO_PORTS },
	{ "::1", NO_SLASH }, { "192.0.2.1", NO_SLASH },
	{ "%eth0", NO_SLASH }, { "192.0.2.1:22", NO_SLASH },
	{ "[::1]:22", NO_SLASH }, { "192.0.2.1%eth0", NO_SLASH },
	/* Targets */
	{ "22:", TARGET }, { "22:x", TARGET }, { "22-23:", TARGET },
	{ "22:,23", TARGET }, { "22:-1", TARGET }, { "22:/80", TARGET },
	{ "22:all", TARGET }, { "22:~23", TARGET },
	{ "22:23:24", TARGET_ADDR }, { "22:192.0.2.300", TARGET_ADDR },
	{ "22:[fc00::2/80", TARGET_ADDR },
	{ "22:localhost.localdomain/80", TARGET_ADDR },
	{ "22::23", TARGET_ADDR }, { "all:1.2.3", TARGET_ADDR },
	{ "22:[fe80::1]%eth0/22", TARGET_IF },
	{ "22:192.0.2.5%eth0", TARGET_IF },
	{ "22:0.0.0.0", UNICAST }, { "[::]/22:::/80", UNICAST },
	{ "22:224.0.0.1", UNICAST }, { "22:ff02::1", UNICAST },
	{ "all:255.255.255.255", UNICAST },
	{ "22:192.0.2.5/", TARGET_PORT },
	{ "22:192.0.2.5/x", TARGET_PORT },
	{ "80:192.0.2.5//80", TARGET_PORT },
	{ "8000-8010:9000", LENGTH }, { "22:90-95", LENGTH },
	{ "22-80:32-91", LENGTH }, { "1-3:192.0.2.5/1-2", LENGTH },
	{ "::/5000:192.0.2.5/6000", VERSION_OF },
	{ "[::]/5000:192.0.2.5", VERSION_OF },
	{ "0.0.0.0/5000:fc00::2/6000", VERSION_OF },
	{ "127.0.0.6/all:fc00::2", VERSION_OF },
	{ "::1/22:::ffff:192.0.2.5", VERSION_OF },
	{ "::ffff:192.0.2.1/22:fc00::2", VERSION_OF },
	/* Words */
	{ "all:", ALL_PLAIN }, { "all:22", ALL_PLAIN },
	{ "all:192.0.2.5/80", ALL_PLAIN }, { "allx", ALL_PLAIN },
	{ "all-22", ALL_PLAIN }, { "all/22", ALL_PLAIN },
	{ "all:192.0.2.5,all", ALL_TWICE },
	{ "all:192.0.2.5,all:192.0.2.6", ALL_TWICE },
	{ "auto:22", AUTO }, { "auto:192.0.2.5", AUTO },
	{ "automatic", AUTO }, { "auto ", AUTO },
	{ "~22:23", EXCLUDE }, { "~22:192.0.2.5/22", EXCLUDE },
	{ "~22x", EXCLUDE },
	/* Together */
	{ "22,22:23", CONFLICT }, { "22:23,22", CONFLICT },
	{ "2000-2005,2003-2009:2004-2010", CONFLICT },
	{ "0.0.0.0/22:192.0.2.5,22:192.0.2.6", CONFLICT },
	{ "127.0.0.1/22,22:192.0.2.5", CONFLICT },
	{ "auto,22,20-30:120-130", CONFLICT },
	{ "22,~22", NOTHING }, { "~1-65535", NOTHING },
	{ "20-30,~1-25,~26-40", NOTHING },
	{ "~1-32767,~61000-65535", NOTHING },
	{ "all,~1-40000,~50000-65535", NOTHING },
};

static void test_wrong(void **state)
{
	const char *why;
	size_t i;

	(void)state;
	assert_true(ARRAY_SIZE(bad) > 60);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(bad[i].spec, &why) != -1)
			fail_msg("'%s' is accepted", bad[i].spec);
		if (strcmp(why, bad[i].why))
			fail_msg("'%s' is refused, accepted: %s", bad[i].spec,
				 why);
	}
}

/* Every other port */
static void test_too_many(void **state)
{
	char spec[8192];
	size_t len = 0;
	const char *why;
	int i;

	(void)state;
	for (i = 0; i < FWD_RULES_MAX; i++)
		len += snprintf(spec + len, sizeof(spec) - len, "%s%d",
				i ? "," : "", 1000 + 2 * i);
	assert_int_equal(parse(spec, &why), FWD_RULES_MAX);
	snprintf(spec + len, sizeof(spec) - len, ",1");
	assert_int_equal(parse(spec, &why), -1);
	assert_string_equal(why, "fewer ranges of ports: 512 in total");

	/* One rule more doesn't fit in by exclusion either */
	snprintf(spec, sizeof(spec), "1-9,~5");
	assert_int_equal(fwd_spec_parse(spec, &rules[0], rules, 1, &why), -1);
}

/* What is common to all rules is passed on */
static void test_base(void **state)
{
	const struct fwd_rule base = {
		.proto = IPPROTO_UDP, .from = PLACE_NS, .ifname = "lo",
		.flags = FWD_FREEBIND,
	};
	const char *why;
	int n = fwd_spec_parse("53", &base, rules, FWD_RULES_MAX, &why);

	(void)state;
	assert_string_equal(table(n), "UDP [*]%lo:53  =>  53\n");
	assert_int_equal(rules[0].from, PLACE_NS);
	assert_int_equal(rules[0].flags, FWD_FREEBIND);

	/* Its interface is replaced by any place to listen at */
	n = fwd_spec_parse("192.0.2.1/53", &base, rules, FWD_RULES_MAX, &why);
	assert_string_equal(table(n), "UDP [192.0.2.1]:53  =>  53\n");
	n = fwd_spec_parse("%x/53", &base, rules, FWD_RULES_MAX, &why);
	assert_string_equal(table(n), "UDP [*]%x:53  =>  53\n");
}

static struct conf conf;

/* Rules of a mode and specifications, such as "t:22 U:none", as a table */
static const char *rules_of(enum conf_mode mode, const char *line)
{
	static const char letters[] = "tuTU";
	static char words[512];
	char *word, *save = NULL;
	enum ipver v;

	conf = (struct conf){ .mode = mode, .splice = mode == MODE_PASTA };
	for (v = 0; v < IPVER_MAX; v++)
		conf.ip[v].enabled = true;
	snprintf(words, sizeof(words), "%s", line);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		unsigned kind = strchr(letters, *word) - letters;

		conf.ports[kind][conf.ports_count[kind]++] = word + 2;
	}
	return table(fwd_spec_rules(&conf, rules, FWD_RULES_MAX));
}

#define RANGES(proto, listen, flags)					\
	proto " " listen ":1-32767  =>  1-32767" flags "\n"		\
	proto " " listen ":61000-65535  =>  61000-65535" flags "\n"
#define AS_TCP		" (as TCP)"

/**
 * sort_lines() - Put lines in order
 * @to:		Filled with the lines
 * @from:	Lines
 */
static void sort_lines(char to[static 512], const char *from)
{
	char lines[16][80], buf[512], *line, *save = NULL;
	unsigned n = 0, i;
	size_t len = 0;

	snprintf(buf, sizeof(buf), "%s", from);
	for (line = strtok_r(buf, "\n", &save); line && n < 16;
	     line = strtok_r(NULL, "\n", &save))
		snprintf(lines[n++], sizeof(lines[0]), "%s", line);
	qsort(lines, n, sizeof(lines[0]), (int (*)(const void *,
						   const void *))strcmp);
	*to = '\0';
	for (i = 0; i < n; i++)
		len += snprintf(to + len, 512 - len, "%s\n", lines[i]);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_string_equal(rules_of(MODE_PASST, ""), "");
	assert_string_equal(rules_of(MODE_PASTA, ""),
			    RANGES("TCP", "[*]", SCAN)
			    RANGES("UDP", "[*]", SCAN AS_TCP)
			    RANGES("TCP", "[*]%lo", SCAN)
			    RANGES("UDP", "[*]%lo", SCAN AS_TCP));
	assert_int_equal(rules[3].from, PLACE_HOST);
	assert_int_equal(rules[4].from, PLACE_NS);

	assert_string_equal(rules_of(MODE_PASTA, "t:none u:none T:none U:none"),
			    "");
	assert_string_equal(rules_of(MODE_PASST, "t:none"), "");
	assert_string_equal(rules_of(MODE_PASTA, "t:none T:none U:none"),
			    RANGES("UDP", "[*]", SCAN));
}

/* UDP follows TCP, without translation, unless it is given */
static void test_implied(void **state)
{
	(void)state;
	assert_string_equal(rules_of(MODE_PASST, "t:192.0.2.1/2222:22,80"),
			    "TCP [192.0.2.1]:2222  =>  22\n"
			    "TCP [192.0.2.1]:80  =>  80\n"
			    "UDP [192.0.2.1]:2222  =>  2222" WEAK AS_TCP "\n"
			    "UDP [192.0.2.1]:80  =>  80" WEAK AS_TCP "\n");
	assert_string_equal(rules_of(MODE_PASST, "t:80:192.0.2.5/8080"),
			    "TCP [0.0.0.0]:80  =>  192.0.2.5:8080\n"
			    "UDP [0.0.0.0]:80  =>  192.0.2.5:80" WEAK AS_TCP
			    "\n");
	assert_string_equal(rules_of(MODE_PASST, "t:80 u:53"),
			    "TCP [*]:80  =>  80\n"
			    "UDP [*]:53  =>  53\n");
	assert_string_equal(rules_of(MODE_PASST, "t:80 u:none"),
			    "TCP [*]:80  =>  80\n");
	assert_string_equal(rules_of(MODE_PASST, "u:53"),
			    "UDP [*]:53  =>  53\n");
	assert_string_equal(rules_of(MODE_PASTA, "t:8000-8010,auto T:5432 "
						 "U:none"),
			    "TCP [*]:8000-8010  =>  8000-8010" SCAN "\n"
			    "UDP [*]:8000-8010  =>  8000-8010" SCAN AS_TCP "\n"
			    "UDP [*]:1-7999  =>  1-7999" SCAN "\n"
			    "UDP [*]:8011-32767  =>  8011-32767" SCAN "\n"
			    "UDP [*]:61000-65535  =>  61000-65535" SCAN "\n"
			    "TCP [*]%lo:5432  =>  5432\n");
	assert_string_equal(rules_of(MODE_PASTA, "t:none u:none T:5432:5433"),
			    "TCP [*]%lo:5432  =>  5433\n"
			    "UDP [*]%lo:5432  =>  5432" WEAK AS_TCP "\n"
			    "UDP [*]%lo:1-5431  =>  1-5431" SCAN "\n"
			    "UDP [*]%lo:5433-32767  =>  5433-32767" SCAN "\n"
			    "UDP [*]%lo:61000-65535  =>  61000-65535" SCAN
			    "\n");
}

/* Uses add up, what is named goes first wherever it stands */
static void test_several(void **state)
{
	(void)state;
	assert_string_equal(rules_of(MODE_PASST, "u:none t:22 t:22,80 t:20-30"),
			    "TCP [*]:22  =>  22\n"
			    "TCP [*]:80  =>  80\n"
			    "TCP [*]:20-21  =>  20-21\n"
			    "TCP [*]:23-30  =>  23-30\n");
	assert_string_equal(rules_of(MODE_PASST, "u:none t:all t:22:23"),
			    "TCP [*]:22  =>  23\n"
			    "TCP [*]:1-21  =>  1-21" WEAK "\n"
			    "TCP [*]:23-32767  =>  23-32767" WEAK "\n"
			    "TCP [*]:61000-65535  =>  61000-65535" WEAK "\n");
	assert_string_equal(rules_of(MODE_PASST, "u:none t:::1/22 "
				     "t:127.0.0.1/22:23 t:127.0.0.2/22:24 "
				     "t:%eth0/23:22 t:%eth1/23:24"),
			    "TCP [::1]:22  =>  22\n"
			    "TCP [127.0.0.1]:22  =>  23\n"
			    "TCP [127.0.0.2]:22  =>  24\n"
			    "TCP [*]%eth0:23  =>  22\n"
			    "TCP [*]%eth1:23  =>  24\n");
	/* Both any, but not the same */
	assert_string_equal(rules_of(MODE_PASST, "u:none "
				     "t:0.0.0.0/80:192.0.2.5/8080 "
				     "t:[::]/80:fc00::2/8080"),
			    "TCP [0.0.0.0]:80  =>  192.0.2.5:8080\n"
			    "TCP [::]:80  =>  [fc00::2]:8080\n");
}

/* What a wider rule covers is left out, in whatever order */
static void test_covered(void **state)
{
	static const struct { const char *a, *b, *table; } rows[] = {
		/* Podman: a container published as 80:80 and [::]:80:80 */
		{ "8080-8080:80-80", "::/8080-8080:80-80",
		  "TCP [*]:8080  =>  80\n" },
		{ "8083", "127.0.0.1/8083", "TCP [*]:8083  =>  8083\n" },
		{ "8084", "0.0.0.0/8084", "TCP [*]:8084  =>  8084\n" },
		{ "8084", "[::]/8084", "TCP [*]:8084  =>  8084\n" },
		{ "127.0.0.1/8086", "0.0.0.0/8086",
		  "TCP [0.0.0.0]:8086  =>  8086\n" },
		{ "2001:db8::1/8086", "::/8086", "TCP [::]:8086  =>  8086\n" },
		{ "%eth0/22", "22", "TCP [*]:22  =>  22\n" },
		{ "%eth0/22", "192.0.2.1%eth0/22",
		  "TCP [*]%eth0:22  =>  22\n" },
		{ "127.0.0.1/22", "%lo/22", "TCP [*]%lo:22  =>  22\n" },
		/* Part of a range */
		{ "20-30:120-130", "::/25-40:125-140",
		  "TCP [*]:20-30  =>  120-130\n"
		  "TCP [::]:31-40  =>  131-140\n" },
		{ "20-30:120-130", "127.0.0.1/10-40:110-140",
		  "TCP [*]:20-30  =>  120-130\n"
		  "TCP [127.0.0.1]:10-19  =>  110-119\n"
		  "TCP [127.0.0.1]:31-40  =>  131-140\n" },
		/* One IP version of an interface */
		{ "%eth0/20-30", "0.0.0.0/25",
		  "TCP [*]%eth0:20-24  =>  20-24\n"
		  "TCP [::]%eth0:25  =>  25\n"
		  "TCP [*]%eth0:26-30  =>  26-30\n"
		  "TCP [0.0.0.0]:25  =>  25\n" },
		{ "%eth0/25", "[::]/25",
		  "TCP [0.0.0.0]%eth0:25  =>  25\n"
		  "TCP [::]:25  =>  25\n" },
		/* The weak ones, too */
		{ "all", "127.0.0.1/all", ALL("[*]", "", WEAK) },
		/* Neither covers the other, and both can be served */
		{ "0.0.0.0/80", "[::]/80", "TCP [0.0.0.0]:80  =>  80\n"
					   "TCP [::]:80  =>  80\n" },
		{ "127.0.0.1/80", "192.0.2.1/80:81",
		  "TCP [127.0.0.1]:80  =>  80\n"
		  "TCP [192.0.2.1]:80  =>  81\n" },
		{ "%eth0/80", "%eth1/80", "TCP [*]%eth0:80  =>  80\n"
					  "TCP [*]%eth1:80  =>  80\n" },
	};
	char line[128], sorted[2][512];
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(line, sizeof(line), "u:none t:%s t:%s", rows[i].a,
			 rows[i].b);
		for (k = 0; k < 2; k++) {
			sort_lines(sorted[0], rows[i].table);
			sort_lines(sorted[1], rules_of(MODE_PASST, line));
			if (strcmp(sorted[0], sorted[1]))
				fail_msg("'%s' yields\n%s", line, sorted[1]);
			snprintf(line, sizeof(line), "u:none t:%s t:%s",
				 rows[i].b, rows[i].a);
		}
	}
	/* UDP ports that follow, as well */
	assert_string_equal(rules_of(MODE_PASST, "t:8080:80 t:::/8080:80"),
			    "TCP [*]:8080  =>  80\n"
			    "UDP [*]:8080  =>  8080" WEAK AS_TCP "\n");
}

/* What can't be served both is refused at once */
static void test_collisions(void **state)
{
	static const char *const lines[] = {
		"t:8080:80 t:::/8080:81", "t:::/8080:81 t:8080:80",
		"t:53 t:192.0.2.1/53:54", "t:127.0.0.1/22:23 t:%lo/22:24",
		"t:%eth0/22 t:192.0.2.1/22", "t:22-30:122-130 t:%x/25",
		"t:80 t:80:192.0.2.5", "t:80,80:192.0.2.5",
	};
	volatile size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		may_die = true;
		if (!setjmp(died)) {
			rules_of(MODE_PASST, lines[i]);
			fail_msg("'%s' is accepted", lines[i]);
		}
		assert_non_null(strstr(message, "overlap"));
	}
	/* What is best effort takes what is left */
	rules_of(MODE_PASST, "t:127.0.0.1/53:54 t:all");
}

/* Alone it means none, besides others it has no effect wherever it stands */
static void test_none(void **state)
{
	static const char *const lines[] = {
		"U:none T:6379 T:5432 T:none", "U:none T:none T:6379 T:5432",
		"U:none T:6379 T:none T:5432 T:none",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		char line[128];

		snprintf(line, sizeof(line), "t:none u:none %s", lines[i]);
		assert_string_equal(rules_of(MODE_PASTA, line),
				    "TCP [*]%lo:6379  =>  6379\n"
				    "TCP [*]%lo:5432  =>  5432\n");
		assert_string_equal(message, "option '--tcp-ns': 'none' has no "
				    "effect besides others");
		*message = '\0';
	}
	assert_string_equal(rules_of(MODE_PASTA, "t:none t:none u:none T:none "
				     "U:none"), "");
	assert_string_equal(message, "");
	assert_string_equal(rules_of(MODE_PASTA, "t:auto t:none u:none T:none "
				     "U:none"), RANGES("TCP", "[*]", SCAN));
}

static void test_conflicts(void **state)
{
	(void)state;
	may_die = true;
	if (!setjmp(died)) {
		rules_of(MODE_PASST, "u:none t:22 t:25 t:20-30:120-130");
		fail_msg("accepted");
	}
	assert_string_equal(message, "option '--tcp-ports': invalid value "
			    "'20-30:120-130' besides others, accepted: "
			    CONFLICT);
	may_die = true;
	if (!setjmp(died)) {
		rules_of(MODE_PASTA, "U:53:192.0.2.5 U:53:192.0.2.6");
		fail_msg("accepted");
	}
	assert_non_null(strstr(message, "'--udp-ns'"));
}

/* Scenario 74: families and protocols don't depend on each other */
static void test_disabled(void **state)
{
	static const char line[] = "u:53 t:22 t:192.0.2.1/80 t:[::]/90 "
				   "t:100:fc00::2 T:none U:none";
	struct conf c;
	unsigned n;

	(void)state;
	rules_of(MODE_PASTA, line);
	c = conf;
	c.ip[V6].enabled = false;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	assert_string_equal(table(n), "TCP [*]:22  =>  22\n"
				      "TCP [192.0.2.1]:80  =>  80\n"
				      "UDP [*]:53  =>  53\n");
	c = conf;
	c.ip[V4].enabled = false;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	assert_string_equal(table(n), "TCP [*]:22  =>  22\n"
				      "TCP [::]:90  =>  90\n"
				      "TCP [::]:100  =>  [fc00::2]:100\n"
				      "UDP [*]:53  =>  53\n");
	c = conf;
	c.no_tcp = true;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	assert_string_equal(table(n), "UDP [*]:53  =>  53\n");
	c.no_udp = true;
	assert_int_equal(fwd_spec_rules(&c, rules, FWD_RULES_MAX), 0);

	rules_of(MODE_PASTA, "");
	c = conf;
	c.ip[V6].enabled = false;
	assert_int_equal(fwd_spec_rules(&c, rules, FWD_RULES_MAX), 8);
	c.no_tcp = true;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	assert_string_equal(table(n), RANGES("UDP", "[*]", SCAN)
				      RANGES("UDP", "[*]%lo", SCAN));
}

static void test_flags(void **state)
{
	struct conf c;
	unsigned i, n;

	(void)state;
	rules_of(MODE_PASTA, "t:192.0.2.1/22 u:all T:22 U:auto");
	c = conf;
	c.freebind = true;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	for (i = 0; i < n; i++)
		assert_int_equal(!(rules[i].flags & FWD_FREEBIND),
				 rules[i].from == PLACE_NS);

	/* Nobody else's are for loopback */
	rules_of(MODE_PASTA, "t:22,25 t:192.0.2.1/23 u:none T:none U:none");
	c = conf;
	c.splice_only = true;
	n = fwd_spec_rules(&c, rules, FWD_RULES_MAX);
	assert_string_equal(table(n), "TCP [*]%lo:22  =>  22\n"
				      "TCP [*]%lo:25  =>  25\n"
				      "TCP [192.0.2.1]:23  =>  23\n");
}

#define TEST(f)	cmocka_unit_test_setup(f, usual_range)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_manual),
		TEST(test_callers),
		TEST(test_forms),
		TEST(test_ephemeral),
		TEST(test_wrong),
		TEST(test_too_many),
		TEST(test_base),
		TEST(test_defaults),
		TEST(test_implied),
		TEST(test_several),
		TEST(test_covered),
		TEST(test_collisions),
		TEST(test_none),
		TEST(test_conflicts),
		TEST(test_disabled),
		TEST(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

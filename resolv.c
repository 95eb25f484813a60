// SPDX-License-Identifier: BSD-3-Clause
/* resolv.c - name servers and search list of resolv.conf(5)
 *
 * Only nameserver, search and domain lines matter here. What the C library
 * forgives is forgiven: tabs, carriage returns, comments, unknown keywords,
 * lines and lists too long are no errors. Keywords that nothing follows,
 * servers whose address makes no sense, and names that are none are passed
 * over.
 *
 * The zone of a link-local server (fe80::1%eth0) is not kept: sockets to such
 * addresses use the interface that settings for outbound traffic say.
 *
 * Source: resolv.conf(5)
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "parse.h"
#include "resolv.h"
#include "util.h"

#define FILE_SIZE_MAX	65536	/* Bytes read, what follows is ignored */
#define NAME_SIZE	256	/* A domain name, terminated */
#define BLANKS		" \t\r\v\f"

/**
 * struct resolv_line - keyword and what to do with the line's remaining words
 * @keyword:	First word of the line
 * @parse:	Takes the rest, terminated, leading blanks skipped
 */
struct resolv_line {
	const char *keyword;
	void (*parse)(const char *rest, struct resolv *r);
};

/**
 * add_server() - Nameserver line: one address
 * @rest:	What follows the keyword
 * @r:		Result, appended to
 */
static void add_server(const char *rest, struct resolv *r)
{
	struct addr a;

	if (r->count == RESOLV_SERVERS_MAX || !parse_addr(&rest, &a))
		return;
	if (*rest && *rest != '%' && !strchr(BLANKS, *rest))
		return;
	/* All zeroes mean this host here, as for connect(2) */
	if (addr_is_unspecified(&a))
		a = addr_loopback[addr_version(&a)];
	if (!addr_is_unicast(&a))
		return;

	r->servers[r->count++] = a;
}

/**
 * set_search() - Search line: names with blanks between, replace earlier ones
 * @rest:	What follows the keyword
 * @r:		Result
 */
static void set_search(const char *rest, struct resolv *r)
{
	size_t len = 0, n;

	for (; *rest; rest += strcspn(rest, BLANKS)) {
		char name[NAME_SIZE];

		rest += strspn(rest, BLANKS);
		if (!parse_domain(&rest, name, sizeof(name)) ||
		    (*rest && !strchr(BLANKS, *rest)))
			continue;

		n = strlen(name);
		if (len + n + 2 > sizeof(r->search))
			break;
		if (len)
			r->search[len++] = ' ';
		memcpy(r->search + len, name, n);
		len += n;
	}
	r->search[len] = '\0';
}

/**
 * set_domain() - Domain line: a search list of one name
 * @rest:	What follows the keyword
 * @r:		Result
 */
static void set_domain(const char *rest, struct resolv *r)
{
	char name[NAME_SIZE];
	size_t len = strcspn(rest, BLANKS);

	if (len >= sizeof(name))
		return;
	memcpy(name, rest, len);
	name[len] = '\0';
	set_search(name, r);
}

static const struct resolv_line lines[] = {
	{ "nameserver",	add_server },
	{ "search",	set_search },
	{ "domain",	set_domain },
};

/**
 * parse_line() - Take one line
 * @line:	Line, terminated, without its newline
 * @r:		Result
 */
static void parse_line(char *line, struct resolv *r)
{
	size_t i, len, end;

	line += strspn(line, BLANKS);
	end = strlen(line);
	while (end && strchr(BLANKS, line[end - 1]))
		line[--end] = '\0';

	len = strcspn(line, BLANKS);
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *word = lines[i].keyword, *rest = line + len;

		if (strlen(word) != len || strncmp(word, line, len) != 0)
			continue;
		rest += strspn(rest, BLANKS);
		if (*rest)
			lines[i].parse(rest, r);
	}
}

/**
 * resolv_parse() - Read the text of a resolv.conf
 * @text:	Text, terminated
 * @r:		Filled with what it says
 */
void resolv_parse(const char *text, struct resolv *r)
{
	char line[2048];

	memset(r, 0, sizeof(*r));
	while (*text) {
		size_t len = strcspn(text, "\n"), use;

		use = MIN(len, sizeof(line) - 1);
		memcpy(line, text, use);
		line[use] = '\0';
		/* A line cut in the middle of a word doesn't end with a name */
		if (use < len) {
			while (use && !strchr(BLANKS, line[use - 1]))
				line[--use] = '\0';
		}

		parse_line(line, r);
		text += len + (text[len] == '\n');
	}
}

/**
 * resolv_read() - Read a resolv.conf
 * @path:	Path of the file
 * @r:		Filled with what it says, empty on errors
 *
 * Return: 0, or -errno if the file can't be read
 */
int resolv_read(const char *path, struct resolv *r)
{
	static char text[FILE_SIZE_MAX];
	ssize_t n = util_read_file(path, text, sizeof(text));

	if (n < 0) {
		memset(r, 0, sizeof(*r));
		return n;
	}

	resolv_parse(text, r);
	return 0;
}

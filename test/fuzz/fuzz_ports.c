// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_ports.c - port specifications of -t, -u, -T and -U
 *
 * The input is a byte for the mode, and lines: a digit for the option, and the
 * specification. Each is parsed by itself; those that are right are then taken
 * together, as the options of a command line. Rules must make sense, must not
 * get in each other's way, and must be the same when told and parsed again.
 */

#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "own.h"

#define SPECS_MAX		3	/* Of an option: it takes long */

static struct conf conf;
static struct fwd_rule rules[FWD_RULES_MAX];

/**
 * check_rules() - Do rules make sense?
 * @count:	How many
 */
static void check_rules(unsigned count)
{
	char text[FWD_RULE_STRLEN];
	unsigned i, k;

	assert_true(count <= FWD_RULES_MAX);
	for (i = 0; i < count; i++) {
		const struct fwd_rule *r = &rules[i];

		assert_true(r->first && r->first <= r->last);
		assert_true(r->to_first);
		assert_true(r->to_first + (r->last - r->first) <= UINT16_MAX);
		assert_true(strlen(fwd_rule_str(r, text, sizeof(text))) <
			    sizeof(text));
		assert_non_null(memchr(r->ifname, '\0', sizeof(r->ifname)));
		for (k = 0; k < i; k++)
			assert_false(fwd_rule_collides(r, &rules[k]) &&
				     fwd_rule_collides(&rules[k], r));
	}
}

/**
 * add_spec() - Parse one specification, and keep it if it is right
 * @kind:	Option
 * @spec:	Text, terminated
 */
static void add_spec(unsigned kind, const char *spec)
{
	struct fwd_rule base = {
		.proto = kind & 1 ? IPPROTO_UDP : IPPROTO_TCP,
		.from = kind & 2 ? PLACE_NS : PLACE_HOST,
	};
	const char *why = NULL;
	int n = fwd_spec_parse(spec, &base, rules, FWD_RULES_MAX, &why);

	if (n < 0) {
		assert_non_null(why);
		return;
	}
	if (conf.ports_count[kind] < SPECS_MAX)
		conf.ports[kind][conf.ports_count[kind]++] = spec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned how;
	char *text, *p, *next;

	if (!size)
		return 0;
	how = data[0];
	text = calloc(1, size);
	memcpy(text, data + 1, size - 1);

	memset(&conf, 0, sizeof(conf));
	conf.mode = how & 1 ? MODE_PASTA : MODE_PASST;
	conf.splice_only = how & 2;
	conf.freebind = how & 4;
	conf.ip[V4].enabled = !(how & 8);
	conf.ip[V6].enabled = how & 8 || !(how & 16);
	conf.no_udp = how & 32;
	for (p = text; p; p = next) {
		next = strchr(p, '\n');
		if (next)
			*next++ = '\0';
		if (*p)
			add_spec(*p & 3, p + 1);
	}
	if (!setjmp(own_died))
		check_rules(fwd_spec_rules(&conf, rules, FWD_RULES_MAX));
	free(text);
	return 0;
}

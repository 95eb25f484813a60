// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_resolv.c - the text of a resolv.conf, which networks write, too */

#include <stdlib.h>
#include <string.h>

#include "own.h"
#include "resolv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *p;
	struct resolv r;
	unsigned i;

	memcpy(text, data, size);
	text[size] = '\0';
	resolv_parse(text, &r);

	assert_true(r.count <= RESOLV_SERVERS_MAX);
	for (i = 0; i < r.count; i++)
		assert_true(addr_is_unicast(&r.servers[i]));
	assert_non_null(memchr(r.search, '\0', sizeof(r.search)));
	/* It goes into DHCP and router advertisements: names with a blank
	 * between, of printable characters
	 */
	for (p = r.search; *p; p++) {
		assert_true((unsigned char)*p >= ' ');
		assert_false(*p == ' ' && (p == r.search || p[-1] == ' ' ||
					   !p[1]));
	}
	free(text);
	return 0;
}

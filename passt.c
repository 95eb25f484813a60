// SPDX-License-Identifier: BSD-3-Clause
/* passt.c - start-up and the one event loop */

#include <stdlib.h>

int main(void)
{
	return EXIT_FAILURE;
}

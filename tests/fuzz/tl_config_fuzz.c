/* SPDX-License-Identifier: MIT */
/* Fuzzing the configuration language: any bytes, and then the same bytes as overrides. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
	struct tl_config c;
	struct tl_diag d = { .file = "fuzz" };
	char *text = malloc(n + 1);

	if (!text) return 0;
	memcpy(text, data, n);
	text[n] = 0;
	/* Refused means a reason; accepted means a guest that can be named and built. */
	if (tl_config_parse(text, n, NULL, &c, &d) ? d.errors == 0 : !c.name || (!c.kernel && !c.bootloader)) abort();
	tl_config_free(&c);
	tl_diag_free(&d);
	memset(&d, 0, sizeof(d));
	tl_config_parse("name=\"x\"\nkernel=\"/k\"\n", 22, text, &c, &d);
	tl_config_free(&c);
	tl_diag_free(&d);
	free(text);
	return 0;
}

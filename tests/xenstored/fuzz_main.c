/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without a fuzzer: on files given, or on random scripts for `make check`.
 * XSD_FUZZ_RUNS (default 1500) scripts are made from XSD_SEED (default: the clock).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *name) {
	static uint8_t buf[1 << 20];
	FILE *f = fopen(name, "rb");
	size_t n = f ? fread(buf, 1, sizeof(buf), f) : 0;

	if (f) fclose(f);
	return LLVMFuzzerTestOneInput(buf, n);
}

static uint32_t env_number(const char *name, uint32_t def) {
	const char *v = getenv(name);

	return v ? strtoul(v, NULL, 10) : def;
}

int main(int argc, char **argv) {
	uint32_t runs = env_number("XSD_FUZZ_RUNS", 1500);
	uint32_t seed = env_number("XSD_SEED", (uint32_t)time(NULL)), x = seed | 1;
	static uint8_t script[4096];

	for (int i = 1; i < argc; i++) run_file(argv[i]);
	if (argc > 1) return 0;
	printf("1..1\n# seed %u\n", seed);
	for (uint32_t r = 0; r < runs; r++) {
		size_t n = 64 + r % (sizeof(script) - 64);

		for (size_t i = 0; i < n; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			script[i] = x >> 11;
		}
		LLVMFuzzerTestOneInput(script, n);
	}
	printf("ok 1 - %u random scripts break no promise of the target\n", runs);
	return 0;
}

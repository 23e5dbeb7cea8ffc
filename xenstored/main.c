/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "holder.h"
#include "log.h"
#include "path.h"
#include "service.h"

/* An unguessable start for the hash of paths. It changes nothing that a client sees. */
static void seed_hash(void) {
	FILE *f = fopen("/dev/urandom", "re");
	uint64_t seed;

	if (f && fread(&seed, sizeof(seed), 1, f) == 1) path_hash_seed ^= seed;
	if (f) fclose(f);
}

int main(int argc, char **argv) {
	struct options o;
	int err;

	options_parse(&o, argc, argv);
	log_level(o.log_level);
	if (o.log_file) {
		err = log_open(LOG_TO_FILE, o.log_file);
		if (err) {
			fprintf(stderr, "xenstored: %s: %s\n", o.log_file, strerror(-err));
			return 1;
		}
		log_trace_on(true);
	}
	seed_hash();
	service_daemonize(&o);
	return holder_main(&o);
}

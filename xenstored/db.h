/* SPDX-License-Identifier: MIT */
/*
 * The database file: a TDB with one record per node (key: its path) and one, "!state", for all
 * the rest. It is written only by checkpoints, each one TDB transaction, so it always holds one
 * whole state of the machine together with the number of the last journal record in it; TDB
 * itself undoes a transaction that was cut short.
 *
 * Every record carries a checksum over key and value, and the state carries the number of nodes.
 * What does not check is never served: db_load() says -EIO, and db_salvage() builds what can be
 * had from the rest - without loss if only TDB's own structure was damaged.
 */
#pragma once

#include "machine.h"

/*
 * Load the machine. *seq is the last journal record in it, 0 if the file does not exist (the
 * machine is left empty). Returns 0, -EIO (damaged), -ENOMEM, or another -errno.
 */
int db_load(const char *path, struct machine *m, uint64_t *seq);
/*
 * Read what can be read from a damaged file. Returns the number of nodes that were lost, as far
 * as can be told: 0 is a complete repair. -EIO: nothing usable.
 */
long db_salvage(const char *path, struct machine *m, uint64_t *seq);
/*
 * Write a checkpoint: the tree's dirty nodes (or all) and the state. Waits for the disk with
 * `sync`. A file that turns out to be damaged is replaced as a whole. Returns 0 or -errno; on
 * failure the file is as it was.
 */
int db_checkpoint(const char *path, const struct machine *m, uint64_t seq, bool sync);

/* SPDX-License-Identifier: MIT */
/*
 * The journal: how an acknowledged change survives, and what that costs.
 *
 * It is a file of fixed size, allocated in full beforehand and mapped shared. Appending a record
 * is a copy into the mapping and one store of the tail; from then on the record is the page
 * cache's, and no death of this process can take it back. No system call is made, so an
 * acknowledged write costs about 100 ns more than one that is not kept (bench/xenstored measures
 * it; a write(2) for each record cost 1.5 us, a TDB transaction for each 25 us and more). A power
 * cut takes the domains and clients with it as well, so by default the disk is not waited for;
 * with `--durable power` journal_sync() flushes once per turn of the event loop, before any reply
 * of that turn is sent (group commit).
 *
 * A record is one input of the machine (machine.h) with the answers it got from outside. Two
 * halves take turns: a checkpoint (a forked child writing the TDB file, db.h) covers everything
 * up to its sequence number, then the half before it is free. Every record carries its number and
 * a checksum over all of it, so a torn or stale record is not taken for one.
 *
 * Beside the halves the file has, per connection, how many bytes of its output have been handed
 * over. See sock.c and ring.c for the protocol that makes each step recoverable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_SLOTS   8192u
#define JOURNAL_BOOT_ID 40

enum record_type {
	REC_OPEN = 1,
	REC_CLOSE,
	REC_INPUT,
	REC_FLUSH,
	REC_RING_RESET,
	REC_BREAK,
	REC_SHUTDOWN,
	REC_GONE,
	REC_DOM0,
	REC_NO_SPACE,
};

/* Bytes in flight of one connection. */
struct journal_slot {
	uint32_t conn;
	uint32_t unused;
	uint64_t sent;
};

struct journal_head {
	uint64_t magic;
	uint32_t version, half_size;
	char boot_id[JOURNAL_BOOT_ID];
	/* Sequence number of each half's first record (0: half unused), and bytes used. */
	uint64_t base[2], tail[2];
	uint32_t active;
	/* The input being executed: if this process dies now, it is under suspicion. */
	uint32_t suspect_conn;
	uint64_t suspect_seq;
	uint64_t crash_seq;
	uint32_t crash_count;
	uint32_t unused;
};

struct journal {
	int fd;
	size_t size;
	struct journal_head *head;
	struct journal_slot *slot;
	char *half[2];
	/* The number of the next record. */
	uint64_t next;
	bool unsynced;
	/* The last quarter of a half is kept for when no checkpoint can be written. */
	bool use_reserve;
};

struct record {
	enum record_type type;
	uint32_t conn;
	uint64_t seq;
	const char *data;
	uint32_t len;
	const char *answers;
	uint32_t answers_len;
};

/*
 * Open or make the journal at `path`; `half_size` is for a new one. Returns 0, or -errno:
 * -EINVAL when the file is not a journal, -ENOSPC when there is no room for it.
 */
int journal_open(struct journal *j, const char *path, uint32_t half_size);
void journal_close(struct journal *j);
/* Begin anew, empty, for the boot given; the next record will be `next`. */
void journal_reset(struct journal *j, const char *boot_id, uint64_t next);
/*
 * Call fn for every record after `seq`, in order, until it returns false. Returns 0, -ECANCELED
 * (fn stopped it), or -EIO when a record that should be there is damaged or missing.
 */
int journal_replay(struct journal *j, uint64_t seq, bool (*fn)(void *arg, const struct record *r), void *arg);
/* Where the next record's data (at most n bytes, with room for answers) goes; NULL: half full. */
char *journal_room(struct journal *j, size_t n);
/* Make it a record: its data is in place already. */
void journal_append(struct journal *j, enum record_type type, uint32_t conn, size_t len, const void *answers,
		    size_t answers_len);
/* Percentage of the active half in use. */
unsigned journal_used(const struct journal *j);
/* Go on in the other half if that is free; false if it is not. */
bool journal_rotate(struct journal *j);
/* Everything up to `seq` is in the database: free the half that is not active, if covered. */
void journal_covered(struct journal *j, uint64_t seq);
/* Wait for the disk. Returns 0 or -errno. */
int journal_sync(struct journal *j);
/* The slot of a connection, or NULL. */
struct journal_slot *journal_slot_find(struct journal *j, uint32_t conn);
/* The same, made if need be; NULL when all it could have are taken. */
struct journal_slot *journal_slot_get(struct journal *j, uint32_t conn);
void journal_slot_free(struct journal_slot *s);

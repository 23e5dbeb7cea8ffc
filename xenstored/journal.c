/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAGIC   0x6c616e72756f6a78ull
#define JOURNAL_VERSION 2u
#define HEAD_SIZE       4096u
#define SLOTS_SIZE      (JOURNAL_SLOTS * sizeof(struct journal_slot))
/* Room kept for the answers to one input. */
#define ANSWERS_MAX 65536u

/* A connection's slot is among this many from where its id hashes to. */
#define SLOT_PROBES 256u

struct record_head {
	uint32_t len, answers_len;
	uint16_t type, unused;
	uint32_t conn;
	uint64_t seq, sum;
};

_Static_assert(sizeof(struct journal_head) <= HEAD_SIZE, "the head has a page");
_Static_assert(SLOTS_SIZE % 4096 == 0, "halves begin on a page");

static size_t pad8(size_t n) { return (n + 7) & ~(size_t)7; }

static uint64_t mix(uint64_t h, uint64_t v) {
	h ^= v;
	h *= 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

static uint64_t sum_bytes(uint64_t h, const char *p, size_t n) {
	uint64_t v;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&v, p, 8);
		h = mix(h, v);
	}
	v = 0;
	memcpy(&v, p, n);
	return mix(h, v ^ ((uint64_t)n << 56));
}

static uint64_t record_sum(const struct record_head *r) {
	const char *data = (const char *)(r + 1);
	uint64_t h = mix(r->seq, ((uint64_t)r->len << 32) | r->answers_len);

	h = mix(h, ((uint64_t)r->type << 32) | r->conn);
	h = sum_bytes(h, data, r->len);
	return sum_bytes(h, data + pad8(r->len), r->answers_len);
}

static void journal_layout(struct journal *j, char *map) {
	j->head = (struct journal_head *)map;
	j->slot = (struct journal_slot *)(map + HEAD_SIZE);
	j->half[0] = map + HEAD_SIZE + SLOTS_SIZE;
	j->half[1] = j->half[0] + j->head->half_size;
}

static size_t journal_size(uint32_t half_size) { return HEAD_SIZE + SLOTS_SIZE + 2 * (size_t)half_size; }

/* Check an existing file's head; 0 or -EINVAL. */
static int journal_probe(int fd, off_t size, uint32_t *half_size) {
	struct journal_head h;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.magic != JOURNAL_MAGIC || h.version != JOURNAL_VERSION ||
	    h.active > 1 || h.half_size % 4096)
		return -EINVAL;
	if ((size_t)size < journal_size(h.half_size) || h.tail[0] > h.half_size || h.tail[1] > h.half_size)
		return -EINVAL;
	*half_size = h.half_size;
	return 0;
}

/* Make the file under another name first: a journal is there whole or not at all. */
static int journal_create(const char *path, uint32_t half_size) {
	struct journal_head h = { .magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION, .half_size = half_size };
	char made[320];
	int fd, err;

	snprintf(made, sizeof(made), "%s.new", path);
	fd = open(made, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return -errno;
	err = -posix_fallocate(fd, 0, journal_size(half_size));
	if (!err && pwrite(fd, &h, sizeof(h), 0) != sizeof(h)) err = -EIO;
	if (!err && rename(made, path)) err = -errno;
	if (err) unlink(made);
	close(fd);
	return err;
}

static int journal_open_file(const char *path, uint32_t *half_size) {
	struct stat st;
	int fd, err;

	if (access(path, F_OK)) {
		err = journal_create(path, *half_size);
		if (err) return err;
	}
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st)) return -errno;
	err = journal_probe(fd, st.st_size, half_size);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int journal_open(struct journal *j, const char *path, uint32_t half_size) {
	char *map;
	int err;

	memset(j, 0, sizeof(*j));
	j->fd = journal_open_file(path, &half_size);
	if (j->fd < 0) return j->fd;
	j->size = journal_size(half_size);
	map = mmap(NULL, j->size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		close(j->fd);
		return err;
	}
	journal_layout(j, map);
	j->next = 1;
	return 0;
}

void journal_close(struct journal *j) {
	munmap(j->head, j->size);
	close(j->fd);
}

void journal_reset(struct journal *j, const char *boot_id, uint64_t next) {
	struct journal_head *h = j->head;

	memset(j->slot, 0, SLOTS_SIZE);
	h->base[0] = next;
	h->base[1] = 0;
	h->tail[0] = h->tail[1] = 0;
	h->active = 0;
	h->suspect_conn = h->crash_count = 0;
	strncpy(h->boot_id, boot_id, sizeof(h->boot_id) - 1);
	j->next = next;
}

static void record_unpack(const struct record_head *h, struct record *r) {
	r->type = h->type;
	r->conn = h->conn;
	r->seq = h->seq;
	r->data = (const char *)(h + 1);
	r->len = h->len;
	r->answers = r->data + pad8(h->len);
	r->answers_len = h->answers_len;
}

/* The record at `pos` of a half if it is whole and has the number expected; its end in *end. */
static const struct record_head *record_at(const struct journal *j, int half, uint64_t pos, uint64_t seq,
					   uint64_t *end) {
	const struct record_head *h = (const struct record_head *)(j->half[half] + pos);
	uint64_t tail = j->head->tail[half];

	if (tail - pos < sizeof(*h) || h->len > tail || h->answers_len > ANSWERS_MAX) return NULL;
	*end = pos + sizeof(*h) + pad8(h->len) + h->answers_len;
	if (*end > tail || h->seq != seq || h->sum != record_sum(h)) return NULL;
	return h;
}

static int replay_half(struct journal *j, int half, uint64_t after, bool (*fn)(void *arg, const struct record *r),
		       void *arg) {
	uint64_t pos = 0, end, seq = j->head->base[half];
	const struct record_head *h;
	struct record r;

	if (seq > after + 1 && seq > j->next) return -EIO;
	for (; pos < j->head->tail[half]; pos = end, seq++) {
		h = record_at(j, half, pos, seq, &end);
		if (!h) return -EIO;
		record_unpack(h, &r);
		j->next = seq + 1;
		if (seq > after && !fn(arg, &r)) return -ECANCELED;
	}
	if (seq > j->next) j->next = seq;
	return 0;
}

int journal_replay(struct journal *j, uint64_t seq, bool (*fn)(void *arg, const struct record *r), void *arg) {
	const struct journal_head *h = j->head;
	int first = h->active, err = 0;

	if (h->base[!first] && h->base[!first] < h->base[first]) first = !first;
	j->next = seq + 1;
	if (h->base[first]) err = replay_half(j, first, seq, fn, arg);
	if (!err && h->base[!first]) err = replay_half(j, !first, seq, fn, arg);
	return err;
}

char *journal_room(struct journal *j, size_t n) {
	const struct journal_head *h = j->head;
	uint64_t tail = h->tail[h->active];
	uint64_t kept = j->use_reserve ? 0 : h->half_size / 4;

	if (tail + sizeof(struct record_head) + pad8(n) + ANSWERS_MAX + kept > h->half_size) return NULL;
	return j->half[h->active] + tail + sizeof(struct record_head);
}

void journal_append(struct journal *j, enum record_type type, uint32_t conn, size_t len, const void *answers,
		    size_t answers_len) {
	struct journal_head *h = j->head;
	uint64_t tail = h->tail[h->active];
	struct record_head *r = (struct record_head *)(j->half[h->active] + tail);
	char *data = (char *)(r + 1);

	r->len = len;
	r->answers_len = answers_len;
	r->type = type;
	r->unused = 0;
	r->conn = conn;
	r->seq = j->next;
	if (answers_len) memcpy(data + pad8(len), answers, answers_len);
	r->sum = record_sum(r);
	/* The record is whole in memory before the tail says that it exists. */
	__atomic_store_n(&h->tail[h->active], tail + sizeof(*r) + pad8(len) + answers_len, __ATOMIC_RELEASE);
	j->next++;
	j->unsynced = true;
}

unsigned journal_used(const struct journal *j) {
	const struct journal_head *h = j->head;

	return h->tail[h->active] * 100 / h->half_size;
}

bool journal_rotate(struct journal *j) {
	struct journal_head *h = j->head;
	int other = !h->active;

	if (h->base[other]) return false;
	h->tail[other] = 0;
	__atomic_store_n(&h->base[other], j->next, __ATOMIC_RELEASE);
	__atomic_store_n(&h->active, other, __ATOMIC_RELEASE);
	return true;
}

void journal_covered(struct journal *j, uint64_t seq) {
	struct journal_head *h = j->head;
	int other = !h->active;

	if (h->base[other] && h->base[h->active] <= seq + 1) __atomic_store_n(&h->base[other], 0, __ATOMIC_RELEASE);
}

int journal_sync(struct journal *j) {
	if (!j->unsynced) return 0;
	if (fdatasync(j->fd)) return -errno;
	j->unsynced = false;
	return 0;
}

static struct journal_slot *slot_at(struct journal *j, uint32_t conn, uint32_t n) {
	return &j->slot[(conn * 2654435761u + n) % JOURNAL_SLOTS];
}

struct journal_slot *journal_slot_find(struct journal *j, uint32_t conn) {
	for (uint32_t n = 0; n < SLOT_PROBES; n++)
		if (slot_at(j, conn, n)->conn == conn) return slot_at(j, conn, n);
	return NULL;
}

struct journal_slot *journal_slot_get(struct journal *j, uint32_t conn) {
	struct journal_slot *s = journal_slot_find(j, conn);

	for (uint32_t n = 0; n < SLOT_PROBES && !s; n++)
		if (!slot_at(j, conn, n)->conn) s = slot_at(j, conn, n);
	if (!s || s->conn == conn) return s;
	s->sent = 0;
	__atomic_store_n(&s->conn, conn, __ATOMIC_RELEASE);
	return s;
}

void journal_slot_free(struct journal_slot *s) { __atomic_store_n(&s->conn, 0, __ATOMIC_RELEASE); }

/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: fair queueing in virtual time.
 *
 * Each vCPU has a virtual time, which runs while it does, the slower the greater its weight. A CPU
 * runs the vCPU of its queue whose virtual time is least, looks again after a slice, and changes
 * over when one wakes that is further behind: at once, or when the vCPU that runs has had its least
 * run. So a stream of events does not cost two switches each. A vCPU that slept or comes from another CPU
 * is not let fall behind by more than a little, so nobody saves up time. A CPU without competition
 * takes no ticks. Caps: a domain has a budget per cycle; when it is gone its vCPUs wait
 * (VPF_CAPPED).
 *
 * A vCPU is at each moment: running (v->running; on v->processor, whose `curr` it is), queued (in
 * the queue of v->processor), or neither. Only vCPUs that run nowhere are queued: one that is
 * switched out is queued after its registers are stored. v->processor changes only under the lock
 * of the queue it names and while the vCPU is neither running nor queued.
 *
 * No wake-up is lost: who makes a vCPU runnable does that first and looks then whether it runs; the
 * CPU that lets it go clears `running` first and looks then whether it is runnable (both fully
 * ordered), so at least one of them queues it.
 */
#include "unit.h"

struct sched_cpu sched_cpus[MAX_CPUS];
cpumask_t sched_idle;

static cpumask_t vcpu_hard(const struct vcpu *v) {
	cpumask_t pinned = READ_ONCE(v->sched.pinned);

	return (pinned ? pinned : READ_ONCE(v->sched.hard)) & cpus_online;
}

static uint64_t virtual_ns(uint64_t ns, uint32_t rate) { return ns * rate >> 16; }

/* -- set-up -- */

static void slice_over(void *arg) {
	struct sched_cpu *q = arg;
	unsigned cpu = (unsigned)(q - sched_cpus);

	if (now_ns() >= READ_ONCE(q->slice_end))
		cpu_raise(cpu, CPU_WORK_SCHEDULE);
	else
		timer_set(&q->slice, cpu, READ_ONCE(q->slice_end));
}

void sched_init_cpu(void) {
	struct sched_cpu *q = &sched_cpus[cpu_id()];

	*q = (struct sched_cpu){ .lock = SPINLOCK_INIT(RANK_SCHED) };
	list_init(&q->queue);
	timer_init(&q->slice, slice_over, q);
	this_cpu()->sched = q;
	__atomic_fetch_and(&sched_idle, ~cpumask_of(cpu_id()), __ATOMIC_SEQ_CST);
}

/* The n-th CPU that is up, counting round. */
static unsigned nth_cpu(unsigned n) {
	cpumask_t m = cpus_online;

	for (n %= bit_count(m); n; n--) m &= m - 1;
	return bit_first(m);
}

void sched_vcpu_create(struct vcpu *v) {
	v->sched.hard = v->sched.soft = CPUMASK_ALL;
	list_init(&v->sched.link);
	v->processor = nth_cpu(v->domain->id + v->id);
}

/* -- run queues -- */

/* Lock the run queue that a vCPU belongs to. */
static struct sched_cpu *queue_lock(const struct vcpu *v) {
	for (;;) {
		unsigned cpu = READ_ONCE(v->processor);
		struct sched_cpu *q = &sched_cpus[cpu];

		spin_lock(&q->lock);
		if (likely(v->processor == cpu)) return q;
		spin_unlock(&q->lock);
	}
}

/* Add to / remove from a queue whose lock is held. */
static void queue_insert(struct sched_cpu *q, struct vcpu *v) {
	struct list *at = q->queue.prev;

	while (at != &q->queue && list_entry(at, struct vcpu, sched.link)->sched.vtime > v->sched.vtime) at = at->prev;
	list_insert_after(at, &v->sched.link);
	v->sched.queued = true;
	WRITE_ONCE(q->length, q->length + 1);
}

static void queue_remove(struct sched_cpu *q, struct vcpu *v) {
	list_remove(&v->sched.link);
	v->sched.queued = false;
	WRITE_ONCE(q->length, q->length - 1);
}

/* Not behind by more than the slack, nor far ahead, of the queue it comes to. Lock held. */
static void vtime_fit(struct sched_cpu *q, struct vcpu *v, uint64_t slack) {
	uint64_t low = q->vnow > slack ? q->vnow - slack : 0;

	v->sched.vtime = MIN(MAX(v->sched.vtime, low), q->vnow + SCHED_LAG);
}

/* -- accounting -- */

static int state_of(const struct vcpu *v) {
	uint32_t flags = READ_ONCE(v->pause_flags);

	if (flags & (VPF_BLOCKED | VPF_POLL)) return RUNSTATE_blocked;
	return flags & VPF_DOWN || READ_ONCE(v->pause_count) ? RUNSTATE_offline : RUNSTATE_runnable;
}

/* Charge the running vCPU for the time since it was last. Lock held. */
static void charge(struct sched_cpu *q, uint64_t now) {
	struct vcpu *v = q->curr;
	struct sched_group *g = &v->domain->sched;
	uint64_t ns = now > q->curr_since ? now - q->curr_since : 0;
	uint64_t least;

	v->sched.vtime += virtual_ns(ns, READ_ONCE(g->rate));
	WRITE_ONCE(q->curr_vtime, v->sched.vtime);
	WRITE_ONCE(q->curr_since, now);
	least = v->sched.vtime;
	if (q->length) least = MIN(least, list_first(&q->queue, struct vcpu, sched.link)->sched.vtime);
	q->vnow = MAX(q->vnow, least);
	if (likely(!READ_ONCE(g->cap)) || !group_charge(g, ns)) return;
	__atomic_fetch_or(&v->pause_flags, VPF_CAPPED, __ATOMIC_SEQ_CST);
	/* Who takes the cap away does that before he lets vCPUs go; without one nobody does it later. */
	if (!READ_ONCE(g->cap)) __atomic_fetch_and(&v->pause_flags, ~VPF_CAPPED, __ATOMIC_SEQ_CST);
}

/* Make v the running vCPU of the queue's CPU (NULL: none). Lock held. */
static void set_current(struct sched_cpu *q, struct vcpu *v, uint64_t now) {
	q->curr = v;
	if (!v) return;
	WRITE_ONCE(v->running, true);
	q->began = now;
	WRITE_ONCE(q->curr_rate, READ_ONCE(v->domain->sched.rate));
	WRITE_ONCE(q->curr_vtime, v->sched.vtime);
	WRITE_ONCE(q->curr_since, now);
	runstate_change(v, RUNSTATE_running, now);
}

/* Have the CPU look again at that time. One that is set too early sets itself anew. Lock held. */
static void slice_set(struct sched_cpu *q, uint64_t end) {
	q->slice_end = end;
	if (!timer_pending(&q->slice) || q->slice.expires > end) timer_set(&q->slice, (unsigned)(q - sched_cpus), end);
}

/* See that the CPU looks again in time, if there is anything to look for. Lock held. */
static void slice_arm(struct sched_cpu *q, uint64_t now) {
	if (!q->curr || (!q->length && likely(!q->curr->domain->sched.cap))) return;
	slice_set(q, now + group_slice(&q->curr->domain->sched));
}

/*
 * -- on which CPU --
 *
 * To an idle CPU if there is one that the vCPU likes (soft affinity) or may use (hard affinity),
 * else where it is, unless another CPU runs one that has had much more time. An idle CPU takes from
 * the queues of others.
 */

/* Virtual time of what a CPU runs; a guess, no lock is held. */
static uint64_t running_vtime(const struct sched_cpu *q, uint64_t now) {
	uint64_t since = READ_ONCE(q->curr_since);

	return READ_ONCE(q->curr_vtime) + (now > since ? virtual_ns(now - since, READ_ONCE(q->curr_rate)) : 0);
}

/* The CPU of the mask that runs what has had the most time, if that is far ahead of v; else `home`. */
static unsigned most_ahead(const struct vcpu *v, cpumask_t mask, unsigned home, uint64_t now) {
	uint64_t limit = MAX(v->sched.vtime + SCHED_PUSH, running_vtime(&sched_cpus[home], now) + SCHED_GRAN);
	unsigned best = home, c;

	for_each_cpu (c, mask & ~cpumask_of(home)) {
		uint64_t t = running_vtime(&sched_cpus[c], now);

		if (t > limit) {
			limit = t;
			best = c;
		}
	}
	return best;
}

/* The CPU where a vCPU that is to be queued should be. Lock of its home held. */
static unsigned vcpu_choose_cpu(const struct vcpu *v, uint64_t now) {
	unsigned home = v->processor;
	cpumask_t hard = vcpu_hard(v), soft = hard & v->sched.soft, idle;

	if (unlikely(!hard)) return home; /* all its CPUs went away: it waits there */
	/* Idle, though it may not have said so yet: where its state is. */
	if (!sched_cpus[home].curr && !sched_cpus[home].length && cpumask_of(home) & (soft ? soft : hard)) return home;
	idle = READ_ONCE(sched_idle) & hard;
	if (idle) {
		if (idle & soft) idle &= soft;
		return cpumask_of(home) & idle ? home : bit_first(idle);
	}
	/* Where it likes to be, but not at the cost of its share. */
	if (!soft) soft = hard;
	if (!(cpumask_of(home) & soft)) home = bit_first(soft);
	return most_ahead(v, hard, home, now);
}

/* The first vCPU in a queue that may run on the CPU. Lock held. */
static struct vcpu *first_for(struct sched_cpu *q, unsigned cpu) {
	for (struct list *l = q->queue.next; l != &q->queue; l = l->next) {
		struct vcpu *v = list_entry(l, struct vcpu, sched.link);

		if (vcpu_hard(v) & cpumask_of(cpu)) return v;
	}
	return NULL;
}

static bool steal_from(struct sched_cpu *from, struct sched_cpu *to, unsigned cpu) {
	struct vcpu *v;

	spin_lock_both(&from->lock, &to->lock);
	v = first_for(from, cpu);
	if (v) {
		queue_remove(from, v);
		WRITE_ONCE(v->processor, cpu);
		vtime_fit(to, v, SCHED_LAG);
		queue_insert(to, v);
	}
	spin_unlock_both(&from->lock, &to->lock);
	return v != NULL;
}

/* Get a vCPU from another CPU's queue into the empty one of this CPU. True if one was found. */
static bool queue_steal(unsigned cpu) {
	unsigned c;

	for_each_cpu (c, cpus_online & ~cpumask_of(cpu))
		if (READ_ONCE(sched_cpus[c].length) && steal_from(&sched_cpus[c], &sched_cpus[cpu], cpu)) return true;
	return READ_ONCE(sched_cpus[cpu].length) != 0;
}

/* -- choosing -- */

/* Who runs next; removed from the queue if it was in it. Lock held. */
static struct vcpu *choose(struct sched_cpu *q, unsigned cpu) {
	struct vcpu *prev = q->curr, *first;
	bool stays = prev && vcpu_runnable(prev) && vcpu_hard(prev) & cpumask_of(cpu);

	if (!q->length) return stays ? prev : NULL;
	first = list_first(&q->queue, struct vcpu, sched.link);
	if (stays) {
		if (prev->sched.yields) prev->sched.vtime = MAX(prev->sched.vtime, first->sched.vtime + 1);
		if (prev->sched.vtime <= first->sched.vtime) return prev;
	}
	queue_remove(q, first);
	return first;
}

/* The vCPU, switched out, does not run any more. Who pauses it, maybe to free it, waits for `leaving` too. */
static void let_go(struct sched_cpu *q, struct vcpu *v) {
	WRITE_ONCE(q->leaving, v);
	__atomic_store_n(&v->running, false, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
	__atomic_store_n(&q->leaving, NULL, __ATOMIC_RELEASE);
}

/* Leave prev and take up next on this CPU. No lock held. */
static void switch_to(struct vcpu *prev, struct vcpu *next, uint64_t now) {
	if (prev) vcpu_periodic_suspend(prev);
	arch_context_switch(next);
	if (prev) let_go(this_cpu()->sched, prev);
	if (!next) return;
	timer_migrate(&next->singleshot, cpu_id());
	vcpu_time_update(next);
	vcpu_periodic_resume(next, now);
	runstate_publish(next);
}

/* One round; false if there is nothing to run. */
static bool schedule_once(struct cpu *cpu) {
	struct sched_cpu *q = cpu->sched;
	uint64_t now = now_ns();
	struct vcpu *prev, *next;

	spin_lock(&q->lock);
	prev = q->curr;
	if (prev) charge(q, now);
	next = choose(q, cpu->id);
	if (prev) prev->sched.yields = false;
	if (next != prev) {
		if (prev) runstate_change(prev, state_of(prev), now);
		set_current(q, next, now);
	}
	slice_arm(q, now);
	spin_unlock(&q->lock);
	if (next != prev) switch_to(prev, next, now);
	return next != NULL;
}

bool schedule_round(struct cpu *cpu) {
	do {
		__atomic_fetch_and(&sched_idle, ~cpumask_of(cpu->id), __ATOMIC_SEQ_CST);
		if (schedule_once(cpu)) return true;
		/* Set before the look round: who queues a vCPU elsewhere looks at it after. */
		__atomic_fetch_or(&sched_idle, cpumask_of(cpu->id), __ATOMIC_SEQ_CST);
	} while (queue_steal(cpu->id));
	return false;
}

void schedule(void) {
	struct cpu *cpu = this_cpu();

	while (!schedule_round(cpu)) {
		uint32_t mine = CPU_WORK_SCHEDULE | CPU_WORK_TIMER; /* other work is for the vCPU that comes */

		if (!(READ_ONCE(cpu->work) & mine)) arch_idle();
		if (__atomic_fetch_and(&cpu->work, ~mine, __ATOMIC_ACQUIRE) & CPU_WORK_TIMER) timers_run();
	}
}

/* -- waking and stopping -- */

/* A CPU that fell idle while its like was sought: have it take the vCPU. */
static void call_idle(const struct vcpu *v) {
	cpumask_t idle;

	/* The vCPU is queued before this look; a CPU that falls idle says so, then looks at queues. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	idle = READ_ONCE(sched_idle) & vcpu_hard(v);
	if (unlikely(idle)) cpu_raise(bit_first(idle), CPU_WORK_SCHEDULE);
}

/* Queue a runnable vCPU here, and have the CPU look if it should run at once. Lock held. */
static void queue_here(struct sched_cpu *q, struct vcpu *v, uint64_t slack, uint64_t now) {
	unsigned cpu = (unsigned)(q - sched_cpus);
	bool behind;

	if (q->curr) charge(q, now);
	vtime_fit(q, v, slack);
	queue_insert(q, v);
	behind = q->curr && v->sched.vtime + SCHED_GRAN < q->curr->sched.vtime;
	/* the next vCPU to wake may have another idle CPU */
	if (!q->curr) __atomic_fetch_and(&sched_idle, ~cpumask_of(cpu), __ATOMIC_SEQ_CST);
	if (!q->curr || !vcpu_runnable(q->curr) || (behind && now >= q->began + SCHED_LEAST)) {
		cpu_raise(cpu, CPU_WORK_SCHEDULE);
	} else if (behind) {
		slice_set(q, q->began + MIN(SCHED_LEAST, group_slice(&q->curr->domain->sched)));
	} else {
		if (q->length == 1) slice_arm(q, now);
		call_idle(v);
	}
}

void vcpu_wake(struct vcpu *v) {
	struct sched_cpu *q = queue_lock(v);
	bool moved = false;

	while (!v->sched.queued && !__atomic_load_n(&v->running, __ATOMIC_SEQ_CST) && vcpu_runnable(v)) {
		uint64_t now = now_ns();
		unsigned cpu;

		runstate_change(v, RUNSTATE_runnable, now);
		cpu = moved ? v->processor : vcpu_choose_cpu(v, now);
		if (cpu == v->processor) {
			queue_here(q, v, moved ? SCHED_LAG : SCHED_SLEEPER, now);
			break;
		}
		/* Neither queued nor running: it may change its home. */
		WRITE_ONCE(v->processor, cpu);
		spin_unlock(&q->lock);
		moved = true;
		q = queue_lock(v);
	}
	spin_unlock(&q->lock);
}

/* The vCPU may not run (there) any more: take it off the queue, or off its CPU. */
static void vcpu_reconsider(struct vcpu *v) {
	struct sched_cpu *q = queue_lock(v);
	bool allowed = vcpu_runnable(v) && vcpu_hard(v) & cpumask_of(v->processor);

	if (q->curr == v && !allowed) cpu_raise(v->processor, CPU_WORK_SCHEDULE);
	if (v->sched.queued && !allowed) {
		queue_remove(q, v);
		runstate_change(v, state_of(v), now_ns());
	}
	spin_unlock(&q->lock);
	if (vcpu_runnable(v)) vcpu_wake(v);
}

void vcpu_block_flag(struct vcpu *v, uint32_t flag) {
	__atomic_fetch_or(&v->pause_flags, flag, __ATOMIC_SEQ_CST);
	vcpu_reconsider(v);
}

void vcpu_unblock_flag(struct vcpu *v, uint32_t flag) {
	if (__atomic_fetch_and(&v->pause_flags, ~flag, __ATOMIC_SEQ_CST) & flag) vcpu_wake(v);
}

void vcpu_pause_nosync(struct vcpu *v) {
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_reconsider(v);
}

void vcpu_pause(struct vcpu *v) {
	unsigned c;

	vcpu_pause_nosync(v);
	if (v == current) return;
	while (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE)) arch_spin_wait();
	for_each_cpu (c, cpus_online)
		while (__atomic_load_n(&sched_cpus[c].leaving, __ATOMIC_ACQUIRE) == v) arch_spin_wait();
	arch_vcpu_sync(v);
}

void vcpu_unpause(struct vcpu *v) {
	uint32_t old = __atomic_fetch_sub(&v->pause_count, 1, __ATOMIC_SEQ_CST);

	CHECK(old);
	if (old == 1) vcpu_wake(v);
}

void vcpu_kick(struct vcpu *v) {
	uint32_t flags = READ_ONCE(v->pause_flags);

	if (flags & VPF_POLL) vcpu_poll_end(v);
	if (flags & VPF_BLOCKED)
		vcpu_unblock_flag(v, VPF_BLOCKED);
	else if (READ_ONCE(v->running) && v->processor != cpu_id())
		arch_cpu_kick(v->processor);
}

/* -- affinity: changed first, then looked at under the lock; who went by the old one is seen there -- */

int vcpu_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft) {
	if (!(hard & cpus_online)) return -EINVAL;
	WRITE_ONCE(v->sched.hard, hard);
	WRITE_ONCE(v->sched.soft, soft);
	vcpu_reconsider(v);
	return 0;
}

void vcpu_get_affinity(const struct vcpu *v, cpumask_t *hard, cpumask_t *soft) {
	*hard = v->sched.pinned ? v->sched.pinned : v->sched.hard;
	*soft = v->sched.soft;
}

int vcpu_pin_override(struct vcpu *v, int cpu) {
	if (cpu >= MAX_CPUS || (cpu >= 0 && !(cpus_online & cpumask_of((unsigned)cpu)))) return -EINVAL;
	if (cpu >= 0 && v->sched.pinned) return -EBUSY;
	WRITE_ONCE(v->sched.pinned, cpu < 0 ? 0 : cpumask_of((unsigned)cpu));
	vcpu_reconsider(v);
	return 0;
}

/* -- what a vCPU asks for itself -- */

void vcpu_block(void) {
	struct cpu *cpu = this_cpu();
	struct vcpu *v = cpu->vcpu;

	WRITE_ONCE(cpu->vcpu_info->evtchn_upcall_mask, 0);
	__atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
	cpu_raise(cpu->id, CPU_WORK_SCHEDULE);
	/* The flag is set before this look, so an event from now on wakes it. */
	if (READ_ONCE(cpu->vcpu_info->evtchn_upcall_pending) || READ_ONCE(v->pending_traps))
		__atomic_fetch_and(&v->pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
}

void vcpu_yield(void) {
	struct cpu *cpu = this_cpu();

	if (!READ_ONCE(cpu->sched->length)) return;
	cpu->vcpu->sched.yields = true;
	cpu_raise(cpu->id, CPU_WORK_SCHEDULE);
}

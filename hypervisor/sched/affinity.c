/* SPDX-License-Identifier: MIT */
/* On which CPUs a vCPU may (hard) and would like to (soft) run. */
#include "unit.h"

int vcpu_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft) {
	struct sched_cpu *q;

	if (!(hard & cpus_online)) return -EINVAL;
	q = unit_queue_lock(v);
	v->sched->hard = hard;
	v->sched->soft = soft;
	spin_unlock(&q->lock);
	unit_reconsider(v);
	return 0;
}

void vcpu_get_affinity(const struct vcpu *v, cpumask_t *hard, cpumask_t *soft) {
	*hard = v->sched->pinned ? v->sched->pinned : v->sched->hard;
	*soft = v->sched->soft;
}

int vcpu_pin_override(struct vcpu *v, int cpu) {
	struct sched_cpu *q;
	int err = 0;

	if (cpu >= MAX_CPUS || (cpu >= 0 && !(cpus_online & cpumask_of((unsigned)cpu)))) return -EINVAL;
	q = unit_queue_lock(v);
	if (cpu < 0)
		v->sched->pinned = 0;
	else if (v->sched->pinned)
		err = -EBUSY;
	else
		v->sched->pinned = cpumask_of((unsigned)cpu);
	spin_unlock(&q->lock);
	unit_reconsider(v);
	return err;
}

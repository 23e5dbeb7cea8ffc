/* SPDX-License-Identifier: MIT */
/* What a PV guest sees of the processor (CPUID, MSRs, XCR0), and the policies that toolstacks read and set.
 */
#include "machine_fixture.h"

#include "x86.h"

#define BUF_VA  (ARG_VA + 0x4000)
#define LEAVES  ((struct xen_cpuid_leaf *)(arg_page + 0x4000))
#define MSRS_VA (ARG_VA + 0x8000)
#define MSRS    ((struct xen_msr_entry *)(arg_page + 0x8000))
#define BIT(n)  (1u << (n))

enum { A, B, C, D };

static struct domain *guest;

/* A processor that has everything, AVX-512 too. */
static void processor_full(void) {
	static const struct xen_cpuid_leaf leaves[] = {
		{ 0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69 },
		{ 1, 0, 0x50654, 0x0a100800, ~0u, ~0u },
		{ 2, 0, 0x11, 0x22, 0x33, 0x44 },
		{ 6, 0, ~0u, ~0u, ~0u, ~0u },
		{ 7, 0, 2, ~0u, ~0u, ~0u },
		{ 7, 1, ~0u, ~0u, ~0u, ~0u },
		{ 0xa, 0, ~0u, ~0u, ~0u, ~0u },
		{ 0xd, 0, 0x2e7, 0xa88, 0xa88, 0 },
		{ 0xd, 1, 0xf, 0xa08, 0x100, 0 },
		{ 0xd, 2, 256, 576, 0, 0 },
		{ 0xd, 5, 64, 1088, 0, 0 },
		{ 0xd, 7, 1024, 1664, 0, 0 },
		{ 0x80000000, 0, 0x80000021, 0, 0, 0 },
		{ 0x80000001, 0, 7, 8, ~0u, ~0u },
		{ 0x80000007, 0, ~0u, ~0u, ~0u, ~0u },
		{ 0x80000008, 0, 0x302e, ~0u, ~0u, ~0u },
	};

	memcpy(host_cpuid, leaves, sizeof(leaves));
	cpu_has = (struct cpu_features){ .xsave = true, .nx = true, .xcr0 = 0xe7, .phys_bits = 46 };
}

static struct xen_cpuid_leaf *leaf_at(uint32_t leaf, uint32_t subleaf) {
	for (unsigned i = 0; i < HOST_CPUID_MAX; i++)
		if (host_cpuid[i].leaf == leaf && host_cpuid[i].subleaf == subleaf) return &host_cpuid[i];
	fail();
	return NULL;
}

static void see(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) { guest_cpuid(guest->vcpu[0], leaf, subleaf, r); }

static void expect(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
	uint32_t r[4];

	see(leaf, subleaf, r);
	assert_int_equal(r[A], a);
	assert_int_equal(r[B], b);
	assert_int_equal(r[C], c);
	assert_int_equal(r[D], d);
}

static int setup(void **state) {
	machine_setup(state);
	processor_full();
	guest = domain_make(1);
	guest->vcpu[0]->arch.xcr0 = 7;
	return 0;
}

static int teardown(void **state) {
	domain_end(guest);
	memset(host_msrs, 0, sizeof(host_msrs));
	return machine_teardown(state);
}

/* -- CPUID -- */

static void basic_leaves(void **state) {
	expect(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
	expect(2, 0, 0x11, 0x22, 0x33, 0x44);
	expect(6, 0, BIT(2), 0, 0, 0);
	expect(0xa, 0, 0, 0, 0, 0);
	expect(0x15, 0, 0, 0, 0, 0);
}

static void leaf_1_identity_and_features(void **state) {
	uint32_t r[4];

	see(1, 0, r);
	assert_int_equal(r[A], 0x50654);
	assert_int_equal(r[B], 2 << 16 | 0x0800); /* APIC id 0 of 2 vCPUs */
	/* OSXSAVE, AVX, hypervisor; no MONITOR, VMX, PCID, x2APIC, TSC deadline */
	assert_int_equal(r[C] & (BIT(27) | BIT(28) | BIT(31)), BIT(27) | BIT(28) | BIT(31));
	assert_int_equal(r[C] & (BIT(3) | BIT(5) | BIT(17) | BIT(21) | BIT(24)), 0);
	/* FPU, TSC, SYSENTER; no PSE, PGE, MTRR, MCE, MCA */
	assert_int_equal(r[D] & (BIT(0) | BIT(4) | BIT(11)), BIT(0) | BIT(4) | BIT(11));
	assert_int_equal(r[D] & (BIT(3) | BIT(13) | BIT(12) | BIT(7) | BIT(14)), 0);
	leaf_at(0, 0)->b = 0x68747541; /* "Auth": no sysenter in long mode */
	see(1, 0, r);
	assert_int_equal(r[D] & BIT(11), 0);
	cpu_has.xsave = false;
	see(1, 0, r);
	assert_int_equal(r[C] & (BIT(12) | BIT(26) | BIT(27) | BIT(28) | BIT(29)), 0);
}

static void leaf_7_and_avx512(void **state) {
	expect(7, 0, 0, 0xf1af0329, 0x1a005f42, 0x0080411c);
	expect(7, 1, 0, 0, 0, 0);
	cpu_has.xcr0 = 7;
	expect(7, 0, 0, 0x218c0329, 0x1a005f42, 0x0080411c);
}

static void leaf_xsave_sizes(void **state) {
	expect(0xd, 0, 0xe7, 832, 2688, 0);
	expect(0xd, 1, 7, 832, 0, 0);
	expect(0xd, 2, 256, 576, 0, 0);
	expect(0xd, 9, 0, 0, 0, 0); /* PKRU: not ring 0's */
	guest->vcpu[0]->arch.xcr0 = 3;
	expect(0xd, 0, 0xe7, 576, 2688, 0);
	cpu_has.xsave = false;
	expect(0xd, 0, 0, 0, 0, 0);
}

static void extended_leaves(void **state) {
	uint32_t r[4];

	expect(0x80000000, 0, 0x80000008, 0, 0, 0);
	see(0x80000001, 0, r);
	assert_int_equal(r[C], 0x2109e3);
	/* SYSCALL, NX, LM; no 1 GiB pages, no RDTSCP */
	assert_int_equal(r[D] & (BIT(11) | BIT(20) | BIT(29)), BIT(11) | BIT(20) | BIT(29));
	assert_int_equal(r[D] & (BIT(26) | BIT(27)), 0);
	expect(0x80000007, 0, 0, 0, 0, 0);
	expect(0x80000008, 0, 0x302e, 5, 0, 0);
	expect(0x80000021, 0, 0, 0, 0, 0);
	guest_cpuid(dom0->vcpu[0], 0x80000007, 0, r);
	assert_int_equal(r[D], BIT(8));
}

static void leaves_of_the_hypervisor(void **state) {
	expect(0x40000000, 0, 0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e);
	expect(0x40000001, 0, 4 << 16 | 17, 0, 0, 0);
	expect(0x40000002, 0, 1, 0x40000000, 1, 0);
	expect(0x40000003, 0, 0, 0, 1000000, 0);
	expect(0x40000003, 1, 0, 0, 0x80000000, 1);
	expect(0x40000003, 2, 1000000, 0, 0, 0);
	expect(0x40000004, 0, 0, 0, 0, 0);
	expect(0x40000005, 0, 0, 46, 0, 0);
	expect(0x40000006, 0, 0, 0, 0, 0);
}

/* Components that the processor faults on must never become a vCPU's XCR0: ring 0 loads it. */
static void xcr0_values(void **state) {
	static const uint64_t good[] = { 1, 3, 7, 0xe7 };
	static const uint64_t bad[] = {
		0, 2, 5, 6, 0x27, 0x47, 0x87, 0x67, 0xa7, 0xc7, 0xe3, 9, 0x207, 1ULL << 63 | 7
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) assert_true(xcr0_ok(good[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) assert_false(xcr0_ok(bad[i]));
	cpu_has.xcr0 = 3;
	assert_false(xcr0_ok(7));
	assert_true(xcr0_ok(3));
}

/* -- MSRs -- */

static void msr_bases(void **state) {
	static const uint32_t msrs[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };
	struct vcpu *v = guest->vcpu[0];
	uint64_t value, *const copies[] = { &v->arch.fs_base, &v->arch.gs_base_kernel, &v->arch.gs_base_user };

	for (unsigned i = 0; i < 3; i++) {
		host_msrs[i].msr = msrs[i];
		host_msrs[i].value = *copies[i] = 0x1000 + i;
		assert_int_equal(guest_wrmsr(v, msrs[i], 1ULL << 47), -EPERM);
		assert_int_equal(*copies[i], 0x1000 + i);
		assert_int_equal(guest_rdmsr(v, msrs[i], &value), 0);
		assert_int_equal(value, 0x1000 + i);
	}
}

static void msr_values(void **state) {
	struct vcpu *v = guest->vcpu[0];
	uint64_t value;

	assert_int_equal(guest_rdmsr(v, MSR_EFER, &value), 0);
	assert_int_equal(value, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(guest_wrmsr(v, MSR_EFER, value), 0);
	assert_int_equal(guest_wrmsr(v, MSR_EFER, value & ~EFER_NXE), -EPERM);
	assert_int_equal(guest_rdmsr(v, MSR_PAT, &value), 0);
	assert_int_equal(value, PAT_XEN);
	assert_int_equal(guest_wrmsr(v, MSR_PAT, 6), -EPERM);
	assert_int_equal(guest_rdmsr(v, 0x8b, &value), 0); /* microcode: none */
	assert_int_equal(value, 0);
	assert_int_equal(guest_wrmsr(v, MSR_LSTAR, 0x1234), 0); /* dropped */
	assert_int_equal(guest_rdmsr(v, MSR_LSTAR, &value), -EPERM);
	assert_int_equal(guest_rdmsr(v, 0x12345678, &value), -EPERM);
	assert_int_equal(guest_wrmsr(v, 0x12345678, 0), -EPERM);
	assert_int_equal(guest_wrmsr(v, 0x48, 0), -EPERM);
}

static void msrs_of_the_machine(void **state) {
	uint64_t value;

	host_msrs[0] = (struct host_msr){ MSR_APIC_BASE, 0xfee00900 };
	assert_int_equal(guest_rdmsr(guest->vcpu[0], MSR_APIC_BASE, &value), -EPERM);
	assert_int_equal(guest_rdmsr(dom0->vcpu[0], MSR_APIC_BASE, &value), 0);
	assert_int_equal(value, 0xfee00900);
	assert_int_equal(guest_wrmsr(dom0->vcpu[0], MSR_APIC_BASE, value), 0);
	assert_int_equal(guest_wrmsr(dom0->vcpu[0], MSR_APIC_BASE, 0xfee00100), -EPERM);
	assert_int_equal(guest_rdmsr(dom0->vcpu[0], 0xc0010015, &value), -EPERM); /* there is none */
	assert_int_equal(host_msrs[0].value, 0xfee00900);
}

/* -- toolstacks -- */

static struct xen_domctl_cpu_policy lists(unsigned leaves, unsigned msrs) {
	struct xen_domctl_cpu_policy p = { .nr_leaves = leaves, .nr_msrs = msrs };

	p.leaves.p = (void *)BUF_VA;
	p.msrs.p = (void *)MSRS_VA;
	return p;
}

static void policy_is_read(void **state) {
	struct xen_domctl_cpu_policy p = { .nr_leaves = 1, .nr_msrs = 0 };

	assert_int_equal(arch_cpu_policy_get(guest, &p), 0); /* how much room? */
	assert_int_equal(p.nr_leaves, 192);
	assert_int_equal(p.nr_msrs, 2);
	p = lists(192, 2);
	assert_int_equal(arch_cpu_policy_get(guest, &p), 0);
	assert_int_equal(p.nr_leaves, 83 + 2 + 9);
	assert_int_equal(p.nr_msrs, 2);
	assert_int_equal(LEAVES[0].a, 0xd);
	assert_int_equal(LEAVES[0].subleaf, XEN_CPUID_NO_SUBLEAF);
	assert_int_equal(LEAVES[4].leaf, 4);
	assert_int_equal(LEAVES[9].subleaf, 5);
	assert_int_equal(MSRS[0].idx, MSR_PLATFORM_INFO);
	assert_int_equal(MSRS[1].idx, MSR_ARCH_CAPABILITIES);
	LEAVES[10].leaf = 77;
	p = lists(10, 2);
	assert_int_equal(arch_cpu_policy_get(guest, &p), -ENOBUFS);
	assert_int_equal(p.nr_leaves, 94);
	assert_int_equal(LEAVES[10].leaf, 77);
	p = lists(192, 1);
	assert_int_equal(arch_cpu_policy_get(guest, &p), -ENOBUFS);
	p = lists(192, 2);
	p.leaves.p = (void *)1;
	assert_int_equal(arch_cpu_policy_get(guest, &p), -EFAULT);
}

static void policy_takes_and_gives_not(void **state) {
	struct xen_domctl_cpu_policy p = lists(192, 2);
	uint32_t r[4], whole;

	assert_int_equal(arch_cpu_policy_get(guest, &p), 0);
	whole = p.nr_leaves;
	p = lists(4, 0);
	LEAVES[0] = (struct xen_cpuid_leaf){ 1, XEN_CPUID_NO_SUBLEAF, 0x12345, ~0u, BIT(0) | BIT(5), ~0u };
	LEAVES[1] = (struct xen_cpuid_leaf){ 7, 0, 9, BIT(5) | BIT(7), 0, 0 };
	LEAVES[2] = (struct xen_cpuid_leaf){ 0x80000002, XEN_CPUID_NO_SUBLEAF, 1, 2, 3, 4 };
	LEAVES[3] = (struct xen_cpuid_leaf){ 6, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0 };
	assert_int_equal(arch_cpu_policy_set(guest, &p), 0);
	see(1, 0, r);
	assert_int_equal(r[A], 0x12345);
	assert_int_equal(r[B], 2 << 16 | 0x0800);
	assert_int_equal(r[C], BIT(0) | BIT(27) | BIT(31)); /* no VMX that it gives */
	assert_int_equal(r[D] & BIT(3), 0);
	expect(7, 0, 0, BIT(5), 0, 0);
	expect(0x80000002, 0, 1, 2, 3, 4);
	expect(6, 0, BIT(2), 0, 0, 0);
	/* it is read back as it was set, with what was not; leaf by leaf it is set anew */
	p = lists(192, 2);
	assert_int_equal(arch_cpu_policy_get(guest, &p), 0);
	assert_int_equal(p.nr_leaves, whole);
	assert_int_equal(LEAVES[1].leaf, 1);
	assert_int_equal(LEAVES[1].a, 0x12345);
	p = lists(1, 0);
	LEAVES[0] = (struct xen_cpuid_leaf){ 0x80000002, XEN_CPUID_NO_SUBLEAF, 5, 6, 7, 8 };
	assert_int_equal(arch_cpu_policy_set(guest, &p), 0);
	expect(0x80000002, 0, 5, 6, 7, 8);
	expect(7, 0, 0, BIT(5), 0, 0);
}

/* Leaves beyond those that there are take the room that is left, and no more. */
static void policy_is_bounded(void **state) {
	struct xen_domctl_cpu_policy p = lists(192, 0);

	for (unsigned i = 0; i < 192; i++) LEAVES[i] = (struct xen_cpuid_leaf){ 0x40000200 + i, 0, i, 0, 0, 0 };
	assert_int_equal(arch_cpu_policy_set(guest, &p), -ERANGE);
	assert_in_range(p.err_leaf, 0x40000201, 0x40000200 + 191);
	assert_null(guest->cpu_policy);
	p = lists(2, 0);
	assert_int_equal(arch_cpu_policy_set(guest, &p), 0);
}

static void policy_is_checked(void **state) {
	struct xen_domctl_cpu_policy p = lists(193, 0);

	assert_int_equal(arch_cpu_policy_set(guest, &p), -E2BIG);
	p = lists(1, 3);
	assert_int_equal(arch_cpu_policy_set(guest, &p), -E2BIG);
	p = lists(2, 0);
	LEAVES[1] = (struct xen_cpuid_leaf){ 0x50000000, 3, 0, 0, 0, 0 };
	assert_int_equal(arch_cpu_policy_set(guest, &p), -ERANGE);
	assert_int_equal(p.err_leaf, 0x50000000);
	assert_int_equal(p.err_subleaf, 3);
	assert_int_equal(p.err_msr, ~0u);
	p = lists(1, 1);
	MSRS[0] = (struct xen_msr_entry){ .idx = MSR_EFER };
	assert_int_equal(arch_cpu_policy_set(guest, &p), -EINVAL);
	assert_int_equal(p.err_msr, MSR_EFER);
	MSRS[0] = (struct xen_msr_entry){ .idx = MSR_PLATFORM_INFO, .flags = 1 };
	assert_int_equal(arch_cpu_policy_set(guest, &p), -EINVAL);
	p = lists(1, 0);
	p.leaves.p = (void *)1;
	assert_int_equal(arch_cpu_policy_set(guest, &p), -EFAULT);
	assert_null(guest->cpu_policy);
	p = lists(1, 0);
	host_fail_allocation(1);
	assert_int_equal(arch_cpu_policy_set(guest, &p), -ENOMEM);
	p = lists(1, 0);
	assert_int_equal(arch_cpu_policy_set(dom0, &p), -EEXIST); /* it has run */
}

static long sysctl(struct xen_sysctl *op) {
	long ret;

	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	memcpy(arg_page, op, sizeof(*op));
	ret = do_sysctl(ARG_VA, 0, 0, 0, 0, 0);
	memcpy(op, arg_page, sizeof(*op));
	return ret;
}

static void system_policies(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_policy };
	struct xen_sysctl_cpu_policy *p = &op.u.cpu_policy;

	for (p->index = 0; p->index < 7; p->index++) {
		p->nr_leaves = 192;
		p->leaves.p = (void *)BUF_VA;
		switch (p->index) {
		case XEN_SYSCTL_cpu_policy_raw:
		case XEN_SYSCTL_cpu_policy_host:
			assert_int_equal(sysctl(&op), 0);
			assert_int_equal(LEAVES[1].d, ~0u);
			break;
		case XEN_SYSCTL_cpu_policy_pv_max:
		case XEN_SYSCTL_cpu_policy_pv_default:
			assert_int_equal(sysctl(&op), 0);
			assert_int_equal(LEAVES[1].d & BIT(3), 0);
			assert_int_equal(p->nr_leaves, 94);
			assert_int_equal(p->nr_msrs, 2);
			break;
		case 6: assert_int_equal(sysctl(&op), -EINVAL); break;
		default: assert_int_equal(sysctl(&op), -EOPNOTSUPP);
		}
	}
}

static void feature_words(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_featureset };
	struct xen_sysctl_cpu_featureset *f = &op.u.cpu_featureset;
	const uint32_t *word = (const void *)LEAVES;

	f->index = XEN_SYSCTL_cpu_featureset_raw;
	assert_int_equal(sysctl(&op), 0);
	assert_int_equal(f->nr_features, 19);
	f->features.p = (void *)BUF_VA;
	assert_int_equal(sysctl(&op), 0);
	assert_int_equal(word[0], ~0u);
	assert_int_equal(word[4], 0xf);
	f->index = XEN_SYSCTL_cpu_featureset_pv;
	assert_int_equal(sysctl(&op), 0);
	assert_int_equal(word[0] & BIT(3), 0);
	assert_int_equal(word[5], 0xf1af0329);
	assert_int_equal(word[16], 0);
	f->nr_features = 3;
	assert_int_equal(sysctl(&op), -ENOBUFS);
	assert_int_equal(f->nr_features, 3);
	f->index = XEN_SYSCTL_cpu_featureset_hvm;
	assert_int_equal(sysctl(&op), -EOPNOTSUPP);
	f->index = 99;
	assert_int_equal(sysctl(&op), -EINVAL);
}

static void machine_facts(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

	assert_int_equal(sysctl(&op), 0);
	assert_int_equal(op.u.physinfo.cpu_khz, 1000000);
	assert_int_equal(op.u.physinfo.hw_cap[0], ~0u);
	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_get_cpu_levelling_caps, .u.cpu_levelling_caps.caps = 5 };
	assert_int_equal(sysctl(&op), 0);
	assert_int_equal(op.u.cpu_levelling_caps.caps, 0);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(basic_leaves),      T(leaf_1_identity_and_features),
		T(leaf_7_and_avx512), T(leaf_xsave_sizes),
		T(extended_leaves),   T(leaves_of_the_hypervisor),
		T(xcr0_values),       T(msr_bases),
		T(msr_values),        T(msrs_of_the_machine),
		T(policy_is_read),    T(policy_takes_and_gives_not),
		T(policy_is_bounded), T(policy_is_checked),
		T(system_policies),   T(feature_words),
		T(machine_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

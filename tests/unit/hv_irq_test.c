/* SPDX-License-Identifier: MIT */
/* Interrupt routing: GSIs and messages from map to unmap, EOI discipline, sharing, moves;
 * physdev_op. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host.h"
#include "irq.h"
#include "frame.h"
#include "plat_dummies.h"

#include <xen/physdev.h>

static struct vcpu vcpu0, vcpu1, other_vcpu;
static struct domain control = { .id = 0, .privileged = true }, other = { .id = 5 };
static unsigned raised[64], raised_other[64], references, allocations;

void evtchn_raise_pirq(struct domain *d, port_t port) { (d == &control ? raised : raised_other)[port]++; }
void virq_raise_global(unsigned virq) { raised[63]++; }
void domain_get(struct domain *d) { references++; }
void domain_put(struct domain *d) { references--; }
int domain_find(domid_t id, struct domain **out) {
	*out = id == DOMID_SELF ? current->domain : id == 5 ? &other : NULL;
	if (!*out) return -ESRCH;
	references++;
	return 0;
}
int domain_find_controlled(domid_t id, struct domain **out) {
	int err = domain_find(id, out);

	if (err || *out == current->domain || current->domain->privileged) return err;
	domain_put(*out);
	*out = NULL;
	return -EPERM;
}
int domain_may_control(const struct domain *d) { return current->domain->privileged ? 0 : -EPERM; }
uint64_t frame_limit = 1ULL << 40;
void *heap_alloc(size_t size) {
	if (host_should_fail()) return NULL;
	allocations++;
	return calloc(1, size);
}
void heap_free(void *p) {
	allocations -= p != NULL;
	free(p);
}

static int setup(void **state) {
	host_machine_init(4, 2);
	host_pci_reset();
	vcpu0 = (struct vcpu){ .domain = &control };
	vcpu1 = (struct vcpu){ .domain = &control, .id = 1, .processor = 1 };
	other_vcpu = (struct vcpu){ .domain = &other };
	this_cpu()->vcpu = &vcpu0;
	memset(raised, 0, sizeof(raised));
	memset(raised_other, 0, sizeof(raised_other));
	host_irq_acks = 0;
	irq_init();
	spin_init(&other.permit_lock, RANK_PERMIT);
	return 0;
}

static int teardown(void **state) {
	irq_domain_destroy(&control);
	irq_domain_destroy(&other);
	permits_free(&other);
	assert_int_equal(references, 0);
	assert_null(other.pirqs);
	for (unsigned i = 0; i < HOST_PINS; i++) assert_true(host_pins[i].masked || !host_pins[i].vector || i == 4);
	host_machine_free();
	return 0;
}

static void map_and_bind(unsigned gsi, bool level, port_t port) {
	int pirq = -1;

	assert_int_equal(irq_gsi_setup(gsi, level, level), 0);
	assert_int_equal(pirq_map_gsi(&control, gsi, &pirq), 0);
	assert_int_equal(pirq, gsi);
	assert_int_equal(pirq_bind(&vcpu0, gsi, port, true), 0);
}

static void test_edge(void **state) {
	bool eoi, shared;

	map_and_bind(8, false, 3);
	assert_false(host_pins[8].masked);
	assert_int_equal(pirq_status(&control, 8, &eoi, &shared), 0);
	assert_false(eoi || shared);
	irq_interrupt(host_pins[8].vector);
	irq_interrupt(host_pins[8].vector);
	assert_int_equal(raised[3], 2);
	assert_int_equal(host_irq_acks, 2);
	assert_false(host_pins[8].masked);
	pirq_unbind(&control, 8, 3);
	assert_true(host_pins[8].masked);
	irq_interrupt(host_pins[8].vector); /* one that was on its way */
	assert_int_equal(raised[3], 2);
	assert_int_equal(host_irq_acks, 3);
}

/* The port that a pirq was bound to before it was unmapped has no part in what it is bound to now. */
static void test_old_port(void **state) {
	map_and_bind(8, false, 3);
	assert_int_equal(pirq_unmap(&control, 8), 0);
	map_and_bind(8, false, 4);
	pirq_unbind(&control, 8, 3);
	irq_interrupt(host_pins[8].vector);
	assert_int_equal(raised[4], 1);
}

static void test_level_waits_for_eoi(void **state) {
	bool eoi, shared;

	map_and_bind(10, true, 4);
	assert_true(host_pins[10].level && host_pins[10].active_low);
	assert_int_equal(pirq_status(&control, 10, &eoi, &shared), 0);
	assert_true(eoi);
	irq_interrupt(host_pins[10].vector);
	assert_true(host_pins[10].masked);
	assert_int_equal(host_irq_acks, 1);
	assert_int_equal(pirq_eoi(&control, 10), 0);
	assert_false(host_pins[10].masked);
	assert_int_equal(pirq_eoi(&control, 10), 0); /* one too many is harmless */
	assert_int_equal(pirq_eoi(&control, 9999), -EINVAL);
}

static void test_shared_level_waits_for_all(void **state) {
	int pirq = 11;

	map_and_bind(11, true, 4);
	this_cpu()->vcpu = &other_vcpu;
	assert_int_equal(pirq_map_gsi(&other, 11, &pirq), -EPERM);
	assert_int_equal(permit_set(&other, PERMIT_GSI, 11, 1, true), 0);
	assert_int_equal(pirq_map_gsi(&other, 11, &pirq), 0);
	this_cpu()->vcpu = &vcpu0;
	assert_int_equal(pirq_bind(&other_vcpu, 11, 9, false), -EBUSY);
	assert_int_equal(pirq_bind(&other_vcpu, 11, 9, true), 0);
	irq_interrupt(host_pins[11].vector);
	assert_int_equal(raised[4], 1);
	assert_int_equal(raised_other[9], 1);
	assert_int_equal(pirq_eoi(&control, 11), 0);
	assert_true(host_pins[11].masked);
	/* the domain that has not said EOI goes away */
	irq_domain_destroy(&other);
	assert_false(host_pins[11].masked);
}

static void test_bind_errors(void **state) {
	map_and_bind(12, false, 4);
	assert_int_equal(pirq_bind(&vcpu0, 12, 5, true), -EEXIST);
	assert_int_equal(pirq_bind(&vcpu0, 300, 5, true), -EINVAL);
	assert_int_equal(pirq_bind(&vcpu0, 100000, 5, true), -EINVAL);
	assert_int_equal(pirq_bind(&other_vcpu, 12, 5, true), -EPERM);
	assert_int_equal(pirq_bind(&other_vcpu, 100000, 5, true), -EINVAL);
	assert_int_equal(irq_gsi_setup(12, true, true), -EBUSY);
	assert_int_equal(irq_gsi_setup(24, true, true), -EINVAL);
	/* dom0 binds a GSI without mapping it first */
	assert_int_equal(pirq_bind(&vcpu0, 13, 6, false), 0);
	irq_interrupt(host_pins[13].vector);
	assert_int_equal(raised[6], 1);
}

static void test_console_line_is_ours(void **state) {
	int pirq = 4;

	assert_int_equal(irq_own_gsi(4, false, false), 0);
	assert_int_equal(irq_gsi_setup(4, true, true), 0);
	assert_false(host_pins[4].level);
	assert_int_equal(pirq_map_gsi(&control, 4, &pirq), 0);
	assert_int_equal(pirq_bind(&vcpu0, 4, 5, true), -EBUSY);
	assert_int_equal(permit_set(&other, PERMIT_GSI, 4, 1, true), -EINVAL);
	irq_interrupt(host_pins[4].vector);
	assert_int_equal(raised[63], 1);
	assert_int_equal(irq_own_gsi(4, false, false), -EBUSY);
}

/* The end of an interrupt reaches the line by its vector, also of one that was on its way when it was unbound. */
static void test_line_keeps_its_vector(void **state) {
	uint8_t vector;

	map_and_bind(10, true, 3);
	vector = host_pins[10].vector;
	pirq_unbind(&control, 10, 3);
	map_and_bind(11, true, 4);
	assert_int_not_equal(host_pins[11].vector, vector);
	assert_int_equal(irq_gsi_setup(10, false, false), 0);
	assert_int_equal(pirq_bind(&vcpu0, 10, 5, true), 0);
	assert_int_equal(host_pins[10].vector, vector);
	assert_false(host_pins[10].level || host_pins[10].masked);
}

/* A masked pin forgets edges, so one for edges is not moved. */
static void test_edge_stays(void **state) {
	map_and_bind(9, false, 3);
	pirq_set_affinity(&control, 9, &vcpu1);
	assert_int_equal(host_pins[9].cpu, 0);
	irq_interrupt(host_pins[9].vector);
	assert_int_equal(raised[3], 1);
}

static void test_move(void **state) {
	uint8_t vector;

	map_and_bind(9, true, 3);
	vector = host_pins[9].vector;
	pirq_set_affinity(&control, 9, &vcpu1);
	assert_int_equal(host_pins[9].cpu, 1);
	assert_int_equal(host_pins[9].vector, vector);
	assert_false(host_pins[9].masked);
	irq_interrupt(vector); /* late one on the old CPU */
	assert_int_equal(pirq_eoi(&control, 9), 0);
	host_cpu_set(1);
	irq_interrupt(vector);
	assert_int_equal(raised[3], 2);
	host_cpu_set(0);
	irq_interrupt(vector); /* now it is nobody's here */
	assert_int_equal(raised[3], 2);
}

static const struct msi_request msi = { .count = 1 };

static void test_msi_block(void **state) {
	struct msi_request req = msi;
	int pirq = -1, again = -1;
	uint32_t data = 0;

	req.dev = host_pci_dev;
	req.count = 3;
	assert_int_equal(pirq_map_msi(&control, &req, &pirq), 0);
	assert_true(pirq >= HOST_PINS);
	memcpy(&data, host_pci_config + 0x5c, 2);
	assert_int_equal(data % 4, 0);
	assert_int_equal(host_pci_config[0x52] & 0x71, 0x21); /* enabled, 4 messages */
	assert_int_equal(host_pci_config[0x60] & 7, 7);       /* all masked */
	assert_int_equal(pirq_map_msi(&control, &req, &again), -EEXIST);
	assert_int_equal(pirq_bind(&vcpu0, (unsigned)pirq + 2, 20, false), 0);
	assert_int_equal(host_pci_config[0x60] & 7, 3);
	irq_interrupt((uint8_t)(data + 2));
	irq_interrupt((uint8_t)(data + 1));
	assert_int_equal(raised[20], 1);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq + 1), -EINVAL); /* not the first */
	memset(host_pci_config + 0x54, 0, 12);
	assert_int_equal(irq_msi_restore(host_pci_dev), 0);
	assert_memory_equal(host_pci_config + 0x5c, &data, 2);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
	assert_int_equal(host_pci_config[0x52] & 0x71, 0);
	assert_int_equal(irq_msi_restore(host_pci_dev), -ESRCH);
	req.count = 16;
	assert_int_equal(pirq_map_msi(&control, &req, &pirq), -EINVAL);
	req.dev = sbdf(0, 1, 0);
	assert_int_equal(pirq_map_msi(&control, &req, &again), -ENODEV);
}

static void test_msix(void **state) {
	struct msi_request req = { host_pci_dev, true, 2, 1, HOST_BAR };
	uint32_t *entry = host_msix_table + 16 + 4 * 2;
	int pirq = -1, bad = -1;

	assert_int_equal(pirq_map_msi(&control, &req, &pirq), 0);
	assert_int_equal(entry[0], 0xfee00000);
	assert_int_equal(entry[3] & 1, 1);
	assert_int_equal(host_pci_config[0x73] & 0xc0, 0x80); /* enabled, not masked as a whole */
	assert_int_equal(pirq_bind(&vcpu1, (unsigned)pirq, 21, false), 0);
	assert_int_equal(entry[3] & 1, 0);
	irq_interrupt((uint8_t)entry[2]);
	assert_int_equal(raised[21], 1);
	pirq_set_affinity(&control, (unsigned)pirq, &vcpu1);
	assert_int_equal(entry[0], 0xfee01000);
	req.index = 4;
	assert_int_equal(pirq_map_msi(&control, &req, &bad), -EINVAL);
	req.index = 1;
	req.table_base = HOST_BAR + 0x100000;
	assert_int_equal(pirq_map_msi(&control, &req, &bad), -ENOMEM);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
	assert_int_equal(entry[3] & 1, 1);
}

/* A device replaces the low bits of the message's data, so a block begins at a multiple of its size. */
static void test_largest_msi_block_is_aligned(void **state) {
	struct msi_request req = msi;
	int pirq = -1;

	host_pci_config[0x52] |= 5 << 1;
	req.dev = host_pci_dev;
	req.count = 32;
	assert_int_equal(pirq_map_msi(&control, &req, &pirq), 0);
	assert_int_equal(host_pci_config[0x5c] % 32, 0);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
}

/* It may send as many messages as its register counts, a power of two: none may be another line's vector. */
static void test_msi_block_owns_all_its_vectors(void **state) {
	struct msi_request req = { host_pci_dev, false, 0, 3, 0 };
	int pirq = -1;
	uint8_t first;

	assert_int_equal(pirq_map_msi(&control, &req, &pirq), 0);
	assert_int_equal(host_pci_config[0x52] & 0x70, 2 << 4);
	first = host_pci_config[0x5c];
	for (unsigned gsi = 5; gsi < 9; gsi++) {
		assert_int_equal(pirq_bind(&vcpu0, gsi, gsi, false), 0);
		assert_false(host_pins[gsi].vector >= first && host_pins[gsi].vector < first + 4);
	}
	irq_interrupt((uint8_t)(first + 3));
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
	pirq = -1;
	req.count = 4;
	assert_int_equal(pirq_map_msi(&control, &req, &pirq), 0);
	assert_int_equal(host_pci_config[0x5c], first);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
}

static void test_vectors_run_out_cleanly(void **state) {
	struct msi_request req = { host_pci_dev, false, 0, 8, 0 };
	int pirq = -1;

	for (unsigned n = 1; n < 12; n++) {
		host_fail_allocation(n);
		if (pirq_map_msi(&control, &req, &pirq) == 0) break;
		pirq = -1;
	}
	host_fail_allocation(0);
	assert_true(pirq >= 0);
	assert_int_equal(pirq_unmap(&control, (unsigned)pirq), 0);
}

static void test_dying_domain_gets_nothing(void **state) {
	int pirq = -1;

	assert_int_equal(permit_set(&other, PERMIT_GSI, 9, 1, true), 0);
	other.state = DOM_DYING;
	irq_domain_destroy(&other);
	assert_int_equal(pirq_map_gsi(&other, 9, &pirq), -EINVAL);
	assert_int_equal(pirq_find_free(&other, &pirq), -EINVAL);
	assert_null(other.pirqs);
	other.state = DOM_CREATING;
}

static long physdev(unsigned cmd, void *arg, size_t size) {
	host_guest_memory(arg, 0x1000, size);
	return do_physdev_op(cmd, 0x1000, 0, 0, 0, 0);
}

static void test_physdev_as_linux_does(void **state) {
	struct physdev_setup_gsi setup_gsi = { 16, 1, 1 };
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 16, .pirq = 16 };
	struct physdev_irq_status_query query = { .irq = 16 };
	struct physdev_map_pirq multi = { .domid = DOMID_SELF,
					  .type = MAP_PIRQ_TYPE_MULTI_MSI,
					  .index = -1,
					  .pirq = -1,
					  .devfn = 0x28,
					  .entry_nr = 2 };
	struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF };

	assert_int_equal(physdev(PHYSDEVOP_setup_gsi, &setup_gsi, sizeof(setup_gsi)), 0);
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map, sizeof(map)), 0);
	assert_int_equal(physdev(PHYSDEVOP_irq_status_query, &query, sizeof(query)), 0);
	assert_int_equal(query.flags, XENIRQSTAT_needs_eoi);
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &multi, sizeof(multi)), 0);
	unmap.pirq = multi.pirq;
	assert_int_equal(physdev(PHYSDEVOP_unmap_pirq, &unmap, sizeof(unmap)), 0);
	assert_int_equal(physdev(PHYSDEVOP_unmap_pirq, &unmap, sizeof(unmap)), -EINVAL);
}

/* A toolstack maps a line for a domain before it permits it, but only one that it may use itself. */
static void test_control_gives_a_line(void **state) {
	struct physdev_map_pirq map = { .domid = 5, .type = MAP_PIRQ_TYPE_GSI, .index = 5, .pirq = 5 };

	assert_int_equal(irq_own_gsi(4, false, false), 0);
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map, sizeof(map)), 0);
	assert_int_equal(pirq_bind(&other_vcpu, 5, 9, false), 0);
	map.index = map.pirq = 4;
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map, sizeof(map)), -EPERM);
	assert_int_equal(pirq_bind(&other_vcpu, 4, 10, true), -EPERM);
}

static void test_physdev_of_a_guest(void **state) {
	struct physdev_setup_gsi setup_gsi = { 16, 1, 1 };
	struct physdev_map_pirq map = {
		.domid = 5, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1, .devfn = 0x28
	};
	struct physdev_pci_device dev = { .devfn = 0x28 };

	this_cpu()->vcpu = &other_vcpu;
	assert_int_equal(physdev(PHYSDEVOP_setup_gsi, &setup_gsi, sizeof(setup_gsi)), -EPERM);
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map, sizeof(map)), -EPERM);
	map.type = MAP_PIRQ_TYPE_GSI;
	map.index = 16;
	assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map, sizeof(map)), -EPERM);
	assert_int_equal(physdev(PHYSDEVOP_prepare_msix, &dev, sizeof(dev)), -EPERM);
	assert_int_equal(physdev(PHYSDEVOP_restore_msi_ext, &dev, sizeof(dev)), -EPERM);
	assert_int_equal(physdev(PHYSDEVOP_pirq_eoi_gmfn_v2, &dev, sizeof(dev)), -ENOSYS);
	assert_int_equal(do_physdev_op(~0UL, 0x1000, 0, 0, 0, 0), -ENOSYS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(test_edge),
		T(test_old_port),
		T(test_level_waits_for_eoi),
		T(test_shared_level_waits_for_all),
		T(test_bind_errors),
		T(test_line_keeps_its_vector),
		T(test_edge_stays),
		T(test_move),
		T(test_msi_block),
		T(test_msix),
		T(test_largest_msi_block_is_aligned),
		T(test_msi_block_owns_all_its_vectors),
		T(test_vectors_run_out_cleanly),
		T(test_physdev_as_linux_does),
		T(test_control_gives_a_line),
		T(test_physdev_of_a_guest),
		T(test_console_line_is_ours),
		T(test_dying_domain_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

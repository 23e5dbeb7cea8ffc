/* SPDX-License-Identifier: MIT */
/* platform_op: what dom0 may ask, what it is told, and that nobody else may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host.h"
#include "plat_dummies.h"

#include <xen/platform.h>

#define ARG  0x1000u
#define NAME 0x2000u

static struct domain control = { .id = 0, .privileged = true }, other = { .id = 5 };
static struct vcpu vcpu = { .domain = &control };
static uint8_t guest[0x2000];
static uint64_t set_sec, set_time;
static struct xen_platform_op op;

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time) {
	set_sec = sec;
	set_time = system_time + nsec;
}
void virq_raise_global(unsigned virq) {}

static int setup(void **state) {
	host_machine_init(4, 2);
	vcpu.domain = &control;
	this_cpu()->vcpu = &vcpu;
	host_guest_memory(guest, ARG, sizeof(guest));
	op = (struct xen_platform_op){ .interface_version = XENPF_INTERFACE_VERSION };
	return 0;
}

static int teardown(void **state) {
	host_machine_free();
	return 0;
}

static long call(uint32_t cmd) {
	long ret;

	op.cmd = cmd;
	memcpy(guest, &op, sizeof(op));
	ret = do_platform_op(ARG, 0, 0, 0, 0, 0);
	memcpy(&op, guest, sizeof(op));
	return ret;
}

static void test_only_dom0_in_our_version(void **state) {
	vcpu.domain = &other;
	assert_int_equal(call(XENPF_get_cpuinfo), -EPERM);
	vcpu.domain = &control;
	op.interface_version++;
	assert_int_equal(call(XENPF_get_cpuinfo), -EACCES);
	op.interface_version--;
	assert_int_equal(call(9999), -ENOSYS);
	assert_int_equal(call(XENPF_efi_runtime_call), -ENOSYS);
	assert_int_equal(do_platform_op(0x10, 0, 0, 0, 0, 0), -EFAULT);
}

static void test_settime(void **state) {
	op.u.settime64.secs = 1ULL << 33;
	op.u.settime64.nsecs = 5;
	op.u.settime64.system_time = 100;
	assert_int_equal(call(XENPF_settime64), 0);
	assert_int_equal(set_sec, 1ULL << 33);
	assert_int_equal(set_time, 105);
	op.u.settime64.mbz = 1;
	assert_int_equal(call(XENPF_settime64), -EINVAL);
}

static void test_cpus(void **state) {
	op.u.pcpu_info.xen_cpuid = 1;
	assert_int_equal(call(XENPF_get_cpuinfo), 0);
	assert_int_equal(op.u.pcpu_info.max_present, 1);
	assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
	assert_int_equal(op.u.pcpu_info.apic_id, 2);
	op.u.pcpu_info.xen_cpuid = 2;
	assert_int_equal(call(XENPF_get_cpuinfo), 0);
	assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
	op.u.pcpu_info.xen_cpuid = ~0u;
	assert_int_equal(call(XENPF_get_cpuinfo), 0);
	op.u.cpu_ol.cpuid = 1;
	assert_int_equal(call(XENPF_cpu_online), 0);
	assert_int_equal(call(XENPF_cpu_offline), -EOPNOTSUPP);
	op.u.cpu_ol.cpuid = 64;
	assert_int_equal(call(XENPF_cpu_online), -EINVAL);
	op.u.core_parking.type = XEN_CORE_PARKING_GET;
	assert_int_equal(call(XENPF_core_parking), 0);
	assert_int_equal(op.u.core_parking.idle_nums, 0);
}

static void test_firmware(void **state) {
	op.u.firmware_info.type = XEN_FW_DISK_INFO;
	assert_int_equal(call(XENPF_firmware_info), -ESRCH);
	op.u.firmware_info.type = XEN_FW_VBEDDC_INFO;
	assert_int_equal(call(XENPF_firmware_info), -ESRCH);
	op.u.firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS;
	assert_int_equal(call(XENPF_firmware_info), 0);
	assert_int_equal(op.u.firmware_info.u.kbd_shift_flags, 0x20);
	op.u.firmware_info.type = 99;
	assert_int_equal(call(XENPF_firmware_info), -EINVAL);
}

static void test_sleep(void **state) {
	op.u.enter_acpi_sleep.sleep_state = 3;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EOPNOTSUPP);
	op.u.enter_acpi_sleep.sleep_state = 6;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EINVAL);
	op.u.enter_acpi_sleep.sleep_state = 5;
	assert_int_equal(call(XENPF_enter_acpi_sleep), -EIO); /* the fake machine stays on */
}

static void test_memory_types_end(void **state) {
	unsigned n = 0;

	for (; op.u.read_memtype.reg = n, call(XENPF_read_memtype) == 0; n++) {
		assert_int_equal(op.u.read_memtype.mfn, 0x100);
		assert_int_equal(op.u.read_memtype.nr_mfns, 16);
	}
	assert_int_equal(n, 2);
}

static void test_symbols(void **state) {
	memset(guest + NAME - ARG, 'z', 16);
	op.u.symdata.namelen = 4;
	op.u.symdata.symnum = 1;
	set_xen_guest_handle(op.u.symdata.name, (char *)NAME);
	assert_int_equal(call(XENPF_get_symbol), 0);
	assert_int_equal(op.u.symdata.namelen, 8);
	assert_int_equal(op.u.symdata.symnum, 2);
	assert_int_equal(op.u.symdata.address, 0x2000);
	assert_memory_equal(guest + NAME - ARG, "schezz", 6); /* no further than it has room */
	assert_int_equal(call(XENPF_get_symbol), 0);
	assert_int_equal(op.u.symdata.symnum, 2); /* the end */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(test_only_dom0_in_our_version), T(test_settime), T(test_cpus), T(test_firmware), T(test_sleep),
		T(test_memory_types_end),         T(test_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

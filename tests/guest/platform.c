/* SPDX-License-Identifier: MIT */
/* Dom0's part of the interface that needs no driver: physdev_op, platform_op, a real interrupt
 * line, watchdogs. */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>
#include "tap.h"
#include "usermode.h"

#define NOWHERE ((void *)0x7000000000UL)
#define RTC_IRQ 8

static volatile unsigned int interrupts;
static long rtc_pirq;

static uint8_t cmos_read(uint8_t reg) {
	uint8_t v;

	asm volatile("outb %1, $0x70; inb $0x71, %0" : "=a"(v) : "a"(reg));
	return v;
}

static void cmos_write(uint8_t reg, uint8_t v) {
	asm volatile("outb %0, $0x70" ::"a"(reg));
	asm volatile("outb %0, $0x71" ::"a"(v));
}

static void on_rtc(unsigned int port) {
	struct physdev_eoi eoi = { .irq = rtc_pirq };

	(void)port;
	interrupts++;
	cmos_read(0x0c); /* lets the clock raise the next */
	hv_physdev_op(PHYSDEVOP_eoi, &eoi);
}

static long map_gsi(int gsi) {
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = gsi };
	long rc = hv_physdev_op(PHYSDEVOP_map_pirq, &map);

	return rc ? rc : map.pirq;
}

/* The real-time clock ticks at 1024 Hz on line 8, which dom0 owns. */
static void test_interrupt(void) {
	struct physdev_setup_gsi setup = { .gsi = RTC_IRQ };
	struct evtchn_bind_pirq bind = { 0 };
	struct physdev_irq_status_query query;
	struct physdev_unmap_pirq un = { .domid = DOMID_SELF };
	uint64_t end;

	value("setup_gsi", hv_physdev_op(PHYSDEVOP_setup_gsi, &setup));
	rtc_pirq = map_gsi(RTC_IRQ);
	is(rtc_pirq, RTC_IRQ, "the clock's line is mapped");
	query.irq = rtc_pirq;
	is(hv_physdev_op(PHYSDEVOP_irq_status_query, &query), 0, "its status");
	value("flags of the line", query.flags);
	bind.pirq = rtc_pirq;
	is(hv_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0, "it is bound to a port");
	is(hv_event_channel_op(EVTCHNOP_bind_pirq, &bind), KIT_ERRNO(EEXIST), "once only");
	kit_event_handle(bind.port, on_rtc);
	cmos_write(0x0a, 0x26);
	cmos_write(0x0b, cmos_read(0x0b) | 0x40);
	cmos_read(0x0c);
	end = kit_time() + 2000000000UL;
	while (interrupts < 10 && kit_time() < end) asm volatile("pause");
	cmos_write(0x0b, cmos_read(0x0b) & ~0x40);
	ok(interrupts >= 10, "interrupts arrive");
	is(kit_event_close(bind.port), 0, "the port is closed");
	un.pirq = rtc_pirq;
	is(hv_physdev_op(PHYSDEVOP_unmap_pirq, &un), 0, "the line is unmapped");
	value("unmap_pirq again", hv_physdev_op(PHYSDEVOP_unmap_pirq, &un));
}

static void test_pirq_refused(void) {
	struct physdev_map_pirq map = { .domid = 1234, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = 9 };
	struct physdev_get_free_pirq free = { .type = MAP_PIRQ_TYPE_MSI };
	struct physdev_eoi eoi = { .irq = 100000 };
	struct physdev_irq_status_query query = { .irq = 100000 };

	is(hv_physdev_op(PHYSDEVOP_map_pirq, &map), KIT_ERRNO(ESRCH), "a line for no domain");
	is(map_gsi(100000), KIT_ERRNO(EINVAL), "a line that does not exist");
	map.domid = DOMID_SELF;
	map.type = 99;
	is(hv_physdev_op(PHYSDEVOP_map_pirq, &map), KIT_ERRNO(EINVAL), "an unknown kind of line");
	is(hv_physdev_op(PHYSDEVOP_map_pirq, NOWHERE), KIT_ERRNO(EFAULT), "an unmapped request");
	is(hv_physdev_op(PHYSDEVOP_get_free_pirq, &free), 0, "a free number");
	ok(free.pirq >= 16, "is not one of the old lines");
	is(hv_physdev_op(PHYSDEVOP_eoi, &eoi), KIT_ERRNO(EINVAL), "end of interrupt for no line");
	is(hv_physdev_op(PHYSDEVOP_irq_status_query, &query), KIT_ERRNO(EINVAL), "status of no line");
	is(hv_physdev_op(99, &query), KIT_ERRNO(ENOSYS), "an unknown operation");
}

static void test_ioapic(void) {
	struct physdev_apic apic = { .apic_physbase = 0xfec00000, .reg = 1 };

	is(hv_physdev_op(PHYSDEVOP_apic_read, &apic), 0, "the interrupt controller's version is read");
	is_hex(apic.value >> 16 & 0xff, 23, "it has 24 lines");
	apic.apic_physbase = 0x12345000;
	is(hv_physdev_op(PHYSDEVOP_apic_read, &apic), KIT_ERRNO(EINVAL), "a controller that does not exist");
}

static void test_iobitmap(void) {
	static uint8_t bitmap[8192];
	struct physdev_set_iobitmap op = { .nr_ports = 65536 };
	struct physdev_set_iopl iopl = { .iopl = 0 };

	user_setup();
	set_xen_guest_handle(op.bitmap, bitmap);
	memset(bitmap, 0xff, sizeof(bitmap));
	bitmap[0x80 / 8] &= ~1;
	is(hv_physdev_op(PHYSDEVOP_set_iobitmap, &op), 0, "user mode gets one port");
	is(user_run(user_in, 0, 0)->vector, VEC_UD, "it reads the port and goes on");
	bitmap[0x80 / 8] |= 1;
	is(user_run(user_in, 0, 0)->vector, VEC_GP, "the bitmap is looked at each time");
	op.nr_ports = 65537;
	is(hv_physdev_op(PHYSDEVOP_set_iobitmap, &op), KIT_ERRNO(EINVAL), "too many ports are refused");
	op.nr_ports = 0;
	is(hv_physdev_op(PHYSDEVOP_set_iobitmap, &op), 0, "none");
	iopl.iopl = 3;
	is(hv_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0, "I/O privilege for user mode");
	is(user_run(user_in, 0, 0)->vector, VEC_UD, "it reads any port");
	iopl.iopl = 1;
	hv_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	is(user_run(user_in, 0, 0)->vector, VEC_GP, "without it no port");
}

static void test_pci(void) {
	struct physdev_pci_device_add add = { .bus = 0, .devfn = 0 };
	struct physdev_pci_device dev = { .bus = 0, .devfn = 0 };
	struct physdev_pci_mmcfg_reserved mmcfg = { .address = 0xb0000000,
						    .end_bus = 255,
						    .flags = XEN_PCI_MMCFG_RESERVED };

	is(hv_physdev_op(PHYSDEVOP_pci_device_add, &add), 0, "the host bridge is reported");
	value("pci_device_add again", hv_physdev_op(PHYSDEVOP_pci_device_add, &add));
	is(hv_physdev_op(PHYSDEVOP_restore_msi_ext, &dev), 0, "it has no messages to restore");
	value("pci_device_remove", hv_physdev_op(PHYSDEVOP_pci_device_remove, &dev));
	value("pci_mmcfg_reserved", hv_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &mmcfg));
}

static struct xen_platform_op op;

static long platform(unsigned int cmd) {
	op.cmd = cmd;
	return hv_platform_op(&op);
}

static void test_time(void) {
	uint32_t version = kit_shared_info->wc_version;

	memset(&op, 0, sizeof(op));
	op.u.settime64.secs = 1900000000;
	op.u.settime64.nsecs = 5;
	op.u.settime64.system_time = kit_time();
	is(platform(XENPF_settime64), 0, "the wall clock is set");
	ok(kit_shared_info->wc_version != version, "shared_info tells");
	ok(kit_shared_info->wc_sec <= 1900000000 && kit_shared_info->wc_sec > 1899999900, "the time at boot by it");
	op.u.settime64.mbz = 1;
	is(platform(XENPF_settime64), KIT_ERRNO(EINVAL), "a field that must be zero");
}

static void test_cpuinfo(void) {
	memset(&op, 0, sizeof(op));
	is(platform(XENPF_get_cpuinfo), 0, "the first processor");
	is(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, XEN_PCPU_FLAGS_ONLINE, "is on line");
	is(op.u.pcpu_info.max_present, 0, "and the last");
	is(op.u.pcpu_info.apic_id, 0, "with its number");
	op.u.pcpu_info.xen_cpuid = 77;
	is(platform(XENPF_get_cpuinfo), 0, "one that does not exist");
	is(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID, "is told so");
}

static void test_firmware(void) {
	memset(&op, 0, sizeof(op));
	op.u.firmware_info.type = XEN_FW_DISK_INFO;
	is(platform(XENPF_firmware_info), KIT_ERRNO(ESRCH), "firmware_info: no disk");
	op.u.firmware_info.type = XEN_FW_VBEDDC_INFO;
	value("firmware_info: no display", platform(XENPF_firmware_info));
	op.u.firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS;
	value("firmware_info: keyboard", platform(XENPF_firmware_info));
	op.u.firmware_info.type = XEN_FW_EFI_INFO;
	value("firmware_info: EFI", platform(XENPF_firmware_info));
	op.u.firmware_info.type = 99;
	is(platform(XENPF_firmware_info), KIT_ERRNO(EINVAL), "firmware_info: unknown");
}

static void test_platform_refused(void) {
	static const unsigned int commands[] = { 39, 48, 52, 53, 58, 59, 61, 63, 99 };

	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		char name[40];

		memset(&op, 0, sizeof(op));
		kit_snprintf(name, sizeof(name), "platform_op %u", commands[i]);
		value(name, platform(commands[i]));
	}
	memset(&op, 0, sizeof(op));
	op.cmd = XENPF_get_cpuinfo;
	op.interface_version = 0x12345678;
	is(hypercall1(__HYPERVISOR_platform_op, &op), KIT_ERRNO(EACCES), "another version of the interface is refused");
	is(hypercall1(__HYPERVISOR_platform_op, NOWHERE), KIT_ERRNO(EFAULT), "an unmapped request");
	op.u.enter_acpi_sleep.sleep_state = 99;
	is(platform(XENPF_enter_acpi_sleep), KIT_ERRNO(EINVAL), "a sleep state that does not exist");
}

static void test_sched(void) {
	struct sched_watchdog dog = { .id = 0, .timeout = 30 };
	struct sched_remote_shutdown remote = { .domain_id = 1234, .reason = SHUTDOWN_crash };
	struct sched_pin_override pin = { .pcpu = 0 };
	long id = hv_sched_op(SCHEDOP_watchdog, &dog);

	is(id, 1, "a watchdog is set");
	dog.id = 1;
	is(hv_sched_op(SCHEDOP_watchdog, &dog), 0, "poked");
	dog.timeout = 0;
	is(hv_sched_op(SCHEDOP_watchdog, &dog), 0, "and stopped");
	dog.id = 77;
	is(hv_sched_op(SCHEDOP_watchdog, &dog), KIT_ERRNO(EINVAL), "no watchdog");
	is(hv_sched_op(SCHEDOP_remote_shutdown, &remote), KIT_ERRNO(ESRCH), "a shutdown of no domain");
	is(hv_sched_op(SCHEDOP_pin_override, &pin), 0, "the vCPU is pinned");
	pin.pcpu = 77;
	is(hv_sched_op(SCHEDOP_pin_override, &pin), KIT_ERRNO(EINVAL), "not to a processor that does not exist");
	pin.pcpu = -1;
	is(hv_sched_op(SCHEDOP_pin_override, &pin), 0, "and let go");
	is(hv_sched_op(SCHEDOP_shutdown, NOWHERE), KIT_ERRNO(EFAULT), "an unmapped shutdown");
}

void guest_main(void) {
	struct physdev_set_iopl iopl = { .iopl = 1 };

	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	kit_events_on();
	hv_physdev_op(PHYSDEVOP_set_iopl, &iopl);
	test_interrupt();
	test_pirq_refused();
	test_ioapic();
	test_iobitmap();
	test_pci();
	test_time();
	test_cpuinfo();
	test_firmware();
	test_platform_refused();
	test_sched();
	done();
}

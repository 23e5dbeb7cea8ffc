/* SPDX-License-Identifier: MIT */
/* The command table. A row without a group is for the tools themselves and is not shown. */
#include "cmd.h"

#include <stddef.h>

#define END \
	{ 0, NULL, NULL, NULL }
#define OPTIONS(name) static const struct option_row name[]
#define FLAG(letter, name, help) \
	{ letter, name, NULL, help }
#define VALUE(letter, name, value, help) \
	{ letter, name, value, help }
#define STORE TL_NEED_STORE
#define HYPER TL_NEED_HYPER
#define BOTH  (TL_NEED_STORE | TL_NEED_HYPER)

OPTIONS(create_opts) = {
	FLAG('c', NULL, "attach the console as soon as the guest runs"),
	FLAG('p', "paused", "leave the guest paused"),
	FLAG('q', "quiet", "print nothing but errors"),
	FLAG('n', "dryrun", "check the configuration and print it; touch nothing"),
	FLAG('F', NULL, "stay in the foreground until the guest is gone"),
	FLAG('e', NULL, "do not watch the guest: its on_* actions are not carried out"),
	FLAG('d', NULL, "print how long each part took"),
	VALUE('f', "defconfig", "FILE", "the configuration file"),
	FLAG(0, "ignore-global-affinity-masks", "let it run outside of the host's vm.cpumask"),
	FLAG('V', "vncviewer", "accepted for compatibility (PV guests here have no display)"),
	FLAG('A', "vncviewer-autopass", "accepted for compatibility"),
	END,
};
OPTIONS(update_opts) = { VALUE('f', "defconfig", "FILE", "the configuration file"), END };
OPTIONS(destroy_opts) = { FLAG('f', NULL, "allow domain 0 (the hypervisor refuses)"), END };
OPTIONS(shutdown_opts) = {
	FLAG('a', "all", "all guests"),
	FLAG('w', "wait", "wait until the guest has shut down; twice: until it is gone"),
	FLAG('F', NULL, "accepted for compatibility (ACPI is for other guests)"),
	VALUE('t', "timeout", "SECONDS", "with -w: give up after that time"),
	END,
};
OPTIONS(reboot_opts) = {
	FLAG('a', "all", "all guests"),
	FLAG('w', "wait", "accepted for compatibility"),
	FLAG('F', NULL, "accepted for compatibility (ACPI is for other guests)"),
	END,
};
OPTIONS(console_opts) = {
	VALUE('n', NULL, "NUM", "console number; 0 is the main one, others are channels"),
	VALUE('t', NULL, "pv|serial", "kind of console; PV guests have pv"),
	VALUE('e', NULL, "CHAR", "escape character instead of ], used with Ctrl"),
	END,
};
OPTIONS(list_opts) = {
	FLAG('l', "long", "all about the guests, as JSON"),
	FLAG('v', "verbose", "also UUIDs and reasons of shutdown"),
	FLAG('c', "cpupool", "also CPU pools"),
	FLAG('n', "numa", "also NUMA affinity"),
	FLAG('Z', "context", "accepted for compatibility"),
	END,
};
OPTIONS(pin_opts) = {
	FLAG('f', "force", "undo a pinning by the guest itself"),
	FLAG(0, "ignore-global-affinity-masks", "let it run outside of the host's vm.cpumask"),
	END,
};
OPTIONS(vcpu_set_opts) = { FLAG('i', "ignore-host", "allow more vCPUs than the host has CPUs"), END };
OPTIONS(sched_opts) = {
	VALUE('d', "domain", "DOMAIN", "the guest"),
	VALUE('w', "weight", "WEIGHT", "share of CPU time, 1 to 65535"),
	VALUE('c', "cap", "CAP", "limit in percent of one CPU, 0: none"),
	VALUE('p', "cpupool", "CPUPOOL", "only guests of that pool"),
	FLAG('s', "schedparam", "the scheduler's own parameters"),
	VALUE('r', "ratelimit_us", "MICROSECONDS", "with -s: the least time a vCPU runs"),
	VALUE('t', "tslice_ms", "MILLISECONDS", "with -s, sched-credit only: the length of a time slice"),
	VALUE('m', "migration_delay_us", "MICROSECONDS", "with -s, sched-credit only: when a vCPU counts as cold"),
	END,
};
OPTIONS(info_opts) = { FLAG('n', "numa", "also the NUMA topology"), END };
OPTIONS(dmesg_opts) = { FLAG('c', "clear", "clear the buffer after reading"), END };
OPTIONS(uptime_opts) = { FLAG('s', "short", "shorter lines"), END };
OPTIONS(pool_opts) = { FLAG('c', "cpus", "list the CPUs of each pool"), END };
OPTIONS(attach_opts) = {
	VALUE('t', "timeout", "SECONDS",
	      "how long each side has to answer (default: guest 10, host 15; 0: do not wait for the guest)"),
	END,
};
OPTIONS(detach_opts) = {
	FLAG('f', "force", "take the device away even if the guest does not let go"),
	VALUE('t', "timeout", "SECONDS", "how long the guest has to let go (default 10)"),
	END,
};
OPTIONS(devd_opts) = {
	FLAG('F', NULL, "stay in the foreground"),
	VALUE('p', "pidfile", "FILE", "write the process number there"),
	END,
};
OPTIONS(events_opts) = {
	FLAG('f', "follow", "go on until interrupted (else: print the present state and end)"),
	END,
};
OPTIONS(top_opts) = {
	FLAG('b', "batch", "print tables instead of using the screen"),
	VALUE('d', "delay", "SECONDS", "time between updates (default 3)"),
	VALUE('i', "iterations", "N", "end after that many updates"),
	END,
};
OPTIONS(monitor_opts) = { FLAG('F', NULL, "stay in the foreground"), END };
OPTIONS(auto_opts) = {
	VALUE('t', "timeout", "SECONDS", "for stop: how long each guest may take (default 120)"),
	END,
};
OPTIONS(help_opts) = { FLAG(0, "long", "all commands, with those that are not supported"), END };
OPTIONS(quota_opts) = { VALUE('d', "domain", "DOMAIN", "only that domain"), END };

static const char life[] = "GUESTS", resources[] = "RESOURCES", devices[] = "DEVICES", host[] = "HOST",
		  watch[] = "WATCHING", tools[] = "TOOLS", later[] = "LATER", never[] = "NOT SUPPORTED";

static const char size_text[] = "SIZE is in KiB, or has a unit: b, k, m, g, t (512m).";

#define LATER(name, args, text) \
	{ name, args, text, cmd_later, 0, 0, -1, later, NULL, NULL }
#define NEVER(name) \
	{ name, "...", "not for paravirtualized guests", cmd_never, 0, 0, -1, never, NULL, NULL }

const struct command commands[] = {
	{ "create", "[FILE] [KEY=VALUE]...", "create a guest from a configuration file", cmd_create, 0, 0, -1, life,
	  create_opts, "KEY=VALUE pairs replace those of the file." },
	{ "config-update", "DOMAIN [FILE] [KEY=VALUE]...", "change what a guest restarts from", cmd_config_update,
	  STORE, 1, -1, life, update_opts, NULL },
	{ "prepare", "KERNEL...", "unpack kernels ahead of their first guest", cmd_prepare, 0, 1, -1, life, NULL,
	  "The unpacked kernels are kept in /var/cache/tl until their file changes. Debian's kernel packages "
	  "run this by /etc/kernel/postinst.d/zz-tl." },
	{ "destroy", "DOMAIN...", "end guests at once", cmd_destroy, BOTH, 1, -1, life, destroy_opts, NULL },
	{ "shutdown", "-a|DOMAIN...", "ask guests to shut down", cmd_shutdown, BOTH, 0, -1, life, shutdown_opts, NULL },
	{ "reboot", "-a|DOMAIN...", "ask guests to reboot", cmd_reboot, BOTH, 0, -1, life, reboot_opts, NULL },
	{ "pause", "DOMAIN...", "stop running guests", cmd_pause, BOTH, 1, -1, life, NULL, NULL },
	{ "unpause", "DOMAIN...", "let paused guests run", cmd_unpause, BOTH, 1, -1, life, NULL, NULL },
	{ "console", "DOMAIN", "attach to a guest's console; Ctrl-] leaves", cmd_console, STORE, 1, 1, life,
	  console_opts, NULL },
	{ "list", "[DOMAIN]...", "list domains", cmd_list, BOTH, 0, -1, life, list_opts,
	  "State letters: r running, b blocked, p paused, s shut down, c crashed, d dying." },
	{ "vm-list", "", "list guests with their UUIDs", cmd_vm_list, BOTH, 0, 0, life, NULL, NULL },
	{ "domid", "NAME", "number of a domain", cmd_domid, STORE, 1, 1, life, NULL, NULL },
	{ "domname", "DOMID", "name of a domain", cmd_domname, STORE, 1, 1, life, NULL, NULL },
	{ "rename", "DOMAIN NAME", "give a guest another name", cmd_rename, STORE, 2, 2, life, NULL, NULL },
	{ "uptime", "[DOMAIN]...", "how long domains have been running", cmd_uptime, BOTH, 0, -1, life, uptime_opts,
	  NULL },
	{ "sysrq", "DOMAIN LETTER", "send a magic system request", cmd_sysrq, BOTH, 2, 2, life, NULL, NULL },
	{ "trigger", "DOMAIN nmi [VCPU]", "send an event to a vCPU", cmd_trigger, BOTH, 2, 3, life, NULL, NULL },

	{ "mem-set", "DOMAIN SIZE", "set the memory target", cmd_mem_set, BOTH, 2, 2, resources, NULL, size_text },
	{ "mem-max", "DOMAIN SIZE", "set the memory limit", cmd_mem_max, BOTH, 2, 2, resources, NULL, size_text },
	{ "vcpu-list", "[DOMAIN]...", "list vCPUs", cmd_vcpu_list, BOTH, 0, -1, resources, NULL, NULL },
	{ "vcpu-pin", "DOMAIN VCPU|all HARD|- [SOFT|-]", "bind vCPUs to CPUs", cmd_vcpu_pin, BOTH, 3, 4, resources,
	  pin_opts, "CPUs are lists such as 0-3,^2, all or nodes:0-1; - leaves an affinity as it is." },
	{ "vcpu-set", "DOMAIN COUNT", "set how many vCPUs are online", cmd_vcpu_set, BOTH, 2, 2, resources,
	  vcpu_set_opts, NULL },
	{ "sched-credit2", "[-d DOMAIN [-w WEIGHT] [-c CAP]]", "show or set scheduling parameters", cmd_sched, BOTH, 0,
	  0, resources, sched_opts, NULL },
	{ "sched-credit", "[-d DOMAIN [-w WEIGHT] [-c CAP]]", "the same, under its older name", cmd_sched, BOTH, 0, 0,
	  resources, sched_opts, NULL },
	{ "claims", "", "list memory claimed but not yet taken", cmd_claims, BOTH, 0, 0, resources, NULL, NULL },
	{ "cpupool-list", "", "list CPU pools", cmd_cpupool_list, BOTH, 0, 1, resources, pool_opts, NULL },
	{ "xenstore-quota-get", "", "show the store's limits and use", cmd_quota, STORE, 0, 0, resources, quota_opts,
	  NULL },
	{ "xenstore-quota-set", "QUOTA=VALUE...", "set the store's limits", cmd_quota, STORE, 1, -1, resources,
	  quota_opts, NULL },

	{ "block-attach", "DOMAIN DISK...", "attach a disk", cmd_block_attach, BOTH, 2, -1, devices, attach_opts,
	  "DISK is as in the configuration; several words are joined by commas." },
	{ "block-list", "DOMAIN...", "list disks", cmd_block_list, BOTH, 1, -1, devices, NULL, NULL },
	{ "block-detach", "DOMAIN DEVICE", "detach a disk", cmd_block_detach, BOTH, 2, 3, devices, detach_opts,
	  "DEVICE is a name such as xvdb or a number." },
	{ "network-attach", "DOMAIN [KEY=VALUE]...", "attach a network device", cmd_network_attach, BOTH, 1, -1,
	  devices, attach_opts, NULL },
	{ "network-list", "DOMAIN...", "list network devices", cmd_network_list, BOTH, 1, -1, devices, NULL, NULL },
	{ "network-detach", "DOMAIN DEVID|MAC", "detach a network device", cmd_network_detach, BOTH, 2, 3, devices,
	  detach_opts, NULL },
	{ "channel-list", "DOMAIN...", "list channels", cmd_channel_list, BOTH, 1, -1, devices, NULL, NULL },
	{ "devd", "", "plug devices served by this domain (run it in driver domains)", cmd_devd, STORE, 0, 0, devices,
	  devd_opts, NULL },

	{ "info", "", "show the host", cmd_info, BOTH, 0, 0, host, info_opts, NULL },
	{ "dmesg", "", "show the hypervisor's messages", cmd_dmesg, HYPER, 0, 0, host, dmesg_opts, NULL },
	{ "debug-keys", "KEYS", "send debug keys to the hypervisor", cmd_debug_keys, HYPER, 1, 1, host, NULL, NULL },
	{ "doctor", "", "check this host for what guests need", cmd_doctor, 0, 0, 0, host, NULL, NULL },
	{ "autostart", "start|stop|list", "start or stop the guests of /etc/xen/auto", cmd_autostart, 0, 1, 1, host,
	  auto_opts,
	  "Files start in the order of their names (10-router.cfg before 20-web.cfg) and stop in "
	  "the reverse "
	  "order." },

	{ "events", "", "print what happens to domains and devices", cmd_events, BOTH, 0, 0, watch, events_opts, NULL },
	{ "top", "", "watch the use of CPUs and memory", cmd_top, BOTH, 0, 0, watch, top_opts, NULL },
	{ "metrics", "", "print metrics in the Prometheus text format", cmd_metrics, BOTH, 0, 0, watch, NULL, NULL },
	{ "explain", "DOMAIN [DEVICE]", "say why a guest or device is stuck", cmd_explain, BOTH, 1, 2, watch, NULL,
	  "DEVICE is a disk name such as xvda, vif0, or a number." },

	{ "help", "[COMMAND]", "show this text, or a command's options", cmd_help, 0, 0, 1, tools, help_opts, NULL },
	{ "completion", "", "print completion code for bash", cmd_completion, 0, 0, 0, tools, NULL, NULL },
	{ "man", "", "print the manual page", cmd_man, 0, 0, 0, tools, NULL, NULL },

	LATER("save", "DOMAIN FILE", "save a guest to a file"),
	LATER("restore", "FILE", "restore a guest from a file"),
	LATER("migrate", "DOMAIN HOST", "move a guest to another host"),
	LATER("migrate-receive", "", "receive a migrating guest"),
	LATER("suspend", "DOMAIN", "suspend a guest in place"),
	LATER("resume", "DOMAIN", "resume a suspended guest"),
	LATER("dump-core", "DOMAIN [FILE]", "write a guest's memory to a file"),
	LATER("pci-assignable-add", "BDF", "make a PCI device assignable"),
	LATER("pci-assignable-remove", "BDF", "give a PCI device back to domain 0"),
	LATER("pci-assignable-list", "", "list assignable PCI devices"),
	LATER("pci-attach", "DOMAIN BDF", "attach a PCI device"),
	LATER("pci-detach", "DOMAIN BDF", "detach a PCI device"),
	LATER("pci-list", "DOMAIN", "list a guest's PCI devices"),
	LATER("sched-rtds", "", "set real-time scheduling parameters"),
	LATER("cpupool-create", "FILE", "create a CPU pool"),
	LATER("cpupool-destroy", "POOL", "remove a CPU pool"),
	LATER("cpupool-rename", "POOL NAME", "rename a CPU pool"),
	LATER("cpupool-cpu-add", "POOL CPU", "add a CPU to a pool"),
	LATER("cpupool-cpu-remove", "POOL CPU", "take a CPU from a pool"),
	LATER("cpupool-migrate", "DOMAIN POOL", "move a guest to another pool"),
	LATER("cpupool-numa-split", "", "make one pool for each NUMA node"),
	LATER("set-parameters", "PARAMS", "set hypervisor parameters"),
	LATER("vkb-attach", "DOMAIN SPEC", "attach a keyboard"),
	LATER("vkb-list", "DOMAIN", "list keyboards"),
	LATER("vkb-detach", "DOMAIN DEVID", "detach a keyboard"),
	LATER("vdispl-attach", "DOMAIN SPEC", "attach a display"),
	LATER("vdispl-list", "DOMAIN", "list displays"),
	LATER("vdispl-detach", "DOMAIN DEVID", "detach a display"),
	LATER("vsnd-attach", "DOMAIN SPEC", "attach a sound device"),
	LATER("vsnd-list", "DOMAIN", "list sound devices"),
	LATER("vsnd-detach", "DOMAIN DEVID", "detach a sound device"),

	NEVER("cd-insert"),
	NEVER("cd-eject"),
	NEVER("button-press"),
	NEVER("vncviewer"),
	NEVER("qemu-monitor-command"),
	NEVER("sharing"),
	NEVER("remus"),
	NEVER("psr-hwinfo"),
	NEVER("psr-cmt-attach"),
	NEVER("psr-cmt-detach"),
	NEVER("psr-cmt-show"),
	NEVER("psr-cat-set"),
	NEVER("psr-cat-show"),
	NEVER("psr-mba-set"),
	NEVER("psr-mba-show"),
	NEVER("vtpm-attach"),
	NEVER("vtpm-list"),
	NEVER("vtpm-detach"),
	NEVER("usbctrl-attach"),
	NEVER("usbctrl-detach"),
	NEVER("usbdev-attach"),
	NEVER("usbdev-detach"),
	NEVER("usb-list"),
	NEVER("getenforce"),
	NEVER("setenforce"),
	NEVER("loadpolicy"),
	NEVER("dt-overlay"),

	{ "monitor", "", "carry out on_* actions", cmd_monitor, 0, 0, 0, NULL, monitor_opts, NULL },
	{ "domains", "", "names of all domains", cmd_domname, STORE, 0, 0, NULL, NULL, NULL },
};

const int ncommands = sizeof(commands) / sizeof(commands[0]);

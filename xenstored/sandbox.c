/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* What serving takes: sockets, rings, the journal, the log, and the database in a forked child. */
static const int calls_serve[] = { SYS_accept4,
				   SYS_access,
				   SYS_brk,
				   SYS_clock_gettime,
				   SYS_clock_nanosleep,
				   SYS_clone,
				   SYS_close,
				   SYS_connect,
				   SYS_dup,
				   SYS_dup2,
				   SYS_epoll_ctl,
				   SYS_epoll_pwait,
				   SYS_epoll_wait,
				   SYS_exit,
				   SYS_exit_group,
				   SYS_fallocate,
				   SYS_fcntl,
				   SYS_fdatasync,
				   SYS_flock,
				   SYS_fstat,
				   SYS_fsync,
				   SYS_ftruncate,
				   SYS_futex,
				   SYS_getpid,
				   SYS_getppid,
				   SYS_getrandom,
				   SYS_getsockopt,
				   SYS_gettid,
				   SYS_ioctl,
				   SYS_kill,
				   SYS_lseek,
				   SYS_lstat,
				   SYS_madvise,
				   SYS_memfd_create,
				   SYS_mkdir,
				   SYS_mlock,
				   SYS_mmap,
				   SYS_mprotect,
				   SYS_mremap,
				   SYS_msync,
				   SYS_munlock,
				   SYS_munmap,
				   SYS_nanosleep,
				   SYS_newfstatat,
				   SYS_open,
				   SYS_openat,
				   SYS_poll,
				   SYS_prctl,
				   SYS_pread64,
				   SYS_pwrite64,
				   SYS_read,
				   SYS_readv,
				   SYS_recvfrom,
				   SYS_recvmmsg,
				   SYS_recvmsg,
				   SYS_rename,
				   SYS_restart_syscall,
				   SYS_rseq,
				   SYS_rt_sigaction,
				   SYS_rt_sigprocmask,
				   SYS_rt_sigreturn,
				   SYS_sendmmsg,
				   SYS_sendmsg,
				   SYS_sendto,
				   SYS_set_robust_list,
				   SYS_setsockopt,
				   SYS_shutdown,
				   SYS_stat,
				   SYS_tgkill,
				   SYS_uname,
				   SYS_unlink,
				   SYS_wait4,
				   SYS_write,
				   SYS_writev };

/* And what it takes to become a holder and start the next worker. */
static const int calls_succeed[] = { SYS_arch_prctl, SYS_bind,      SYS_capset,     SYS_clone3,  SYS_epoll_create1,
				     SYS_execve,     SYS_geteuid,   SYS_getgid,     SYS_getuid,  SYS_listen,
				     SYS_pipe2,      SYS_prlimit64, SYS_readlink,   SYS_seccomp, SYS_set_tid_address,
				     SYS_setrlimit,  SYS_signalfd4, SYS_socketpair, SYS_umask };

/* --- the filter --- */

/* What enter_filter() emits itself, and two for each call. */
#define ROOM (9 + 2 * (COUNT(calls_serve) + COUNT(calls_succeed)))

struct program {
	struct sock_filter code[ROOM];
	unsigned short n;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
	p->code[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void emit_result(struct program *p, uint32_t what) { emit(p, BPF_RET | BPF_K, what, 0, 0); }

static void emit_load(struct program *p, uint32_t offset) { emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }

static void emit_allowed(struct program *p, const int *call, size_t n) {
	for (size_t i = 0; i < n; i++) {
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, call[i], 0, 1);
		emit_result(p, SECCOMP_RET_ALLOW);
	}
}

/* Whether an earlier worker has entered it: filters stay over execve(), and pile up. */
static bool in_filter(void) { return syscall(SYS_personality, UINT32_MAX) < 0 && errno == ENOSYS; }

static int enter_filter(bool successor) {
	struct program p = { .n = 0 };
	struct sock_fprog prog = { .filter = p.code };

	if (in_filter()) return 0;
	emit_load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_result(&p, SECCOMP_RET_KILL_PROCESS);
	emit_load(&p, offsetof(struct seccomp_data, nr));
	emit_allowed(&p, calls_serve, COUNT(calls_serve));
	if (successor) emit_allowed(&p, calls_succeed, COUNT(calls_succeed));
	/* The log and the tests' hypervisor are Unix sockets; there is no other network. */
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 2);
	emit_load(&p, offsetof(struct seccomp_data, args[0]));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
	emit_result(&p, SECCOMP_RET_ERRNO | ENOSYS);
	emit_result(&p, SECCOMP_RET_ALLOW);
	prog.len = p.n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

/* --- the user --- */

/* The directory and the files in it: an earlier daemon may have run as root. */
static int give_dir(const char *path, uid_t uid, gid_t gid) {
	int fd, err = 0;
	DIR *d;

	if (mkdir(path, 0700) && errno != EEXIST) return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d || fchown(fd, uid, gid)) err = -errno;
	for (struct dirent *e; !err && (e = readdir(d));)
		if (e->d_type == DT_REG && fchownat(fd, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW)) err = -errno;
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return err;
}

static int become(const struct options *o) {
	const struct passwd *pw = getpwnam(o->user);
	int err;

	if (!pw) {
		log_err("no such user: %s", o->user);
		return -EINVAL;
	}
	if (geteuid() == pw->pw_uid) return 0;
	err = give_dir(o->db_dir, pw->pw_uid, pw->pw_gid);
	if (!err && (setgroups(0, NULL) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
		     setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)))
		err = -errno;
	if (err) log_err("cannot serve as %s: %s", o->user, strerror(-err));
	/* A change of user forbids core dumps and the parent's death signal; the first stays so. */
	return err;
}

static int drop_capabilities(void) {
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &h, none) ? -errno : 0;
}

int sandbox_enter(const struct options *o, bool successor) {
	int err = o->user ? become(o) : 0;

	if (err) return err;
	err = drop_capabilities();
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) err = -errno;
	if (!err) err = enter_filter(successor);
	if (err) log_err("cannot drop privileges: %s", strerror(-err));
	return err;
}

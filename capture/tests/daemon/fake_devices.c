/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's /dev/eventlog and /dev/tcp_log, for a program that is started with this library
 * preloaded: what the kernel does and refuses, with its errors. The folder BBLOG_FAKE_DEVICES
 * holds both sides of it:
 *
 *   providers   lines "ID NAME": what is registered. Without it there is no /dev/eventlog.
 *   schema      lines "NAME EVENT LEVEL KEYWORDS": what a provider's events are logged with, which
 *               events do not carry. Those that are not listed pass any subscription.
 *   events      ELOG events, appended at any time: what is logged. Their time stamps are this
 *               system's CLOCK_MONOTONIC in microseconds; none is delivered before its time.
 *   dump        ELOG events that only DUMP_STATE brings.
 *   zero        so many reads return 0.
 *   jailed      open(2) is refused.
 *   tcp_log     what /dev/tcp_log gives, at most one entry by each read(2).
 *   errors      lines "DEVICE OFFSET ERRNO COUNT": reads at this offset fail COUNT times.
 *   clock       seconds by which CLOCK_REALTIME is wrong.
 *   journal     written here: what the program did, one line each.
 *   replace     a path: a folder that mkdirat(2) makes is replaced by a link to it before the call returns.
 *   log         the socket that connect(2) to /dev/log means.
 *   strict      from prctl(PR_SET_NO_NEW_PRIVS) on, which is where bblogd enters its sandbox on Linux, the
 *               process may do what FreeBSD's capability mode allows: paths are relative to a descriptor and
 *               have no "..", no socket is connected, and no user is looked up. Anything else is written to the journal and ends the
 *               process by SIGTRAP, as kern.trap_enotcap=1 does.
 *
 * Events are dropped, and counted, when the two buffers of the one CPU are full. An event is
 * delivered if its level is not above the subscription's and it has one of its keywords; those of
 * sessions' beginnings and ends, and of a dump's end, are INFO and SESSION.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PROVIDERS 32
#define LENGTH_BITS (0x1fffu << 16)
#define SESSION 0x80000000u

/* FreeBSD's errno values are not Linux's; the program sees this system's. */
enum { CREATE = 0x80004501, DESTROY = 0x20004502, GET_STATS = 0x40084503, GET_PROVIDERS = 0x44444504 };
enum { INFO = 3, DUMP_COMPLETE = 0xfffffffd };

static struct {
	int fd, events, journal, created, nonblock;
	uint64_t capacity, dropped, read;
	uint8_t *ring;
	size_t used;
	struct {
		uint16_t id;
		char name[32];
		uint32_t level, keywords;
	} subscribed[PROVIDERS];
	int subscriptions;
	uint8_t dump[1 << 16];
	size_t dump_used;
	uint8_t table[4 + PROVIDERS * 34];
} ev = { .fd = -1 };
static struct {
	int fd;
	uint64_t offset, entry_left;
} log_ = { .fd = -1 };
static int clock_fd = -2, sandboxed;

static const char *folder(void) { return getenv("BBLOG_FAKE_DEVICES"); }

static int open_there(const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	return REAL(open)(path, flags | O_CLOEXEC, 0666);
}

static int exists(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	return access(path, F_OK) == 0;
}

static size_t slurp(const char *name, void *to, size_t size)
{
	int fd = open_there(name, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : REAL(read)(fd, to, size);

	if (fd >= 0)
		REAL(close)(fd);
	return got < 0 ? 0 : (size_t)got;
}

static void journal(const char *format, ...)
{
	char line[1024];
	va_list args;
	int len, fd = open_there("journal", O_WRONLY | O_APPEND);

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (fd < 0 || write(fd, line, len) != len)
		abort();
	REAL(close)(fd);
}

static uint64_t uptime(void)
{
	struct timespec now;

	REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Ends the process if capability mode would not allow PATH below the descriptor DIR. */
static void check_path(const char *call, int dir, const char *path)
{
	const char *at;
	int leaves = path[0] == '/' || dir == AT_FDCWD;

	if (!sandboxed)
		return;
	for (at = path; !leaves && (at = strstr(at, "..")); at += 2)
		leaves = (at == path || at[-1] == '/') && (at[2] == 0 || at[2] == '/');
	if (!leaves)
		return;
	journal("capability violation: %s(%d, \"%s\")\n", call, dir, path);
	raise(SIGTRAP);
}

/* The error that a read of DEVICE at OFFSET fails with, or 0; LIMIT is how far it may go. */
static int injected(const char *device, uint64_t offset, size_t *limit)
{
	static struct { uint64_t offset; unsigned left; int used; } known[16];
	char text[1024], name[32], *line, *rest;
	unsigned long long at;
	unsigned error, count;
	int i = 0;

	text[slurp("errors", text, sizeof(text) - 1)] = 0;
	for (line = strtok_r(text, "\n", &rest); line && i < 16; line = strtok_r(NULL, "\n", &rest), i++) {
		if (sscanf(line, "%31s %llu %u %u", name, &at, &error, &count) != 4 || strcmp(name, device))
			continue;
		if (!known[i].used)
			known[i].used = 1, known[i].left = count;
		if (offset < at && at - offset < *limit)
			*limit = at - offset;
		if (offset == at && known[i].left) {
			known[i].left--;
			return error;
		}
	}
	return 0;
}

static int fake_open(const char *path, int flags)
{
	if (strcmp(path, "/dev/tcp_log") == 0 && exists("tcp_log")) {
		if ((flags & O_ACCMODE) != O_RDONLY)
			return errno = EACCES, -1;
		journal("tcp_log open\n");
		return log_.fd = open_there("tcp_log", O_RDONLY);
	}
	if (strcmp(path, "/dev/eventlog") != 0 || !exists("providers"))
		return -2;
	if (exists("jailed"))
		return errno = EPERM, -1;
	if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_APPEND | O_TRUNC))
		return errno = ENODEV, -1;
	if (ev.fd >= 0)
		abort(); /* each open file would have its own subscriber: one is all that is needed */
	journal("eventlog open\n");
	ev.nonblock = flags & O_NONBLOCK;
	ev.events = open_there("events", O_RDONLY | O_CREAT);
	return ev.fd = REAL(open)("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Whether provider PROVIDER's event EVENT is delivered. */
static int wanted(uint16_t provider, uint32_t event)
{
	static struct { char name[32]; uint32_t event, level, keywords; } schema[256];
	static int known = -1;
	static char text[1 << 14];
	uint32_t level = 0, keywords = UINT32_MAX;
	int i, at;

	if (known < 0) {
		char *line, *rest;

		known = 0;
		text[slurp("schema", text, sizeof(text) - 1)] = 0;
		for (line = strtok_r(text, "\n", &rest); line && known < 256; line = strtok_r(NULL, "\n", &rest)) {
			if (sscanf(line, "%31s %u %u %x", schema[known].name, &schema[known].event,
				&schema[known].level, &schema[known].keywords) != 4)
				abort();
			known++;
		}
		if (known == 256)
			abort();
	}
	for (at = 0; at < ev.subscriptions && ev.subscribed[at].id != provider; at++)
		;
	if (at == ev.subscriptions)
		return 0;
	if (event >= DUMP_COMPLETE)
		level = INFO, keywords = SESSION;
	for (i = 0; i < known; i++)
		if (event < DUMP_COMPLETE && schema[i].event == event && strcmp(schema[i].name, ev.subscribed[at].name) == 0)
			level = schema[i].level, keywords = schema[i].keywords;
	return level <= ev.subscribed[at].level && keywords & ev.subscribed[at].keywords;
}

/* Adds the subscription of a provider, or changes it; whether it is new. */
static int subscribe(uint16_t id, const char *name, uint32_t level, uint32_t keywords)
{
	int at, is_new;

	for (at = 0; at < ev.subscriptions && ev.subscribed[at].id != id; at++)
		;
	if (at >= PROVIDERS)
		abort();
	is_new = at == ev.subscriptions;
	ev.subscriptions += is_new;
	ev.subscribed[at].id = id;
	memcpy(ev.subscribed[at].name, name, 32);
	ev.subscribed[at].level = level;
	ev.subscribed[at].keywords = keywords;
	memcpy(ev.table + 4 + 34 * at, &id, 2);
	memcpy(ev.table + 4 + 34 * at + 2, name, 32);
	return is_new;
}

/* The answer to a request for a dump: the sessions of all providers. */
static void dump(uint16_t id)
{
	uint8_t complete[32] = { 32, 0, 0, 0, (uint8_t)id, (uint8_t)(id >> 8) };
	uint64_t now = uptime(), none = UINT64_MAX;
	uint32_t event = DUMP_COMPLETE;
	static uint8_t events[1 << 15];
	size_t at, size = slurp("dump", events, sizeof(events));
	uint16_t length, provider;

	memcpy(complete + 8, &now, 8);
	memcpy(complete + 16, &none, 8);
	memcpy(complete + 24, &event, 4);
	for (at = 0; at + 32 <= size; at += length) {
		memcpy(&length, events + at, 2);
		memcpy(&provider, events + at + 4, 2);
		memcpy(&event, events + at + 24, 4);
		if (length < 32 || ev.dump_used + length + 32 > sizeof(ev.dump))
			abort();
		if (!wanted(provider, event))
			continue;
		memcpy(ev.dump + ev.dump_used, events + at, length);
		ev.dump_used += length;
	}
	if (wanted(id, DUMP_COMPLETE)) {
		memcpy(ev.dump + ev.dump_used, complete, 32);
		ev.dump_used += 32;
	}
}

/* The request as the kernel's struct eventlog_create_req. */
static int create(uint32_t length, const uint8_t *arg)
{
	uint32_t size, count, i, id, n, word[3];
	char text[4096], name[32], known[64], *line, *rest;

	if (ev.created)
		return EEXIST;
	if (length < 12)
		return EINVAL;
	memcpy(&size, arg, 4);
	memcpy(&count, arg + 4, 4);
	if (size < 65536 || size > (1 << 30) - 1 || length < 8 + 44ull * count)
		return EINVAL;
	ev.subscriptions = 0;
	ev.dump_used = 0;
	memset(ev.table, 0, sizeof(ev.table));
	for (i = 0; i < count; i++) {
		int found = 0;

		memcpy(word, arg + 8 + 44 * i, 12);
		memcpy(name, arg + 8 + 44 * i + 12, 32);
		if (word[2] & ~1u)
			return EINVAL;
		if (memchr(name, 0, 32) == NULL)
			abort(); /* the kernel would read on */
		text[slurp("providers", text, sizeof(text) - 1)] = 0;
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			if (sscanf(line, "%u %63s", &id, known) != 2 || strcmp(known, name))
				continue;
			found = 1;
			if (subscribe((uint16_t)id, name, word[0], word[1]) && word[2] & 1)
				dump((uint16_t)id);
		}
		if (!found)
			return ENOENT;
		journal("eventlog subscribe %s level %u keywords %#x flags %u\n", name, word[0], word[1], word[2]);
	}
	n = (uint32_t)ev.subscriptions;
	memcpy(ev.table, &n, 4);
	ev.capacity = 2ull * size;
	ev.ring = malloc(ev.capacity);
	lseek(ev.events, 0, SEEK_END); /* what was logged before is not read */
	ev.created = 1;
	journal("eventlog create %u\n", size);
	return 0;
}

/* Takes what was logged since the last time into the ring, or drops it. */
static void ingest(void)
{
	static uint8_t pending[1 << 22];
	static size_t used;
	size_t at = 0;
	ssize_t got = REAL(read)(ev.events, pending + used, sizeof(pending) - used);

	used += got > 0 ? (size_t)got : 0;
	while (used - at >= 32) {
		uint16_t length, provider;
		uint32_t event;
		int deliver;

		memcpy(&length, pending + at, 2);
		memcpy(&provider, pending + at + 4, 2);
		memcpy(&event, pending + at + 24, 4);
		if (length < 32 || used - at < length)
			break;
		deliver = wanted(provider, event);
		if (deliver && ev.used + length > ev.capacity)
			ev.dropped++;
		else if (deliver) {
			memcpy(ev.ring + ev.used, pending + at, length);
			ev.used += length;
		}
		at += length;
	}
	memmove(pending, pending + at, used - at);
	used -= at;
}

/* Whole events that are not newer than now, as many as fit. */
static size_t take(uint8_t *from, size_t *used, uint8_t *to, size_t size)
{
	uint64_t time, now = uptime();
	uint16_t length;
	size_t at = 0;

	while (*used - at >= 32) {
		memcpy(&length, from + at, 2);
		memcpy(&time, from + at + 8, 8);
		if (time > now || at + length > size)
			break;
		at += length;
	}
	memcpy(to, from, at);
	memmove(from, from + at, *used - at);
	*used -= at;
	return at;
}

static ssize_t read_events(void *to, size_t size)
{
	static int zeros = -1;
	char text[16];
	size_t got, limit = size;
	int i, error;

	if (!ev.created)
		return errno = ENOENT, -1;
	if (zeros < 0) {
		text[slurp("zero", text, 15)] = 0;
		zeros = atoi(text);
	}
	if ((error = injected("eventlog", ev.read, &limit)))
		return errno = error, -1;
	for (i = 0;; i++) {
		ingest();
		if (ev.used || ev.dump_used)
			break;
		if (ev.nonblock || i == 20)
			return errno = EAGAIN, -1; /* after a second in the kernel, after 100 ms here */
		usleep(5000);
	}
	if (zeros > 0)
		return zeros--, 0;
	got = take(ev.dump, &ev.dump_used, to, limit);
	got += take(ev.ring, &ev.used, (uint8_t *)to + got, limit - got);
	ev.read += got;
	return (ssize_t)got;
}

static ssize_t read_log(void *to, size_t size)
{
	ssize_t got;
	int error;

	if (log_.entry_left == 0) {
		uint8_t header[16];

		if (pread(log_.fd, header, 16, (off_t)log_.offset) == 16)
			memcpy(&log_.entry_left, header + 8, 8);
	}
	if (log_.entry_left && size > log_.entry_left)
		size = log_.entry_left;
	if ((error = injected("tcp_log", log_.offset, &size))) {
		journal("tcp_log error %d\n", error);
		return errno = error, -1;
	}
	got = pread(log_.fd, to, size, (off_t)log_.offset);
	if (got > 0) {
		log_.offset += (uint64_t)got;
		log_.entry_left -= log_.entry_left ? (uint64_t)got : 0;
	}
	return got;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	check_path("open", AT_FDCWD, path);
	fd = folder() ? fake_open(path, flags) : -2;
	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return fd != -2 ? fd : REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	check_path("open", AT_FDCWD, path);
	fd = folder() ? fake_open(path, flags) : -2;
	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return fd != -2 ? fd : REAL(open)(path, flags, mode);
}

ssize_t read(int fd, void *to, size_t size)
{
	if (fd >= 0 && fd == ev.fd)
		return read_events(to, size);
	if (fd >= 0 && fd == log_.fd)
		return read_log(to, size);
	return REAL(read)(fd, to, size);
}

int close(int fd)
{
	if (fd >= 0 && fd == ev.fd) {
		journal("eventlog close\n");
		ev.fd = -1;
		ev.created = 0;
		ev.used = 0;
	}
	if (fd >= 0 && fd == log_.fd)
		log_.fd = -1;
	return REAL(close)(fd);
}

int ioctl(int fd, unsigned long command, ...)
{
	va_list args;
	uint32_t number = (uint32_t)command, length = number >> 16 & 0x1fff;
	int error = 0;

	va_start(args, command);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (fd < 0 || fd != ev.fd)
		return REAL(ioctl)(fd, command, arg);
	if ((number & ~LENGTH_BITS) == CREATE)
		error = create(length, arg);
	else if (!ev.created && (number == GET_STATS || number == GET_PROVIDERS || number == DESTROY))
		error = ENOENT;
	else if (number == GET_STATS) {
		ingest();
		memcpy(arg, &ev.dropped, 8);
	} else if (number == GET_PROVIDERS)
		memcpy(arg, ev.table, sizeof(ev.table));
	else if (number == DESTROY)
		journal("eventlog destroy\n");
	else
		error = ENOTTY;
	if (error) {
		journal("eventlog ioctl %#x refused\n", number);
		return errno = error, -1;
	}
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = REAL(clock_gettime)(clock, time);
	char text[32];

	if (clock != CLOCK_REALTIME || !folder())
		return result;
	if (clock_fd == -2)
		clock_fd = open_there("clock", O_RDONLY);
	if (clock_fd >= 0) {
		ssize_t got = pread(clock_fd, text, sizeof(text) - 1, 0);

		text[got > 0 ? got : 0] = 0;
		time->tv_sec += atol(text);
	}
	return result;
}

int prctl(int option, ...)
{
	unsigned long arg[4];
	va_list args;
	int i, result;

	va_start(args, option);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(args, unsigned long);
	va_end(args);
	result = REAL(prctl)(option, arg[0], arg[1], arg[2], arg[3]);
	if (option == PR_SET_NO_NEW_PRIVS && result == 0 && folder() && exists("strict")) {
		journal("sandbox entered\n");
		sandboxed = 1;
	}
	return result;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_un local;

	check_path("connect", AT_FDCWD, "");
	memset(&local, 0, sizeof(local));
	memcpy(&local, address, len < sizeof(local) ? len : sizeof(local));
	if (folder() && local.sun_family == AF_UNIX && strcmp(local.sun_path, "/dev/log") == 0) {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s/log", folder());
		return REAL(connect)(fd, (struct sockaddr *)&local, sizeof(local));
	}
	return REAL(connect)(fd, address, len);
}

#define OPENAT(name) \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list args; \
		mode_t mode; \
\
		va_start(args, flags); \
		mode = va_arg(args, mode_t); \
		va_end(args); \
		check_path(#name, dir, path); \
		return REAL(name)(dir, path, flags, mode); \
	}
OPENAT(openat)
OPENAT(openat64)

int fstatat(int dir, const char *path, struct stat *status, int flags)
{
	check_path("fstatat", dir, path);
	return REAL(fstatat)(dir, path, status, flags);
}

int fstatat64(int dir, const char *path, struct stat64 *status, int flags)
{
	check_path("fstatat64", dir, path);
	return REAL(fstatat64)(dir, path, status, flags);
}

int unlinkat(int dir, const char *path, int flags)
{
	check_path("unlinkat", dir, path);
	return REAL(unlinkat)(dir, path, flags);
}

int linkat(int dir, const char *path, int to_dir, const char *to, int flags)
{
	check_path("linkat", dir, path);
	check_path("linkat", to_dir, to);
	return REAL(linkat)(dir, path, to_dir, to, flags);
}

int renameat(int dir, const char *path, int to_dir, const char *to)
{
	check_path("renameat", dir, path);
	check_path("renameat", to_dir, to);
	return REAL(renameat)(dir, path, to_dir, to);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	int result;

	check_path("mkdirat", dir, path);
	result = REAL(mkdirat)(dir, path, mode);
	if (result == 0 && folder() && exists("replace")) {
		char to[4096];

		to[slurp("replace", to, sizeof(to) - 1)] = 0;
		to[strcspn(to, "\n")] = 0;
		if (REAL(unlinkat)(dir, path, AT_REMOVEDIR) != 0 || symlinkat(to, dir, path) != 0)
			abort();
		journal("replaced a folder\n");
	}
	return result;
}

/* libc opens the database of users by its path, and without a call that could be replaced here. */
int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **result)
{
	check_path("getpwuid_r", AT_FDCWD, "/etc/passwd");
	return REAL(getpwuid_r)(uid, user, buffer, size, result);
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size, struct passwd **result)
{
	check_path("getpwnam_r", AT_FDCWD, "/etc/passwd");
	return REAL(getpwnam_r)(name, user, buffer, size, result);
}

int unlink(const char *path)
{
	check_path("unlink", AT_FDCWD, path);
	return REAL(unlink)(path);
}

int rename(const char *path, const char *to)
{
	check_path("rename", AT_FDCWD, path);
	return REAL(rename)(path, to);
}

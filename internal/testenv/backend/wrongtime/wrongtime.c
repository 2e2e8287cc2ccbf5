/* Gives the program that it is loaded into a wall clock that is wrong by as many
 * seconds as the mapped file says; see clock.go. Other clocks stay right. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t right = 0;
static const volatile int64_t *off = &right;

__attribute__((constructor)) static void map(void) {
	const char *name = getenv("CHAOS_CLOCK_FILE");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		off = p;
	close(fd);
}

#ifdef __APPLE__
#define real_clock_gettime clock_gettime /* an interposer reaches the original */
#define NAME(f) wrong_##f
#define INTERPOSE(f)                                                             \
	__attribute__((used, section("__DATA,__interpose"))) static struct {     \
		const void *by, *of;                                             \
	} interpose_##f = {(const void *)wrong_##f, (const void *)f}
#else
#include <sys/syscall.h>
#define real_clock_gettime(clock, t) syscall(SYS_clock_gettime, clock, t)
#define NAME(f) f
#define INTERPOSE(f) struct nothing
#endif

int NAME(clock_gettime)(clockid_t clock, struct timespec *t) {
	int err = (int)real_clock_gettime(clock, t);
	if (!err && (clock == CLOCK_REALTIME
#ifdef CLOCK_REALTIME_COARSE
		     || clock == CLOCK_REALTIME_COARSE
#endif
		     ))
		t->tv_sec += *off;
	return err;
}

int NAME(gettimeofday)(struct timeval *restrict v, void *restrict zone) {
	struct timespec t;
	(void)zone;
	if (NAME(clock_gettime)(CLOCK_REALTIME, &t))
		return -1;
	v->tv_sec = t.tv_sec;
	v->tv_usec = (int)(t.tv_nsec / 1000);
	return 0;
}

time_t NAME(time)(time_t *to) {
	struct timespec t;
	if (NAME(clock_gettime)(CLOCK_REALTIME, &t))
		return -1;
	if (to)
		*to = t.tv_sec;
	return t.tv_sec;
}

INTERPOSE(clock_gettime);
INTERPOSE(gettimeofday);
INTERPOSE(time);

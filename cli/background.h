/*
 * background.h - leaving whoever started us, once everything stands
 */
#ifndef CLI_BACKGROUND_H
#define CLI_BACKGROUND_H

/*
 * fork(2): the caller's process waits in here until the child says background_ready(), and then ends with
 * status 0; with the child's status if it ends before.  In the child: a descriptor for background_ready(), in a
 * session of its own, and in *nowhere one of /dev/null.  -errno: it could not be done, nothing has happened.
 */
int background_leave(int *nowhere);

/* Standard streams go nowhere from now on (stderr stays if keep_stderr), and the starter goes on. */
void background_ready(int fd, int nowhere, int keep_stderr);

#endif

/*
 * What the service manager is told (sd_notify protocol): one datagram per
 * event to the socket that NOTIFY_SOCKET names.  Runs in the master.  Without
 * NOTIFY_SOCKET nothing happens.
 */
#ifndef COMMON_READY_H
#define COMMON_READY_H

enum ready_event {
	READY_UP,        /* start or reload is finished */
	READY_RELOADING, /* with the monotonic time, as Type=notify-reload
			  * asks for */
	READY_STOPPING,
};

/*
 * Asks the manager to keep a descriptor under this name while the daemon is
 * restarted; it then comes with LISTEN_FDS (listen_take_kept()).  What was
 * kept under the name before is dropped.
 */
void ready_keep(int fd, const char *name);
/* Takes NOTIFY_SOCKET out of the environment; call once, at start. */
void ready_init(void);
void ready_tell(enum ready_event event);

#endif

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

/* Takes NOTIFY_SOCKET out of the environment; call once, at start. */
void ready_init(void);
void ready_tell(enum ready_event event);

#endif

/*
 * The Java trust store that the host wrote (FILE, flag JAVA_STORE) in the places where JVMs look. A JVM knows no variable
 * for it that it does not print at its start, so links lead there: `jssecacerts`, which each JVM reads before its own
 * `cacerts`, and the store that distributions' JVMs share, for one that a package installs later.
 */
#ifndef GONDOLIN_JAVA_STORE_H
#define GONDOLIN_JAVA_STORE_H

/* The store is at `path` from now on; links the JVMs that are there. */
void java_store_set(const char *path);

/*
 * Links JVMs that came since, once a store is set. Cheap enough for each command: it lists a few directories. It may wait for
 * a file system of the guest: after the start only on a thread of worker.h.
 */
void java_store_link(void);

#endif

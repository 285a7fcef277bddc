/*
 * Links the Java trust store that the host wrote (FILE, flag JAVA_STORE) into the places where JVMs look. A JVM has no
 * variable for it that it does not print at its start, so there are links: `jssecacerts`, which each JVM reads before
 * its own `cacerts`, and the store that the JVMs of distributions share, for one that a package installs later.
 */
#ifndef GONDOLIN_JAVA_STORE_H
#define GONDOLIN_JAVA_STORE_H

/* Sets the path of the store and links the JVMs that exist. */
void java_store_set(const char *path);

/*
 * Links JVMs that were installed since, once a store is set. Cheap enough for each command: it lists a few directories.
 * It may wait for a file system of the guest: after the boot call it on a thread of worker.h only.
 */
void java_store_link(void);

#endif

import { readFileSync } from 'node:fs';

/** Returns how many directories the kernel lets this user watch, 0 on a kernel without inotify. @param root For tests. */
export function watchLimit(root = '/'): number {
  try {
    return Number(readFileSync(`${root}/proc/sys/fs/inotify/max_user_watches`, 'utf8'));
  } catch {
    return 0;
  }
}

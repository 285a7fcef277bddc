import type { ContainerConfig } from '../image/oci/documents/image-config.ts';

/** `login`: `/bin/sh -lc`. `plain`: `/bin/sh -c`. */
export type Shell = 'login' | 'plain';

/** Returns the shell of an image. `/etc/profile` of a login shell would replace the `PATH` that an OCI image has set. */
export function shellOf(container: ContainerConfig | null): Shell {
  return container === null ? 'login' : (container.shell ?? 'plain');
}

/**
 * Returns the argv of a command: a string runs in a shell, a list runs without one. Pure. The
 * only place that decides this, for `VM.exec` and for steps.
 */
export function toArgv(command: string | readonly string[], shell: Shell = 'login'): string[] {
  const option = shell === 'login' ? '-lc' : '-c';
  return typeof command === 'string' ? ['/bin/sh', option, command] : [...command];
}

/**
 * Variables of every command under TCG. OpenSSL's own switch (OPENSSL_ia32cap(3)): TCG runs each SSSE3, AVX and AVX2
 * instruction as a call, so OpenSSL's code for general registers is faster. With them set, ChaCha20-Poly1305 went from
 * 41 to 165 MB/s, SHA-256 from 49 to 67, AES-128-GCM from 44 to 48; signatures did not change.
 */
export const EMULATED_CPU_ENV: Readonly<Record<string, string>> = {
  OPENSSL_ia32cap: '~0x1000020000000000:~0x20',
};

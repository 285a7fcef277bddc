import { readFileSync } from 'node:fs';
import type { Environment } from './directories.ts';

const FALLBACK_RELEASE = 'bookworm';
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'] as const;

/** Code name of the host's Debian release, which its mirror is sure to serve; `bookworm` on other systems. */
export function hostDebianRelease(path = '/etc/os-release'): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return FALLBACK_RELEASE;
  }
  const isDebian = /^ID="?debian"?$/m.test(text);
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1];
  return isDebian && codename !== undefined ? codename : FALLBACK_RELEASE;
}

/** The guest that fits this machine: its architecture, and its Debian release. */
export function hostPlatform(): { readonly arch: 'aarch64' | 'x86_64'; readonly release: string } {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return { arch, release: hostDebianRelease() };
}

/** `GONDOLIN_GUEST_DIR`: a directory with a built image, or the name of one; undefined when unset or empty. */
export function guestDirectoryOverride(): string | undefined {
  return process.env['GONDOLIN_GUEST_DIR'] || undefined;
}

/** The environment of this process, for callers that receive no other. */
export function hostEnvironment(): Environment {
  return process.env;
}

/** `GONDOLIN_DEBIAN_SNAPSHOT`: base URL of a snapshot service of Debian; undefined when unset or empty. */
export function debianSnapshotService(env: Environment = process.env): string | undefined {
  return env['GONDOLIN_DEBIAN_SNAPSHOT'] || undefined;
}

/** The variables that tools which download may see. */
export function proxyEnvironment(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

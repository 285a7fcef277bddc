import { posix } from 'node:path';
import type { GuestFile } from './guest-file.ts';
import { readCertificates } from './read-certificates.ts';

/**
 * Directories in which Chromium and its relatives read managed policies on Linux. Each merges every file there, so ours does
 * not replace the image's. Source: chrome/common/chrome_paths.cc, and the vendors' pages on policies.
 */
const CHROMIUM_DIRECTORIES = [
  '/etc/chromium/policies/managed',
  // Ubuntu's package, and older ones.
  '/etc/chromium-browser/policies/managed',
  '/etc/opt/chrome/policies/managed',
  // The browsers that Puppeteer and Playwright download.
  '/etc/opt/chrome_for_testing/policies/managed',
  '/etc/opt/edge/policies/managed',
  '/etc/brave/policies/managed',
];

/** One file for all of Firefox: the image's own stays. Source: Mozilla's policy templates, "Certificates". */
const FIREFOX_FILE = '/etc/firefox/policies/policies.json';

/**
 * Returns files that make browsers trust roots: they read neither the system's bundle nor a variable. Chromium takes the roots
 * themselves (policy CACertificates), Firefox the names of files with one certificate each.
 *
 * @param pems  Roots, the authority first.
 * @param directory  Directory for the files of Firefox.
 */
export function browserPolicies(pems: readonly string[], directory: string): GuestFile[] {
  const roots = readCertificates(pems);
  const policy = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  const chromium = policy({ CACertificates: roots.map((der) => der.toString('base64')) });
  const single = roots.map((der, index) => ({
    path: posix.join(directory, `root-${index}.der`),
    data: der,
    append: false,
    mode: 0o644,
  }));
  const install = single.map(({ path }) => path);
  return [
    ...CHROMIUM_DIRECTORIES.map((path) => ({
      path: posix.join(path, 'gondolin.json'),
      data: chromium,
      append: false,
      mode: 0o644,
    })),
    ...single,
    {
      path: FIREFOX_FILE,
      data: policy({ policies: { Certificates: { Install: install } } }),
      append: false,
      keep: true,
      mode: 0o644,
    },
  ];
}

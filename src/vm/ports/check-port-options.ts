import { parseListenAddress } from '../../address/parse-port-mapping.ts';
import { isPort } from '../../address/port.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { IngressOptions } from '../../ingress/ingress-options.ts';

function invalid(option: string, got: unknown, want: string): GondolinError {
  const shown = JSON.stringify(got) ?? String(got);
  return new GondolinError('VM_BAD_OPTION', `option ${option}: got ${shown}, want ${want}`);
}

/** Returns the canonical text of an address to listen on. @throws {GondolinError} VM_BAD_OPTION */
export function checkHost(option: string, host: unknown): string {
  const address = typeof host === 'string' ? parseListenAddress(host) : null;
  if (address === null) throw invalid(option, host, 'an IP address such as 127.0.0.1');
  return address;
}

/** @throws {GondolinError} VM_BAD_OPTION unless it is 0, for a free port, to 65535. */
export function checkHostPort(option: string, port: unknown): void {
  if (port !== 0 && !isPort(port as number)) throw invalid(option, port, '0 to 65535');
}

/** @throws {GondolinError} VM_BAD_OPTION unless it is 1 to 65535. */
export function checkGuestPort(option: string, port: unknown): void {
  if (!isPort(port as number)) throw invalid(option, port, '1 to 65535');
}

const COUNTS = [
  'maxBufferedResponseBodyBytes',
  'serverStartTimeoutMs',
  'responseTimeoutMs',
] as const;
/** The longest time that a timer of Node can count. */
const MAX_COUNT = 2 ** 31 - 1;

/** Returns the options without those that are undefined. @throws {GondolinError} VM_BAD_OPTION */
export function checkIngressOptions(options: IngressOptions): IngressOptions {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as IngressOptions;
  if (given.listenPort !== undefined) checkHostPort('listenPort', given.listenPort);
  for (const name of COUNTS) {
    const value = given[name];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < 1 || value > MAX_COUNT) {
      throw invalid(name, value, `a whole number from 1 to ${MAX_COUNT}`);
    }
  }
  for (const [name, hook] of Object.entries(given.hooks ?? {})) {
    if (hook !== undefined && typeof hook !== 'function') {
      throw invalid(`hooks.${name}`, typeof hook, 'a function');
    }
  }
  const { listenHost } = given;
  return listenHost === undefined
    ? given
    : { ...given, listenHost: checkHost('listenHost', listenHost) };
}

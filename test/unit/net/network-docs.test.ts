import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseHost } from '../../../src/address/host.ts';
import { FORBIDDEN_RANGES } from '../../../src/address/ranges.ts';
import { SYNTHETIC_V4, SYNTHETIC_V6 } from '../../../src/net/dns/synthetic-addresses.ts';
import { compileHostPatterns } from '../../../src/net/policy/host-patterns.ts';
import { BLOCK_REASONS } from '../../../src/net/refusal/refusal.ts';

const DOCS = readFileSync(resolve(import.meta.dirname, '../../../docs/network.md'), 'utf8');

/** Cells of the table below a head row. */
function tableOf(head: string): string[][] {
  const start = DOCS.indexOf(`${head}\n`);
  if (start === -1) throw new Error(`no table ${head}`);
  const [, , ...lines] = DOCS.slice(start).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codes = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

it('docs/network.md has the private ranges of the code, in their order', () => {
  const opener = ({ name, isInternal }: (typeof FORBIDDEN_RANGES)[number]) => {
    if (isInternal) return 'internal';
    return name === 'metadata' ? 'exact' : 'address';
  };
  expect(tableOf('| range | name | opened by |')).toEqual(
    FORBIDDEN_RANGES.map((range) => [`\`${range.cidr}\``, range.name, opener(range)]),
  );
});

it('docs/network.md has one row for each reason of a refusal', () => {
  const rows = tableOf('| reason | means | status | next move |').map(([reason]) => reason);
  // The last two are of no policy: a leak, and a limit on requests at once.
  const reasons = [...BLOCK_REASONS, 'secret_leak', 'busy'];
  expect(rows).toEqual(reasons.map((reason) => `\`${reason}\``));
});

it('docs/network.md names the pools of made-up addresses', () => {
  expect(DOCS).toContain(`\`${SYNTHETIC_V4}\``);
  expect(DOCS).toContain(`\`${SYNTHETIC_V6}\``);
});

const EXAMPLES = tableOf('| entry | covers | does not cover |').flatMap(([entry, yes, no]) => [
  ...codes(yes).map((given) => ({ entry: codes(entry)[0] ?? '', given, want: true })),
  ...codes(no).map((given) => ({ entry: codes(entry)[0] ?? '', given, want: false })),
]);

it('docs/network.md has examples', () => {
  expect(EXAMPLES.length).toBeGreaterThan(20);
});

it.each(EXAMPLES)('docs/network.md: $entry covers $given: $want', ({ entry, given, want }) => {
  const [, hostText = '', port = '', suffix] = /^(.*):(\d+)(\/tcp)?$/.exec(given) ?? [];
  const host = parseHost(hostText);
  if (host === null) throw new Error(`unreadable: ${given}`);
  const patterns = compileHostPatterns([entry], 'allowed_hosts', { defaultPort: 'web' });
  expect(patterns.find(host, Number(port), suffix !== undefined) !== undefined).toBe(want);
});

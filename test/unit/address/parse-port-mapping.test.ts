import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  isLoopback,
  MAX_PORT_MAPPINGS,
  type PortMapping,
  parsePortMapping,
} from '../../../src/address/parse-port-mapping.ts';

/** Mappings as `HOST|PORT|GUEST`. */
function shown(mappings: readonly PortMapping[] | undefined): string[] {
  return (mappings ?? []).map(({ host, port, guestPort }) => `${host}|${port}|${guestPort}`);
}

it.each([
  ['3000', ['127.0.0.1|3000|3000']],
  ['8080:80', ['127.0.0.1|8080|80']],
  ['0:80', ['127.0.0.1|0|80']],
  [':80', ['127.0.0.1|0|80']],
  ['127.0.0.1:3000', ['127.0.0.1|3000|3000']],
  ['127.0.0.1:3000:80', ['127.0.0.1|3000|80']],
  ['127.0.0.1::80', ['127.0.0.1|0|80']],
  ['0.0.0.0:8080:80', ['0.0.0.0|8080|80']],
  ['[::1]:3000', ['::1|3000|3000']],
  ['[::1]:3000:80', ['::1|3000|80']],
  ['[0:0:0:0:0:0:0:1]:3000:80', ['::1|3000|80']],
  ['[::ffff:127.0.0.1]:3000', ['127.0.0.1|3000|3000']],
  ['3000/tcp', ['127.0.0.1|3000|3000']],
  ['8080:80/TCP', ['127.0.0.1|8080|80']],
  ['3000-3002', ['127.0.0.1|3000|3000', '127.0.0.1|3001|3001', '127.0.0.1|3002|3002']],
  ['8000-8001:3000-3001', ['127.0.0.1|8000|3000', '127.0.0.1|8001|3001']],
  ['0:3000-3001', ['127.0.0.1|0|3000', '127.0.0.1|0|3001']],
  ['[::1]:8000-8001:3000-3001/tcp', ['::1|8000|3000', '::1|8001|3001']],
])('parsePortMapping() reads %j', (text, want) => {
  expect(shown(parsePortMapping(text).mappings)).toEqual(want);
});

it.each([
  ['', 'Write 3000'],
  ['80 80', 'Write 3000'],
  ['0', 'from 1 to 65535'],
  ['65536', 'from 1 to 65535'],
  ['080', 'from 1 to 65535'],
  ['http', 'from 1 to 65535'],
  ['3000-', 'from 1 to 65535'],
  ['1-2-3', 'from 1 to 65535'],
  ['8080:', 'from 1 to 65535'],
  ['3005-3000', 'Write 3000-3005'],
  [`1-${MAX_PORT_MAPPINGS + 1}`, 'shorter range'],
  ['8000-8001:3000-3005', 'as many ports'],
  ['8000:3000-3005', 'as many ports'],
  ['53/udp', 'TCP port'],
  ['53:53/UDP', 'TCP port'],
  ['80/sctp', '/tcp'],
  ['localhost:8080:80', 'Write 127.0.0.1 or [::1]'],
  ['example.com:80', 'Write 127.0.0.1:8080:80'],
  ['1:2:3', 'an address, a port of the host'],
  ['::1:3000:3000', 'in quotes'],
  ['fe80::1:3000:3000', 'in quotes'],
  ['[::1:3000', 'Write 127.0.0.1:8080:80'],
  ['127.1:80:80', 'Write 127.0.0.1:8080:80'],
])('parsePortMapping() refuses %j and says what to write', (text, fix) => {
  const result = parsePortMapping(text);
  expect(result.mappings).toBeUndefined();
  expect(result.fix).toContain(fix);
});

it('parsePortMapping() never throws, and gives ports in range only', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9:.\-/[\]tcpud]{0,30}$/),
    fc.tuple(fc.nat(70_000), fc.nat(70_000)).map(([a, b]) => `${a}:${b}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const { mappings, problem } = parsePortMapping(text);
      expect(mappings === undefined).toBe(problem !== undefined);
      for (const { port, guestPort } of mappings ?? []) {
        expect(port).toBeGreaterThanOrEqual(0);
        expect(port).toBeLessThanOrEqual(65_535);
        expect(guestPort).toBeGreaterThanOrEqual(1);
        expect(guestPort).toBeLessThanOrEqual(65_535);
      }
    }),
  );
});

it.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.1.5', false],
  ['localhost', false],
])('isLoopback() of %s is %s', (host, want) => {
  expect(isLoopback(host)).toBe(want);
});

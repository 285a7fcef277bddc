import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { DEFAULT_NETWORK } from '../../../src/config/defaults.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { reachableSandboxes } from '../../../src/project/sandbox-names.ts';
import { sandbox } from './fake-vm.ts';

const others = ['web', 'db', 'cache', 'mail', '20'].map((name) => ({ name }));

function reachable(dependsOn: readonly string[], allowedHosts: readonly string[]) {
  const web = {
    ...sandbox('web', []),
    dependsOn: dependsOn.map((name) => ({ name, condition: 'started' as const })),
    network: { ...DEFAULT_NETWORK, allowedHosts },
  };
  return reachableSandboxes(web, others, () => null);
}

it.each([
  [['db'], [], [['db', null]]],
  [['20'], [], []],
  [[], ['db:5432/tcp', 'db:80'], [['db', [5432, 80]]]],
  [[], ['cache'], [['cache', null]]],
  [[], ['*', '**.test', 'web'], []],
  [
    ['db'],
    ['db:1', 'mail:25/tcp'],
    [
      ['db', null],
      ['mail', [25]],
    ],
  ],
])('a sandbox with depends_on %j and allowed_hosts %j reaches %j', (dependsOn, hosts, want) => {
  expect(reachable(dependsOn, hosts).map(({ name, ports }) => [name, ports])).toEqual(want);
});

it.each([
  [null, 'ECONNREFUSED'],
  ['VM_CONNECT_REFUSED', 'ECONNREFUSED'],
  ['VM_CONNECT_TIMEOUT', 'ETIMEDOUT'],
  ['VM_CONNECT_UNREACHABLE', 'EHOSTUNREACH'],
] as const)('a failure %s of the other guest is %s in this one', async (code, errno) => {
  const vm =
    code === null ? null : { connect: () => Promise.reject(new GondolinError(code, 'no')) };
  const web = { ...sandbox('web', []), dependsOn: [{ name: 'db', condition: 'started' as const }] };
  const [db] = reachableSandboxes(web, others, () => vm);
  await expect(db?.connect(1, new AbortController().signal)).rejects.toMatchObject({
    code: 'NET_DIAL_FAILED',
    details: { code: errno },
  });
});

it('the connection of the other VM is passed on', async () => {
  const stream = new PassThrough();
  const web = { ...sandbox('web', []), dependsOn: [{ name: 'db', condition: 'started' as const }] };
  const [db] = reachableSandboxes(web, others, () => ({ connect: async () => stream }));
  expect(await db?.connect(1, new AbortController().signal)).toBe(stream);
});

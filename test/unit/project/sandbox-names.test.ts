import { once } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { DEFAULT_NETWORK } from '../../../src/config/defaults.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { MAX_NAME_CONNECTIONS, RunningSandboxes } from '../../../src/project/running-sandboxes.ts';
import { reachableSandboxes } from '../../../src/project/sandbox-names.ts';
import { sandbox } from './fake-vm.ts';

const others = ['web', 'db', 'cache', 'mail', '20'].map((name) => ({ name }));

function reachable(dependsOn: readonly string[], allowedHosts: readonly string[]) {
  const web = {
    ...sandbox('web', []),
    dependsOn: dependsOn.map((name) => ({ name, condition: 'started' as const })),
    network: { ...DEFAULT_NETWORK, allowedHosts },
  };
  return reachableSandboxes(web, others, () => Promise.reject(new Error('not dialled')));
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

function runningDb(connect: () => Promise<Duplex>) {
  let end: () => void = () => undefined;
  const ended = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  const running = new RunningSandboxes();
  running.add('db', { connect, ended });
  return { dial: () => running.connect('db', 1, new AbortController().signal), end, ended };
}

it.each([
  ['VM_CONNECT_REFUSED', 'ECONNREFUSED'],
  ['VM_CONNECT_TIMEOUT', 'ETIMEDOUT'],
  ['VM_CONNECT_UNREACHABLE', 'EHOSTUNREACH'],
] as const)('a failure %s of the other guest is %s in this one', async (code, errno) => {
  const { dial } = runningDb(() => Promise.reject(new GondolinError(code, 'no')));
  const details = { code: errno };
  await expect(dial()).rejects.toMatchObject({ code: 'NET_DIAL_FAILED', details });
});

it('a sandbox whose VM has ended refuses connections', async () => {
  const { dial, end, ended } = runningDb(async () => new PassThrough());
  await dial();
  end();
  await ended;
  await expect(dial()).rejects.toMatchObject({ details: { code: 'ECONNREFUSED' } });
});

it('other sandboxes cannot take every stream of a guest, and get those back that were closed', async () => {
  const opened: PassThrough[] = [];
  const { dial } = runningDb(async () => {
    const stream = new PassThrough();
    opened.push(stream);
    return stream;
  });
  for (let open = 0; open < MAX_NAME_CONNECTIONS; open += 1) await dial();
  await expect(dial()).rejects.toMatchObject({ details: { code: 'ECONNREFUSED' } });
  const [first] = opened;
  if (first === undefined) throw new Error('no connection was opened');
  first.destroy();
  await once(first, 'close');
  await dial();
});

it('the connection of the other VM is passed on', async () => {
  const stream = new PassThrough();
  const { dial } = runningDb(async () => stream);
  const web = { ...sandbox('web', []), dependsOn: [{ name: 'db', condition: 'started' as const }] };
  const [db] = reachableSandboxes(web, others, dial);
  expect(await db?.connect(1, new AbortController().signal)).toBe(stream);
});

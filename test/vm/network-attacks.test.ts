import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ADDRESS_ATTACKS } from './attacks/addresses.ts';
import { LAST_ATTACKS, ROOT_ATTACKS } from './attacks/as-root.ts';
import { chosen } from './attacks/attack.ts';
import { type AttackLab, openLab } from './attacks/attack-lab.ts';
import { attempt } from './attacks/attempt.ts';
import { CANARY_ANSWER } from './attacks/canaries.ts';
import { DATAGRAM_ATTACKS } from './attacks/datagrams.ts';
import { HOST_PROCESS_ATTACKS } from './attacks/host-process.ts';
import { NAME_ATTACKS } from './attacks/names.ts';
import { FORM_ATTACKS } from './attacks/request-forms.ts';
import { LIMIT_ATTACKS, SMUGGLING_ATTACKS } from './attacks/smuggling.ts';

const ATTACKS = [
  ...HOST_PROCESS_ATTACKS,
  ...chosen(ADDRESS_ATTACKS),
  ...chosen(NAME_ATTACKS),
  ...chosen(FORM_ATTACKS),
  ...chosen(SMUGGLING_ATTACKS),
  ...chosen(DATAGRAM_ATTACKS),
  ...chosen(LIMIT_ATTACKS),
  ...ROOT_ATTACKS,
  ...LAST_ATTACKS,
];

let lab: AttackLab;
/** The address that the guest knows control.test by. */
let controlAddress = '';

beforeAll(async () => {
  lab = await openLab();
});

afterAll(() => lab?.close());

beforeEach(() => {
  lab.spies.clear();
  lab.events.length = 0;
});

it('the canaries are there: the host reaches each, and the guest the one that extra_hosts names', async () => {
  const { canaries } = lab;
  for (const host of ['127.0.0.1', '::1', ...canaries.addresses]) {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(canaries.port, host, () => socket.write('hello'));
      socket.once('data', (bytes) => resolve(String(bytes))).once('error', reject);
    });
    expect(answer).toContain(CANARY_ANSWER);
  }
  expect(canaries.hits.splice(0)).toHaveLength(2 + canaries.addresses.length);
  controlAddress = (
    await lab.run("getent ahostsv4 control.test | awk 'NR == 1 { print $1 }'")
  ).trim();
  expect(await lab.run('curl -sS http://control.test/')).toBe(`${CANARY_ANSWER}\n`);
  expect(canaries.hits.splice(0)).toEqual(['tcp 127.0.0.1']);
});

it.each(ATTACKS.map((attack) => [attack.name, attack] as const))('%s', (_, attack) =>
  attempt(lab, attack),
);

it('no name that policy denies was ever asked of a resolver', () => {
  const asked = lab.resolved.filter((name) => /denied|tunnel|secret|gondolin/.test(name));
  expect(asked).toEqual([]);
  expect(lab.resolved.length).toBeGreaterThan(0);
});

it('the guest did change the file that it shares: no run of its own read it', () => {
  expect(readFileSync(join(lab.project, 'gondolin.yaml'), 'utf8')).toContain('mode: open');
});

it('streams that root forges on the virtio port are judged by the host: no capture is trusted', async () => {
  const { canaries, events, target } = lab;
  const addresses = ['127.0.0.1', '::1', '::ffff:127.0.0.1', target.hostAddress, '169.254.169.254'];
  const port = String(canaries.port);
  const forged = [...addresses.flatMap((address) => [address, port]), controlAddress, '80'];
  // The agent may end over answers to streams that are none of its own.
  const run = lab.run(`/attack/hostile open ${forged.join(' ')}`).then(
    () => null,
    (error: unknown) => error,
  );
  await expect.poll(() => canaries.hits, { timeout: 10_000 }).toEqual(['tcp 127.0.0.1']);
  // How many are judged before the agent ends, and its VM with it, is a race: none may pass.
  const blocked = () => events.flatMap((event) => (event.kind === 'blocked' ? [event.host] : []));
  await expect.poll(blocked, { timeout: 10_000 }).toContain('127.0.0.1');
  await run;
  const passed = events.filter((event) => event.kind === 'request' || event.kind === 'response');
  expect(passed.filter((event) => addresses.includes(event.host ?? ''))).toEqual([]);
  expect(canaries.hits.splice(0)).toEqual(['tcp 127.0.0.1']);
});

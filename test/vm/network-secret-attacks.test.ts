import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { chosen } from './attacks/attack.ts';
import { type AttackLab, openLab, VALUE } from './attacks/attack-lab.ts';
import { attempt } from './attacks/attempt.ts';
import { BACK_ATTACKS } from './attacks/secrets-back.ts';
import { BODY_ATTACKS } from './attacks/secrets-in-bodies.ts';
import { OUT_ATTACKS } from './attacks/secrets-out.ts';

let lab: AttackLab;

beforeAll(async () => {
  lab = await openLab();
});

afterAll(() => lab?.close());

beforeEach(() => {
  lab.spies.clear();
  lab.events.length = 0;
});

it('the secret is there: the listed host gets its value, and a placeholder is all the guest has', async () => {
  await lab.run('curl -sS -H "authorization: Bearer $TOKEN" https://api.test/');
  expect(lab.spies.received('api.test')).toContain(VALUE);
  expect(lab.target.placeholder).toMatch(/^GONDOLIN_SECRET_[0-9a-f]{32}$/);
});

it.each(
  [...chosen(OUT_ATTACKS), ...chosen(BODY_ATTACKS), ...chosen(BACK_ATTACKS)].map(
    (attack) => [attack.name, attack] as const,
  ),
)('%s', (_, attack) => attempt(lab, attack));

it('no name that holds a placeholder was ever asked of a resolver', () => {
  expect(lab.resolved.filter((name) => /denied|secret|gondolin/.test(name))).toEqual([]);
});

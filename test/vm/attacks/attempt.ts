import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { type AttackLab, VALUE } from './attack-lab.ts';
import { CANARY_ANSWER } from './canaries.ts';
import { formsOf } from './value-forms.ts';

/** Runs one row and holds it to all that must never happen, and to what it says itself. */
export async function attempt(lab: AttackLab, attack: Attack): Promise<void> {
  const output = await lab.run(attack.line(lab.target));
  expect(lab.canaries.hits.splice(0), output).toEqual([]);
  expect(output).not.toContain(CANARY_ANSWER);
  for (const form of formsOf(VALUE)) expect(output).not.toContain(form);
  expect(output).toMatch(attack.sees);
  if (attack.seesNot !== undefined) expect(output).not.toMatch(attack.seesNot);
  const arrived = lab.spies.all().trim();
  expect(arrived).not.toContain(lab.target.placeholder);
  if (attack.arrives === undefined) expect(arrived).toBe('');
  else if (attack.arrives !== 'anything') expect(arrived).toMatch(attack.arrives);
  const elsewhere = ['other.test', 'plain.test', 'db.test', 'pin.test'] as const;
  for (const name of elsewhere) expect(lab.spies.received(name)).not.toContain(VALUE);
  if (attack.event !== undefined) {
    await expect.poll(() => lab.events).toContainEqual(expect.objectContaining(attack.event));
  }
  expect(JSON.stringify(lab.events)).not.toContain(VALUE);
}

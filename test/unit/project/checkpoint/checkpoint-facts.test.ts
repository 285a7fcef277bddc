import { expect, it } from 'vitest';
import {
  type CheckpointFacts,
  checkpointFacts,
} from '../../../../src/project/checkpoint/checkpoint-facts.ts';
import { decodeOrNull } from '../../../../src/util/json-decoder.ts';

const read = (text: string) => decodeOrNull(text, checkpointFacts);

const FACTS: CheckpointFacts = {
  version: 1,
  key: 'a'.repeat(64),
  project: 'shop',
  sandbox: 'test',
  step: 'install',
  createdAtMs: 1,
  steps: [
    { status: 'succeeded', exitCode: 0, durationMs: 5, reason: null, outputs: { version: '1.2' } },
    { status: 'skipped', exitCode: null, durationMs: 0, reason: 'nothing failed', outputs: {} },
  ],
};

it('checkpointFacts reads what was written', () => {
  expect(read(JSON.stringify(FACTS))).toEqual(FACTS);
});

it('checkpointFacts refuses every text that was cut off', () => {
  const text = JSON.stringify(FACTS);
  for (let end = 0; end < text.length; end += 1) expect(read(text.slice(0, end))).toBeNull();
});

it.each([
  ['null'],
  ['[]'],
  [JSON.stringify({ ...FACTS, version: 2 })],
  [JSON.stringify({ ...FACTS, sandbox: 1 })],
  [JSON.stringify({ ...FACTS, steps: [{ ...FACTS.steps[0], status: 'failed' }] })],
  [JSON.stringify({ ...FACTS, steps: [{ ...FACTS.steps[0], exitCode: -1 }] })],
  [JSON.stringify({ ...FACTS, steps: [{ ...FACTS.steps[0], outputs: { version: 1 } }] })],
  [JSON.stringify({ ...FACTS, steps: [null] })],
])('checkpointFacts refuses %s', (text) => {
  expect(read(text)).toBeNull();
});

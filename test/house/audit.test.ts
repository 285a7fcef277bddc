import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { BLOCK_REASONS } from '../../src/net/refusal/refusal.ts';
import {
  askEvent,
  blockedEvent,
  connectionEndEvent,
  connectionEvent,
  dnsEvent,
  leakEvent,
  requestEvent,
  responseEvent,
  sshCommandEvent,
} from '../fixtures/network-events.ts';

const docs = readFileSync(resolve(import.meta.dirname, '../../docs/network-audit.md'), 'utf8');
const events = [
  ...[dnsEvent(), connectionEvent(), connectionEndEvent(), requestEvent(), responseEvent()],
  ...[sshCommandEvent(), blockedEvent(), askEvent(), leakEvent()],
];
/** On every line, under other names. */
const COMMON = ['kind', 'timestampMs'];

/** Field names of a row, in the order of the docs. A word in brackets is a value, not a field. */
function fieldsOf(kind: string): string[] {
  const row = docs.split('\n').find((line) => line.startsWith(`| \`${kind}\` |`)) ?? '';
  const fields =
    row
      .split(' | ')
      .at(-1)
      ?.replaceAll(/\([^)]*\)/g, '') ?? '';
  return [...fields.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
}

it.each(events)(
  'docs/network-audit.md lists the fields of a $kind event, and no other',
  (event) => {
    const listed = fieldsOf(event.kind);
    const base = listed.includes('request') ? fieldsOf('request') : [];
    const fields = [...base, ...listed.filter((field) => field !== 'request')];
    const given = Object.keys(event).filter((field) => !COMMON.includes(field));
    expect(fields.toSorted()).toEqual(given.toSorted());
  },
);

it('docs/network-audit.md has a row for each kind of event', () => {
  const section = docs.slice(docs.indexOf('| kind |'), docs.indexOf('`reason` is'));
  const kinds = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((row) => row[1]);
  expect(kinds).toEqual(events.map(({ kind }) => kind));
});

it('docs/network-audit.md names each reason', () => {
  const text = /`reason` is ([^.]*)\./.exec(docs)?.[1] ?? '';
  const named = [...text.matchAll(/`(\w+)`/g)].map((match) => match[1]);
  expect(named).toEqual([...BLOCK_REASONS]);
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { networkLines } from '../../../../src/cli/ui/network-report.ts';
import { plainPaint } from '../../../../src/cli/ui/text/paint.ts';
import { isHarEvent, toHarEntry } from '../../../../src/net/audit/har-entry.ts';
import type { NetworkEvent } from '../../../../src/net/audit/network-event.ts';
import { NetworkTally } from '../../../../src/net/audit/network-tally.ts';
import { redactEvent } from '../../../../src/net/audit/redact-event.ts';
import { createSecretMask, maskEvent } from '../../../../src/net/audit/secret-mask.ts';
import {
  blockedEvent,
  connectionEndEvent,
  connectionEvent,
  dnsEvent,
  leakEvent,
  requestEvent,
  responseEvent,
} from '../../../fixtures/network-events.ts';

const everyByte = (text: string) => Buffer.from(text).toString('hex').replace(/../g, '%$&');

/** How a server or a guest may write a value; `salt` makes the choice of a form that has several. */
const FORMS: readonly ((value: string, salt: number) => string)[] = [
  (value) => value,
  (value) => encodeURIComponent(value),
  (value) => encodeURIComponent(value).replaceAll('%20', '+').toLowerCase(),
  everyByte,
  (value) => everyByte(value).toUpperCase(),
  (value, salt) => {
    const at = salt % value.length;
    // What else would be read as an encoding is always written so.
    return [...value]
      .map((one, index) => (index === at || /[^!-~]|[%+]/.test(one) ? everyByte(one) : one))
      .join('');
  },
  (value) => JSON.stringify(value),
  (value, salt) => Buffer.from('#'.repeat(salt % 3) + value).toString('base64'),
  (value, salt) => Buffer.from(`${'#'.repeat(salt % 3)}${value}!`).toString('base64url'),
  (value) => Buffer.from(value).toString('hex'),
  (value) => Buffer.from(value).toString('hex').toUpperCase(),
  // A header is bytes: UTF-8 in it comes out as one character each.
  (value) => Buffer.from(value).toString('latin1'),
];

/** Each text of the guest or a server that an event can hold. */
const EVENTS: readonly ((text: string) => NetworkEvent)[] = [
  (name) => dnsEvent({ name }),
  (host) => connectionEvent({ host }),
  (error) => connectionEndEvent({ error }),
  (text) => requestEvent({ url: `https://api.test/${text}` }),
  (text) => requestEvent({ url: `https://api.test/?q=${text}&b=1` }),
  (text) => requestEvent({ url: `https://${text}@api.test/#${text}` }),
  (text) => requestEvent({ requestHeaders: [['x-a', `a ${text} b`]] }),
  (text) => requestEvent({ requestHeaders: [['cookie', `${text}=1; a=${text}`]] }),
  (text) => requestEvent({ method: text, host: text }),
  (text) => responseEvent({ url: `https://api.test/?${text}=1&b=${text}` }),
  (text) => responseEvent({ statusText: text }),
  (text) => responseEvent({ error: `broke at ${text}` }),
  (text) => responseEvent({ responseHeaders: [[`x-${text}`, '1']] }),
  (text) => responseEvent({ responseHeaders: [['location', `/next?a=${text}`]] }),
  (text) => responseEvent({ responseHeaders: [['set-cookie', `${text}=${text}; Path=/`]] }),
  (text) => responseEvent({ responseHeaders: [['content-type', `text/${text}`]] }),
  (text) => responseEvent({ requestHeaders: [['x-a', `${'p'.repeat(8185)}${text}`]] }),
  (text) => blockedEvent({ host: text, url: `https://${text}/${text}` }),
  (text) => blockedEvent({ rule: text, suggestion: text }),
  (text) => leakEvent({ host: text, url: `http://a.test/${text}` }),
];

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsOf(item)]);
}

/** What a reader makes of a text that has percent signs. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

/** Everything that is made of an event: for programs, `--events`, `--har` and the summary. */
function outputsOf(event: NetworkEvent): string[] {
  const tally = new NetworkTally();
  const first = tally.add(event);
  const network = tally.summary();
  const result = { status: 'succeeded', exitCode: 0, durationMs: 1, error: null } as const;
  const box = {
    name: 'box',
    ...result,
    bootMs: null,
    kernel: null,
    steps: [],
    service: null,
    artifacts: null,
    tests: null,
    usage: null,
    writtenFiles: { files: [], omitted: 0 },
    network,
  };
  const har = isHarEvent(event) ? toHarEntry({ sandbox: 'box', event }) : null;
  return textsOf([event, redactEvent(event), first, network, networkLines(box, plainPaint), har]);
}

/** No text of the events' own by chance. */
const VALUES = fc.oneof(
  fc.string({ minLength: 10, maxLength: 40, unit: 'grapheme-ascii' }),
  fc.string({ minLength: 10, maxLength: 40, unit: 'grapheme' }),
);

it('no value of a secret is in anything that is told of an event, whatever form it comes in', () => {
  fc.assert(
    fc.property(
      VALUES.filter((value) => value === value.trim() && /[A-Z]{2}|\d{2}|[^\w]/.test(value)),
      fc.constantFrom(...FORMS),
      fc.constantFrom(...EVENTS),
      fc.nat(1000),
      (value, form, eventOf, salt) => {
        const mask = createSecretMask([{ name: 'TOKEN', value }]);
        const text = form(value, salt);
        const isTelling = (output: string) =>
          output.includes(text) ||
          output.includes(value) ||
          decoded(output).includes(value) ||
          decoded(output.replaceAll('+', ' ')).includes(value);
        expect(outputsOf(maskEvent(eventOf(text), mask)).filter(isTelling)).toEqual([]);
      },
    ),
    { numRuns: 500 },
  );
});

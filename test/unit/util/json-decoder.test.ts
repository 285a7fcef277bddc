import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  anything,
  boolean,
  type Decoder,
  decodeJson,
  decodeOrNull,
  decodeValue,
  integer,
  list,
  literal,
  nullable,
  number,
  object,
  record,
  sha256,
  tagged,
  text,
  tuple,
  withDefault,
} from '../../../src/util/json-decoder.ts';

const shape = tagged<object>('kind', {
  circle: object({ kind: literal('circle'), radius: integer({ min: 1, max: 9 }) }),
  label: object({ kind: literal('label'), words: list(text({ maxLength: 3 }), { maxLength: 2 }) }),
});
const everything = object({
  version: literal(1, 2),
  digest: sha256,
  share: number,
  isOn: boolean,
  name: text({ pattern: /^[a-z]+$/ }),
  owner: nullable(text()),
  pair: tuple<[string, number]>(text(), integer()),
  files: record(['a', 'b'], integer()),
  extra: withDefault(boolean, false),
  shapes: list(shape),
  rest: anything,
});
const GOOD = {
  version: 2,
  digest: 'a'.repeat(64),
  share: 0.5,
  isOn: true,
  name: 'box',
  owner: null,
  pair: ['x', 1],
  files: { a: 1, b: 2 },
  extra: true,
  shapes: [
    { kind: 'circle', radius: 9 },
    { kind: 'label', words: ['abc', ''] },
  ],
  rest: [1, null],
};

it('decodeJson() reads back every form that was written', () => {
  expect(decodeJson(JSON.stringify(GOOD), everything)).toEqual({ ok: true, value: GOOD });
});

it('decodeJson() refuses every text that was cut off', () => {
  const json = JSON.stringify(GOOD);
  for (let end = 0; end < json.length; end += 1) {
    expect(decodeJson(json.slice(0, end), everything)).toEqual({
      ok: false,
      problem: 'it is not JSON',
    });
  }
});

it.each<[string, unknown]>([
  ['the whole', null],
  ['the whole', [GOOD]],
  ['version', { ...GOOD, version: 3 }],
  ['version', { ...GOOD, version: '1' }],
  ['digest', { ...GOOD, digest: 'A'.repeat(64) }],
  ['share', { ...GOOD, share: '1' }],
  ['isOn', { ...GOOD, isOn: 1 }],
  ['name', { ...GOOD, name: 'Box' }],
  ['name', { ...GOOD, name: undefined }],
  ['owner', { ...GOOD, owner: undefined }],
  ['pair', { ...GOOD, pair: ['x', 1, 2] }],
  ['pair[1]', { ...GOOD, pair: ['x', -1] }],
  ['files', { ...GOOD, files: { a: 1 } }],
  ['files', { ...GOOD, files: { a: 1, b: 2, c: 3 } }],
  ['files.b', { ...GOOD, files: { a: 1, b: 1.5 } }],
  ['extra', { ...GOOD, extra: null }],
  ['shapes', { ...GOOD, shapes: {} }],
  ['shapes[0].kind', { ...GOOD, shapes: [{ kind: 'square' }] }],
  ['shapes[0].kind', { ...GOOD, shapes: [{ kind: 'constructor' }] }],
  ['shapes[0].radius', { ...GOOD, shapes: [{ kind: 'circle', radius: 10 }] }],
  ['shapes[0].words', { ...GOOD, shapes: [{ kind: 'label', words: ['', '', ''] }] }],
  ['shapes[0].words[1]', { ...GOOD, shapes: [{ kind: 'label', words: ['', 'abcd'] }] }],
  ['shapes[1]', { ...GOOD, shapes: [GOOD.shapes[0], null] }],
])('decodeValue() names %s as the field that is wrong', (field, value) => {
  const decoded = decodeValue(value, everything);
  expect(decoded.ok ? '' : decoded.problem.split(':')[0]).toBe(field);
});

it('a problem shows the type of a value and never the value', () => {
  const decoded = decodeValue({ token: 'sk-secret' }, object({ token: integer() }));
  expect(decoded).toMatchObject({
    problem: 'token: got a string, want an integer from 0 to 9007199254740991',
  });
});

it('object() returns only its own fields, and gives withDefault() what is missing', () => {
  const one = object({ a: integer(), b: withDefault(boolean, false) });
  expect(decodeOrNull('{"a":1,"c":2,"__proto__":{"b":true}}', one)).toEqual({ a: 1, b: false });
});

it('decodeOrNull() returns null for a missing file, a damaged text and another form', () => {
  for (const json of [null, '{', '[]', '{"a":-1}']) {
    expect(decodeOrNull(json, object({ a: integer() }))).toBeNull();
  }
});

it('decodeJson() never throws, whatever the text is', () => {
  const decoders: Decoder<unknown>[] = [everything, shape, list(text()), record([], text())];
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.constantFrom(...decoders), (json, decoder) => {
      expect(typeof decodeJson(json, decoder).ok).toBe('boolean');
    }),
  );
});

import { BASE64_OFFSETS, base64Core } from '../search/base64-core.ts';
import { BytePattern, type PatternElement } from '../search/byte-pattern.ts';
import { escapedForms } from '../search/escaped-forms.ts';
import { SAFE_SECRET_BYTES } from '../secret-value.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const ODD_DIGIT = String.raw`%2[bf]|\\u002[bf]|\\/`;
const FIRST_DIGIT = new RegExp(`^(?:${ODD_DIGIT}|.)`, 'is');
const LAST_DIGIT = new RegExp(`(?:${ODD_DIGIT}|.)$`, 'is');

/** The forms of one base64 digit: both alphabets, and their escapes in URLs and JSON. */
function digitForms(digit: number): Buffer[] {
  if (digit === 62) return [Buffer.from('-'), ...escapedForms('+')];
  if (digit === 63) return [Buffer.from('_'), ...escapedForms('/')];
  return [Buffer.from(DIGITS.charAt(digit))];
}

function formDigit(form: string): number {
  if (/^(?:-|\+|.*2b)$/i.test(form) && form !== 'b' && form !== 'B') return 62;
  if (/^(?:_|\\?\/|.+2f)$/i.test(form)) return 63;
  return DIGITS.indexOf(form);
}

function textOfDigit(digit: number, matched: string): string {
  if (digit < 62) return DIGITS.charAt(digit);
  const isUrlAlphabet = /[-_]/.test(matched);
  return (isUrlAlphabet ? '-_' : '+/').charAt(digit - 62);
}

/** A digit with some bits of the value (`fixed` under `mask`); the others belong to its neighbour. */
function sharedDigit(mask: number, fixed: number): PatternElement {
  const digits = [...DIGITS].map((_, digit) => digit).filter((digit) => (digit & mask) === fixed);
  return digits.flatMap(digitForms);
}

interface Shared {
  readonly mask: number;
  readonly bits: number;
}

/** The digits at both ends, with their bits of `bytes`. */
function sharedBits(bytes: Buffer, offset: 0 | 1 | 2): { left: Shared; right: Shared } {
  const { leftBits, rightBits } = base64Core(bytes, offset);
  const first = bytes[0] ?? 0;
  const last = bytes.at(-1) ?? 0;
  const rightMask = (1 << rightBits) - 1;
  const shift = 6 - rightBits;
  return {
    left: { mask: (1 << leftBits) - 1, bits: first >> (8 - leftBits) },
    right: { mask: rightMask << shift, bits: (last & rightMask) << shift },
  };
}

/**
 * Matches the value inside a longer base64 text. A match is replaced digit by digit, and the bits of its neighbours are
 * kept: it decodes to the placeholder, padded with `_` so that what follows keeps its position.
 */
function base64Pattern(value: Buffer, placeholder: string, offset: 0 | 1 | 2): BytePattern {
  const core = base64Core(value, offset);
  const { left, right } = sharedBits(value, offset);
  const fill = (((value.length - placeholder.length) % 3) + 3) % 3;
  const filled = Buffer.from(placeholder + '_'.repeat(fill));
  const shared = sharedBits(filled, offset);
  const replacement = base64Core(filled, offset).text;
  const elements = [
    ...(core.leftBits === 0 ? [] : [sharedDigit(left.mask, left.bits)]),
    ...[...core.text].map((digit) => digitForms(DIGITS.indexOf(digit))),
    ...(core.rightBits === 0 ? [] : [sharedDigit(right.mask, right.bits)]),
  ];
  const mix = (form: RegExp, { mask, bits }: Shared, text: string): string => {
    if (mask === 0) return '';
    const old = formDigit(form.exec(text)?.[0] ?? '');
    return textOfDigit((old & ~mask & 63) | bits, text);
  };
  return new BytePattern(elements, (matched) => {
    const text = matched.toString('latin1');
    const before = mix(FIRST_DIGIT, shared.left, text);
    const after = mix(LAST_DIGIT, shared.right, text);
    return Buffer.from(before + replacement + after, 'latin1');
  });
}

function fixedPattern(text: string, replacement: string): BytePattern {
  const bytes = Buffer.from(replacement, 'latin1');
  return new BytePattern([[Buffer.from(text, 'latin1')]], () => bytes);
}

/**
 * Returns the patterns of one value in a response, with their replacements. Values under 8 bytes are searched for in their
 * plain and escaped forms only, because other forms would match by chance.
 */
export function secretPatterns(value: string, placeholder: string): BytePattern[] {
  const bytes = Buffer.from(value, 'utf8');
  const plain = Buffer.from(placeholder, 'latin1');
  const patterns = [new BytePattern([...value].map(escapedForms), () => plain)];
  if (bytes.length < SAFE_SECRET_BYTES) return patterns;
  const hex = bytes.toString('hex');
  const hexPlaceholder = plain.toString('hex');
  const percent = hex.replace(/../g, '%$&');
  return [
    ...patterns,
    ...BASE64_OFFSETS.map((offset) => base64Pattern(bytes, placeholder, offset)),
    fixedPattern(hex, hexPlaceholder),
    fixedPattern(hex.toUpperCase(), hexPlaceholder.toUpperCase()),
    fixedPattern(percent, placeholder),
    fixedPattern(percent.toUpperCase(), placeholder),
  ];
}

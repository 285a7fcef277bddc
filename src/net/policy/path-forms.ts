const MAX_DECODES = 3;
/** Characters that a server may leave as `%XX` when it decodes a path once: separators and `%`, one kind of separator, or none. */
const KEPT_ESCAPES = ['/\\%', '/', '\\', ''];
/** A path that has one reading only: no escape, `\`, `;`, `#`, empty segment, nor one that starts with a dot. */
const PLAIN = /^(?:\/[^%\\;#./][^%\\;#/]*)*\/?$/;

/** Decodes `%XX` of printable ASCII but not of the characters in `kept`; other escapes become upper case. */
export function decodeOnce(text: string, kept: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (written, hex: string) => {
    const code = Number.parseInt(hex, 16);
    const character = String.fromCharCode(code);
    const isPlain = code > 0x20 && code < 0x7f && !kept.includes(character);
    return isPlain ? character : written.toUpperCase();
  });
}

/** Resolves `.` and `..` as in RFC 3986 §5.2.4: an empty segment counts as one. A trailing slash is kept. */
function resolveDots(path: string): string {
  const segments: string[] = [];
  const given = path.split('/').slice(1);
  for (const segment of given) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  const last = given.at(-1);
  const isCut = (last === '.' || last === '..') && segments.length > 0;
  return `/${segments.join('/')}${isCut ? '/' : ''}`;
}

function turnSlashes(path: string): string {
  return path.replaceAll('\\', '/');
}

function mergeSlashes(path: string): string {
  return path.replace(/\/{2,}/g, '/');
}

/** Readings of one decoded path by servers: as it is, RFC 3986, `\` as `/` (WHATWG URL), `//` as `/`, no `;parameters`. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  resolveDots,
  (path) => resolveDots(turnSlashes(path)),
  (path) => resolveDots(mergeSlashes(turnSlashes(path))),
  (path) => resolveDots(mergeSlashes(turnSlashes(path.replace(/;[^/\\]*/g, '')))),
];

function decodeFully(path: string): string {
  let decoded = path;
  for (let round = 0; round < MAX_DECODES; round++) decoded = decodeOnce(decoded, '');
  return decoded;
}

/** Returns the path of a request target without its query, and with `%XX` for all but printable ASCII. A `#` is kept. */
export function targetPath(target: string): string {
  const path = target.split('?', 1)[0] ?? '';
  return path.replace(/[^\x21-\x7e]/gu, (character) =>
    Buffer.from(character).reduce(
      (text, byte) => `${text}%${byte.toString(16).padStart(2, '0').toUpperCase()}`,
      '',
    ),
  );
}

/**
 * Returns every path that a server may read a request target as: each of {@link READINGS} of the path decoded once, with
 * each of {@link KEPT_ESCAPES}, and decoded repeatedly. A plain path has one. A rule that allows must cover all of them and
 * a rule that denies any one, so that an odd spelling evades neither.
 * @param target  Untrusted: path and query of a request.
 */
export function pathForms(target: string): readonly string[] {
  const path = targetPath(target);
  if (PLAIN.test(path)) return [path];
  // An honest client sends no fragment; a server may cut it off or treat it as part of the path.
  const paths = [path, path.split('#', 1)[0] ?? ''];
  const decoded = paths.flatMap((text) => [
    ...KEPT_ESCAPES.map((kept) => decodeOnce(text, kept)),
    decodeFully(text),
  ]);
  return [...new Set(decoded.flatMap((text) => READINGS.map((read) => read(text))))];
}

/** White space and control characters as `%XX`, and dots: some servers strip them from a name. */
const CUT_BEFORE = /^(?:%(?:0[\da-f]|20|c2%a0))+/;
const CUT_AFTER = /(?:%(?:0[\da-f]|20|c2%a0)|\.)+$/;

/**
 * Returns the segments of a path for a rule that denies, without what servers may ignore: case, trailing slashes, white
 * space and control characters around a name, dots after it, and everything after a NUL.
 */
export function looseSegments(segments: readonly string[]): readonly string[] {
  const [path = ''] = segments.join('/').toLowerCase().split('%00', 1);
  const loose = path.split('/').map((name) => name.replace(CUT_BEFORE, '').replace(CUT_AFTER, ''));
  while (loose.at(-1) === '') loose.pop();
  return loose;
}

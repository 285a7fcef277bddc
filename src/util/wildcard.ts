/**
 * Returns true when the text matches the pattern: `*` matches any run, also an empty one, and any other character itself.
 * At most `pattern × text` steps: no input makes it as slow as a regular expression can be.
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      starAt = patternAt++;
      resumeAt = textAt;
    } else if (wanted === text[textAt]) {
      patternAt++;
      textAt++;
    } else if (starAt !== -1) {
      // The last star takes one character more, and the rest is matched again from there.
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else return false;
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}

/**
 * Returns true when the parts (path segments) match the patterns, of which `**` matches any number of parts, also none.
 * The bound of {@link matchesWildcard} holds per part.
 */
export function matchesParts(patterns: readonly string[], parts: readonly string[]): boolean {
  let patternAt = 0;
  let partAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (partAt < parts.length) {
    const wanted = patterns[patternAt];
    if (wanted === '**') {
      starAt = patternAt++;
      resumeAt = partAt;
    } else if (wanted !== undefined && matchesWildcard(wanted, parts[partAt] ?? '')) {
      patternAt++;
      partAt++;
    } else if (starAt !== -1) {
      patternAt = starAt + 1;
      partAt = ++resumeAt;
    } else return false;
  }
  while (patterns[patternAt] === '**') patternAt++;
  return patternAt === patterns.length;
}

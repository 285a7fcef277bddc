/**
 * Matches `*` (any run, also empty); every other character stands for itself. Linear in memory,
 * at most `pattern × text` steps: no input makes it slow as a regular expression can be.
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
      // The last star takes one character more, and the rest is tried again from there.
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else return false;
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}

/**
 * Matches a list of parts (path segments) against a list of patterns, where the pattern `**` stands for any number of
 * parts, also none. Same bound as {@link matchesWildcard}, per part.
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

const GLOB_CHARACTERS = /[*?[\]{}()!\\]/;

/** Returns true when the text may be a glob, false when it can only be a plain path. */
export function mayBeGlob(text: string): boolean {
  return GLOB_CHARACTERS.test(text);
}

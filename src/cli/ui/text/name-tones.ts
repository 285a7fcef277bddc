import type { Tone } from './paint.ts';

/** Colours of sandboxes' names: not those of success and failure. */
const NAME_TONES: readonly Tone[] = ['cyan', 'magenta', 'blue', 'yellow'];

/** Gives each of several sandboxes a colour, in their order; one alone needs none. */
export function nameTones(names: readonly string[]): Map<string, Tone> {
  if (names.length < 2) return new Map();
  return new Map(names.map((name, at) => [name, NAME_TONES[at % NAME_TONES.length] ?? 'cyan']));
}

import { AnsiUp } from 'ansi_up';
import { collapseRedraws } from '../plain-output.ts';

/** Sequences other than colours: their text must not show up, and a link of a guest must not be one. */
const OTHER_SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is where control characters are looked for.
  /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b\[[0-?]*[ -/]*[@-ln-~]|\u001b[PX^_][^\u001b]*\u001b\\|\u001b[ -/]*[0-Z\\^-~](?<!\u001b\[)/g;

/** Control characters but tab, line feed and the escape of a colour; lone surrogates, which no encoding of the page has. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour stays.
const UNPRINTABLE = /[^\P{Cc}\t\n\u001b]|\p{Cs}/gu;

/** Returns the output of a guest as HTML with classes for its colours (`ansi-red-fg`), everything else escaped. */
export function ansiHtml(text: string): string {
  const converter = new AnsiUp();
  converter.use_classes = true;
  // Sequences of 24-bit colours are the only ones that need a style of their own.
  converter.url_allowlist = {};
  const lines = collapseRedraws(text).replaceAll(OTHER_SEQUENCES, '').replaceAll(UNPRINTABLE, '');
  return converter.ansi_to_html(lines).replaceAll('\u001b', '');
}

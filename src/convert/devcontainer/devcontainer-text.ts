import { posix } from 'node:path';
import { literalText } from '../yaml-writer.ts';

/** The places that variables of a dev container file stand for. */
export interface DevcontainerPlaces {
  /** Host directory of the repository, as the written file spells it. */
  readonly root: string;
  /** Guest path of the repository. */
  readonly workspace: string;
  /** Name of the repository's directory. */
  readonly basename: string;
}

export type DevcontainerText =
  | { readonly text: string; readonly literal: string; readonly problem?: never }
  | { readonly problem: string };

const VARIABLE = /\$\{([^}]{0,200})\}/g;
const LOCAL_ENV = /^(?:localEnv|env):([A-Za-z_][A-Za-z0-9_]*)(?::([^$]*))?$/;

function placeOf(name: string, places: DevcontainerPlaces): string | undefined {
  switch (name) {
    case 'localWorkspaceFolder':
      return places.root;
    case 'containerWorkspaceFolder':
      return places.workspace;
    case 'localWorkspaceFolderBasename':
      return places.basename;
    case 'containerWorkspaceFolderBasename':
      return posix.basename(places.workspace);
    default:
      return undefined;
  }
}

/** Converts the variables of a dev container file, such as `${localEnv:HOME}` and `${containerWorkspaceFolder}`. Never throws. */
export function fromDevcontainerText(text: string, places: DevcontainerPlaces): DevcontainerText {
  if (text.includes('\0')) return { problem: 'a NUL character' };
  let [written, literal, at] = ['', '', 0];
  for (const match of text.matchAll(VARIABLE)) {
    const between = text.slice(at, match.index);
    at = match.index + match[0].length;
    const [, name = ''] = match;
    const place = placeOf(name, places);
    const [, variable, fallback = ''] = LOCAL_ENV.exec(name) ?? [];
    if (place === undefined && variable === undefined) {
      return { problem: `the variable ${name.split(':', 1)[0]}, which has no value here` };
    }
    written +=
      literalText(between) +
      (place === undefined ? `\${${variable}:-${fallback}}` : literalText(place));
    literal += between + (place ?? fallback);
  }
  const rest = text.slice(at);
  return { text: written + literalText(rest), literal: literal + rest };
}

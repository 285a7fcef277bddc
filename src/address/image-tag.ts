const NAME = /^([a-z0-9][a-z0-9_.-]{0,62})(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,62}))?$/;
const DIRECTORY = /^([a-z0-9][a-z0-9_.-]{0,62})@([A-Za-z0-9_][A-Za-z0-9_.-]{0,62})$/;
/** The version of a name that is written without one. */
const USUAL_VERSION = 'latest';

/** A name that a user gave an image of this machine: `tools`, or `tools:2`. */
export interface ImageTag {
  readonly name: string;
  readonly version: string;
}

/** Reads `NAME` or `NAME:VERSION`; null for another form. */
export function parseImageTag(text: string): ImageTag | null {
  const [, name, version = USUAL_VERSION] = NAME.exec(text) ?? [];
  return name === undefined ? null : { name, version };
}

/** The name as users write it: without the version that is not written. */
export function formatImageTag({ name, version }: ImageTag): string {
  return version === USUAL_VERSION ? name : `${name}:${version}`;
}

/** The name of the directory of the image. */
export function imageTagDirectory({ name, version }: ImageTag): string {
  return `${name}@${version}`;
}

/** The tag of such a directory; null for another one. */
export function parseImageTagDirectory(directory: string): ImageTag | null {
  const [, name, version] = DIRECTORY.exec(directory) ?? [];
  return name === undefined || version === undefined ? null : { name, version };
}

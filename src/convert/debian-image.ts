import type { YamlEntry, YamlMap } from './yaml-writer.ts';
import { yamlMap } from './yaml-writer.ts';

/** The images that a converted file defines, by name. */
export class ImageTable {
  readonly #images = new Map<string, readonly string[]>();

  /** Adds an image of Debian with these packages. */
  add(name: string, packages: readonly string[]): void {
    this.#images.set(name, packages);
  }

  /** Value of `images:`; undefined when every sandbox uses the built-in image. */
  toYaml(): YamlMap | undefined {
    if (this.#images.size === 0) return undefined;
    return { entries: [...this.#images].map(([name, packages]) => debianImage(name, packages)) };
  }
}

/** The entry of `images:` for a Debian image with more packages. */
export function debianImage(name: string, packages: readonly string[]): YamlEntry {
  const build = yamlMap([
    ['distro', 'debian'],
    ['debian', yamlMap([['packages', packages]])],
  ]);
  return { key: name, value: yamlMap([['build', build]]) };
}

import { type YamlEntry, yamlMap } from './yaml-writer.ts';

/** The entry of `images:` for a Debian image with more packages. */
export function debianImage(name: string, packages: readonly string[]): YamlEntry {
  const build = yamlMap([
    ['distro', 'debian'],
    ['debian', yamlMap([['packages', packages]])],
  ]);
  return { key: name, value: yamlMap([['build', build]]) };
}

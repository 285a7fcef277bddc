import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import type { LayerTree } from '../oci/layer/layer-tree.ts';
import type { LayerFile } from '../oci/layer/merge-layers.ts';
import { readTarEntries } from '../oci/layer/tar-entries.ts';
import { encodeLayerEntry, LAYER_END, tarPadding } from '../oci/layer/tar-writer.ts';
import type { AlpinePlan } from './alpine-plan.ts';
import { buildTime, encodeInstalled, encodeScripts, encodeTriggers } from './installed-database.ts';
import type { InstalledPackage } from './merge-packages.ts';
import type { AlpineScript } from './setup-scripts.ts';

interface GeneratedFile {
  readonly name: string;
  readonly content: Buffer;
  readonly mode: number;
}

/** The files that apk itself writes: its settings and databases, and the scripts that are still to run. */
function listFiles(
  plan: AlpinePlan,
  packages: readonly InstalledPackage[],
  scripts: readonly AlpineScript[],
): GeneratedFile[] {
  const lines = (values: readonly string[]) =>
    Buffer.from(values.map((line) => `${line}\n`).join(''));
  const data = (name: string, content: Buffer) => ({ name, content, mode: 0o644 });
  const owned = new Set(packages.flatMap(({ entries }) => [...entries.keys()]));
  return [
    data('etc/apk/arch', lines([plan.arch])),
    data('etc/apk/repositories', lines(plan.repositories)),
    data('etc/apk/world', lines(plan.world)),
    ...plan.keys
      .map(({ name, pem }) => data(`etc/apk/keys/${name}`, pem))
      // alpine-keys has it.
      .filter(({ name }) => !owned.has(name)),
    data('lib/apk/db/installed', encodeInstalled(packages)),
    data('lib/apk/db/lock', Buffer.alloc(0)),
    data('lib/apk/db/scripts.tar', encodeScripts(packages)),
    data('lib/apk/db/triggers', encodeTriggers(packages)),
    ...scripts.map(({ path, content }) => ({ name: path.slice(1), content, mode: 0o755 })),
  ];
}

/**
 * Makes a layer of these files and puts it over the tree. Their time is that of the newest package: so that equal packages
 * give equal bytes.
 */
export function addGeneratedFiles(
  tree: LayerTree,
  number: number,
  plan: AlpinePlan,
  packages: readonly InstalledPackage[],
  scripts: readonly AlpineScript[],
): LayerFile {
  const mtime = packages.reduce((latest, { file }) => Math.max(latest, buildTime(file.pkg)), 0);
  const files = listFiles(plan, packages, scripts);
  const archive = Buffer.concat([
    ...files.flatMap(({ name, content, mode }) => {
      const entry: LayerEntry = {
        ...{ type: 'file', name, mode, uid: 0, gid: 0, size: content.length, mtime, linkName: '' },
        ...{ major: 0, minor: 0, attributes: new Map() },
      };
      return [encodeLayerEntry(entry), content, tarPadding(content.length)];
    }),
    LAYER_END,
  ]);
  let index = 0;
  readTarEntries(archive, (entry) => {
    tree.apply(entry, number, index);
    index += 1;
  });
  return layerOf(archive);
}

function layerOf(archive: Buffer): LayerFile {
  return {
    diffId: `sha256:${createHash('sha256').update(archive).digest('hex')}`,
    sizeBytes: archive.length,
    open: () => Readable.from([archive]),
  };
}

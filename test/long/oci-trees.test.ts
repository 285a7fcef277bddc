import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DebianRegistry, startDebianRegistry } from '../fixtures/oci/debian-registry.ts';
import { ociRecipe, pullImage } from '../fixtures/oci/pull-image.ts';
import { listTree, pushImage, TEN_IMAGES, unpackWithUmoci } from '../fixtures/oci/ten-images.ts';

// Owners, devices and attributes are compared: only root can unpack them.
describe.runIf(process.getuid?.() === 0)("images in Debian's docker-registry", () => {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-umoci-'));
  let registry: DebianRegistry;
  beforeAll(async () => {
    registry = await startDebianRegistry(directory);
  });
  afterAll(async () => {
    await registry.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each(TEN_IMAGES)(
    '%s: the tree is the one that umoci unpacks',
    async (name) => {
      const { reference, layout } = pushImage(name, directory, registry.host);
      const own = join(directory, name);
      const { path } = await pullImage(own, ociRecipe(reference));
      const unpacked = join(own, 'gondolin');
      execFileSync('unsquashfs', ['-no-progress', '-dest', unpacked, path], { stdio: 'pipe' });
      const wanted = listTree(unpackWithUmoci(layout, join(own, 'umoci')));
      expect(wanted.length).toBeGreaterThan(2);
      expect(listTree(unpacked)).toEqual(wanted);
    },
    120_000,
  );
});

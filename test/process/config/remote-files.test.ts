import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readingFiles } from '../../../src/config/remote-files.ts';
import { canMountFuse, mountFuse } from '../../fixtures/fuse-mount.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it.runIf(canMountFuse)(
  'a project on a FUSE file system is read, and once its server hangs the error says so in time',
  async () => {
    const [directory, point] = [temporaryDirectory(), temporaryDirectory()];
    writeFileSync(join(directory, 'gondolin.yaml'), 'volumes: [".:/w"]\nsteps: [ls]\n');
    const { server, unmount } = await mountFuse(directory, point);
    onTestFinished(unmount);
    const options = { directory: point, env: {} };
    expect((await loadConfig(options)).sandboxes).toHaveLength(1);
    server.kill('SIGSTOP');
    const reading = readingFiles(async ({ readText }) => readText(join(point, 'x')), 300);
    await expect(reading).rejects.toMatchObject({
      code: 'HOST_FILES_UNREACHABLE',
      message: expect.stringContaining(point),
    });
    server.kill('SIGCONT');
    const again = readingFiles(async ({ pathKind }) => pathKind(join(point, 'gondolin.yaml')));
    expect(await again).toBe('file');
  },
);

import fc from 'fast-check';
import { describe, it } from 'vitest';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { RemoteProvider } from '../../../src/vfs/remote/remote-provider.ts';
import { Comparison, operation, PRELUDE, USER } from '../../fixtures/provider-comparison.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

describe.each<{ name: string; runs: number; make: () => VfsProvider }>([
  { name: 'RealFSProvider', runs: 40, make: () => new RealFSProvider(temporaryDirectory()) },
  { name: 'MemoryProvider', runs: 200, make: () => new MemoryProvider() },
  {
    name: 'RemoteProvider',
    runs: 2,
    make: () => new RemoteProvider({ hostPath: temporaryDirectory(), readonlyPaths: [], ttlMs: 0 }),
  },
])('$name', ({ make, runs }) => {
  it('does what the model of a Linux file system does, whatever is asked of it', async () => {
    const steps = fc.array(operation, { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, async (operations) => {
        const provider = make();
        const compared = new Comparison(provider, await provider.start(USER));
        try {
          for (const step of [...PRELUDE, ...operations]) await compared.run(step);
          await compared.sameTree();
        } finally {
          await compared.close();
        }
      }),
      { numRuns: runs },
    );
  });
});

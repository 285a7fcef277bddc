import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Modules by which a test file uses the image of test/fixtures/workload-image.ts. */
const WORKLOAD_MODULES =
  /(?:workload-image|client-sandbox|attack-lab|image-directory|attached-shell)\.ts/;
/** Modules by which a test file installs the packed package. */
const PACKAGE_MODULES = /(?:install-package|pack-package)\.ts/;

function rank({ moduleId }: TestSpecification): number {
  const text = readFileSync(moduleId, 'utf8');
  if (WORKLOAD_MODULES.test(text)) return 2;
  return PACKAGE_MODULES.test(text) ? 1 : 0;
}

/**
 * Runs VM tests that use the package after others, because tests without a VM pack and install it meanwhile. Those that use the
 * workload image come last: it is built while all others run, and takes longest of what a run on a clean machine waits for.
 */
export class WorkloadLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const ranks = new Map(sorted.map((file) => [file, rank(file)]));
    return sorted.toSorted((one, other) => (ranks.get(one) ?? 0) - (ranks.get(other) ?? 0));
  }
}

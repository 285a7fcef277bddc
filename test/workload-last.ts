import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Modules by which a test file uses the image of test/fixtures/workload-image.ts. */
const WORKLOAD_MODULES =
  /(?:workload-image|client-sandbox|attack-lab|image-directory|attached-shell)\.ts/;

/**
 * Runs the files that use the workload image after the others: it is built while these run, and takes longer than all else
 * that a run on a clean machine waits for.
 */
export class WorkloadLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLast = ({ moduleId }: TestSpecification) =>
      WORKLOAD_MODULES.test(readFileSync(moduleId, 'utf8'));
    const last = new Set(sorted.filter(isLast));
    return [...sorted.filter((file) => !last.has(file)), ...last];
  }
}

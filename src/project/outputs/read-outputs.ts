import { randomBytes } from 'node:crypto';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { RunnerVm } from '../runner-vm.ts';
import { MAX_OUTPUT_FILE_BYTES, parseOutputs, type StepOutputs } from './parse-outputs.ts';

/** Variable of a step that has the path of its file. */
export const OUTPUT_VARIABLE = 'GONDOLIN_OUTPUT';

/** Memory of the guest in which every user may make files. */
const DIRECTORY = '/run/gondolin';
const READ_LIMIT_MS = 30_000;

/** Returns the path of the file of one attempt: no other attempt has written there, whatever the guest was restored from. */
export function newOutputPath(): string {
  return `${DIRECTORY}/output-${randomBytes(8).toString('hex')}`;
}

function invalid(step: string, problem: string, cause?: unknown): GondolinError {
  const message = `step ${step}: its file $${OUTPUT_VARIABLE}: ${problem}`;
  return new GondolinError('PROJECT_OUTPUT_INVALID', message, { cause });
}

/** False for errors of the host and the end of the VM. */
function isOfFile(error: unknown): error is GondolinError {
  return (
    GondolinError.is(error) && (error.code === 'FILES_TOO_LARGE' || /^E[A-Z0-9]+$/.test(error.code))
  );
}

/**
 * Reads what a step wrote to its file; nothing if there is no file.
 * @throws {GondolinError} PROJECT_OUTPUT_INVALID; the errors of `vm.fs` when the guest does not serve its files.
 */
export async function readOutputs(
  vm: Pick<RunnerVm, 'readFile'>,
  step: string,
  path: string,
  signal: AbortSignal,
): Promise<StepOutputs> {
  let bytes: Uint8Array | null;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(READ_LIMIT_MS)]);
  try {
    bytes = await vm.readFile(path, MAX_OUTPUT_FILE_BYTES, inTime);
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'FILES_ABORTED' && !signal.aborted) {
      throw invalid(step, `the guest did not give it within ${READ_LIMIT_MS} ms`, error);
    }
    if (!isOfFile(error)) throw error;
    const isLarge = error.code === 'FILES_TOO_LARGE';
    const problem = isLarge ? `it has more than ${MAX_OUTPUT_FILE_BYTES} bytes` : error.code;
    throw invalid(step, problem, error);
  }
  if (bytes === null) return {};
  const parsed = parseOutputs(bytes);
  if (parsed.problem !== undefined) throw invalid(step, parsed.problem);
  return parsed.outputs;
}

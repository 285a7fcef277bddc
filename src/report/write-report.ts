import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { replaceFile } from '../host/atomic-write.ts';

const REPORT_MODE = 0o666;

/**
 * Checks that a report can be written to a path, before anything is run for it.
 * @throws {GondolinError} REPORT_UNUSABLE when its directory is missing or the path is a directory.
 */
export async function checkReportPath(path: string): Promise<void> {
  const unusable = (problem: string, cause?: unknown) =>
    new GondolinError('REPORT_UNUSABLE', `report ${path}: ${problem}`, { cause });
  const directory = await stat(dirname(path)).catch((cause: unknown) => {
    throw unusable(`its directory ${dirname(path)} cannot be used`, cause);
  });
  if (!directory.isDirectory()) throw unusable(`${dirname(path)} is not a directory`);
  const existing = await stat(path).catch(() => null);
  if (existing?.isDirectory() === true) throw unusable('it is a directory');
}

/**
 * Writes a report, whole or not at all: its readers never see a part of it.
 * @throws {GondolinError} REPORT_FAILED, for example because the disk is full.
 */
export async function writeReport(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text, REPORT_MODE);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GondolinError('REPORT_FAILED', `report ${path}: ${reason}`, { cause });
  }
}

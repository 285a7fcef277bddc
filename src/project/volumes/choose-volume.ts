import { GondolinError } from '../../errors/gondolin-error.ts';
import { nearestName } from '../../util/nearest-name.ts';
import type { Volume } from './volume-store.ts';

/** Names a volume among those of all projects: `shop/cache`. */
export function volumeTitle({ project, name }: Pick<Volume, 'project' | 'name'>): string {
  return `${project}/${name}`;
}

/**
 * Finds a volume by `PROJECT/NAME`, or by its name alone where one project has it.
 * @throws {GondolinError} PROJECT_VOLUME_NOT_FOUND
 */
export function chooseVolume(volumes: readonly Volume[], wanted: string): Volume {
  const found = volumes.filter((one) => volumeTitle(one) === wanted || one.name === wanted);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    const message = `several projects have a volume "${wanted}"`;
    throw notFound(message, `Write one of ${found.map(volumeTitle).join(', ')}.`);
  }
  const names = new Set(volumes.flatMap((one) => [one.name, volumeTitle(one)]));
  const near = nearestName(wanted, names);
  const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
  throw notFound(`there is no volume "${wanted}"`, hint);
}

function notFound(message: string, hint: string | undefined): GondolinError {
  return new GondolinError('PROJECT_VOLUME_NOT_FOUND', message, {
    ...(hint === undefined ? {} : { hint }),
  });
}

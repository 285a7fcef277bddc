import type { DockerfileBuilder, SetUpImage } from '../image/guest-image.ts';
import type { createHttpHooks } from '../net/hooks/create-http-hooks.ts';
import { isHttpHooks } from '../net/hooks/http-hooks.ts';
import type { VMOptions } from './vm-options.ts';

function isWhole(value: unknown): value is ReturnType<typeof createHttpHooks> {
  const given = value as
    | { readonly httpHooks?: unknown; readonly env?: unknown }
    | null
    | undefined;
  return isHttpHooks(given?.httpHooks) && typeof given?.env === 'object' && given.env !== null;
}

/** Options with `httpHooks` in one form. */
export type NormalVMOptions = Omit<VMOptions, 'httpHooks'> & {
  readonly httpHooks?: ReturnType<typeof createHttpHooks>['httpHooks'];
  /** Variables of an OCI image: whatever else sets one wins, as the trust of a guest depends on some. */
  readonly imageEnv?: Readonly<Record<string, string>>;
  /** Makes images with a setup. */
  readonly setUp?: SetUpImage;
  /** Makes images of a Dockerfile. */
  readonly dockerfileBuilder?: DockerfileBuilder;
};

/**
 * Takes all that `createHttpHooks` returns, given as `httpHooks`, apart: its variables are those of commands unless `env` has others.
 * Any other value stays as it is, for `checkOptions` to refuse.
 */
export function normalizeOptions(options: VMOptions): NormalVMOptions {
  const { httpHooks, ...rest } = options;
  if (!isWhole(httpHooks)) return options as NormalVMOptions;
  return { ...rest, httpHooks: httpHooks.httpHooks, env: { ...httpHooks.env, ...options.env } };
}

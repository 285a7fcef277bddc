/** A step, or the variables of a VM, with the parts of the texts that outputs are in. */
interface WithOutputs {
  readonly runOutputs?: unknown;
  readonly envOutputs: unknown;
}

interface ServiceLike {
  readonly runOutputs: unknown;
  readonly healthcheck: { readonly testOutputs: unknown } | null;
}

/** Returns it without the parts: its texts say the same, and are masked. */
export function hideOutputs<T extends WithOutputs>(one: T): Omit<T, keyof WithOutputs> {
  const { runOutputs: _run, envOutputs: _env, ...shown } = one;
  return shown;
}

/** The same for a service and its check. */
export function hideServiceOutputs<T extends ServiceLike>(service: T | null) {
  if (service === null) return null;
  const { runOutputs: _run, healthcheck, ...shown } = service;
  if (healthcheck === null) return { ...shown, healthcheck };
  const { testOutputs: _test, ...check } = healthcheck;
  return { ...shown, healthcheck: check };
}

import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  boolean,
  type Decoder,
  decodeJson,
  dictionary,
  integer,
  list,
  partial,
  text,
} from '../../util/json-decoder.ts';
import type { MountConfig, VMConfig } from './vm-config.ts';

type Part<Name extends keyof VMConfig> = NonNullable<VMConfig[Name]>;

/** Deeper overlays are no configuration but an attack on the stack. */
const MAX_OVERLAYS = 16;

function mount(depth: number): Decoder<MountConfig> {
  const below: Decoder<MountConfig> = (value, field) =>
    depth === 0 ? tooDeep(field) : mount(depth - 1)(value, field);
  return partial<MountConfig>(
    { type: text(), host_path: text(), readonly: boolean, upper: below, lower: below },
    ['type'],
  );
}

function tooDeep(field: string): never {
  throw new GondolinError('CONFIG_INVALID', `invalid configuration: ${field}: too many overlays`);
}

const vmConfig = partial<VMConfig>({
  image: text(),
  resources: partial<Part<'resources'>>({
    cpus: integer(),
    memory_mb: integer(),
    disk_size_mb: integer(),
    timeout_seconds: integer(),
  }),
  network: partial<Part<'network'>>({
    allowed_hosts: list(text()),
    block_private_ips: boolean,
    secrets: dictionary(
      partial({ value: text(), placeholder: text(), hosts: list(text()) }, ['value', 'hosts']),
    ),
    policy_script: text(),
  }),
  vfs: partial<Part<'vfs'>>({
    workspace: text(),
    direct_mounts: dictionary(partial({ host_path: text(), readonly: boolean }, ['host_path'])),
    mounts: dictionary(mount(MAX_OVERLAYS)),
  }),
  env: dictionary(text()),
});

/**
 * Reads the JSON of the Go API's `Config`. Unknown fields are left out, and null is the same as no field.
 * @throws {GondolinError} CONFIG_INVALID naming the field; the message shows no value.
 *
 * @example
 * const config = parseConfig('{"resources": {"cpus": 2}, "env": {"CI": "1"}}');
 * console.log(mergeConfig(defaultConfig(), config).resources?.memory_mb); // 512
 */
export function parseConfig(json: string | Uint8Array): VMConfig {
  const decoded = decodeJson(
    typeof json === 'string' ? json : Buffer.from(json).toString('utf8'),
    vmConfig,
  );
  if (decoded.ok) return decoded.value;
  throw new GondolinError('CONFIG_INVALID', `invalid configuration: ${decoded.problem}`, {
    hint: 'Correct that field of the JSON.',
  });
}

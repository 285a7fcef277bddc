import {
  type DefaultRegistry,
  parseDefaultRegistry,
} from '../../../address/parse-image-reference.ts';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { RegistryFacts } from '../../../host/registry-facts.ts';
import {
  boolean,
  type Decoder,
  decodeJson,
  dictionary,
  list,
  object,
  partial,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';

/** One server that has the images of a registry. */
export interface RegistryEndpoint {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  /** Its name in Docker's file of credentials. */
  readonly credentials: string;
}

/** `registries.json`: docs/images.md describes it. */
interface SettingsFile {
  readonly default: string;
  readonly registries: Readonly<Record<string, Partial<RegistryEntry>>>;
}

interface RegistryEntry {
  /** Base URL of its API, where that is not its own name. */
  readonly url: string;
  readonly mirrors: readonly string[];
  /** Plain HTTP. */
  readonly http: boolean;
  readonly credentials: string;
}

const URL_FORM = /^https?:\/\/[^\s/@?#]+(?:\/[^\s@?#]*)?$/;
const MIRRORS_MAX = 16;

const url = text({ pattern: URL_FORM, maxLength: 1000 });
const entry = partial<RegistryEntry>({
  url,
  mirrors: list(url, { maxLength: MIRRORS_MAX }),
  http: boolean,
  credentials: text({ maxLength: 1000 }),
});
const settingsFile: Decoder<SettingsFile> = object<SettingsFile>({
  default: withDefault(text({ maxLength: 1000 }), ''),
  registries: withDefault(dictionary(entry), {}),
});

/** The registries as this machine's user has set them. */
export class RegistrySettings {
  readonly default: DefaultRegistry | null;
  readonly #registries: SettingsFile['registries'];

  /** @throws {GondolinError} IMAGE_REGISTRY_CONFIG_INVALID. */
  constructor({ defaultRegistry, settings }: RegistryFacts) {
    const file = settings === null ? null : readSettings(settings);
    const named = defaultRegistry ?? file?.default ?? '';
    const source = defaultRegistry === null ? (settings?.path ?? '') : 'GONDOLIN_REGISTRY';
    this.default = named === '' ? null : parseDefaultRegistry(named);
    if (named !== '' && this.default === null) {
      throw invalid(source, `"${named}" is not HOST or HOST/NAMESPACE`);
    }
    this.#registries = file?.registries ?? {};
  }

  /**
   * Returns the servers to ask for a registry's images, in this order: its mirrors, then itself. One on this machine's
   * loopback has no certificate: it is asked by plain HTTP.
   */
  endpoints(registry: string): readonly [...RegistryEndpoint[], RegistryEndpoint] {
    const own = Object.hasOwn(this.#registries, registry) ? this.#registries[registry] : undefined;
    const isPlain = own?.http ?? isLoopback(registry);
    const base = own?.url ?? `${isPlain ? 'http' : 'https'}://${registry}`;
    const mirrors = (own?.mirrors ?? []).map(withoutSlash);
    return [
      ...mirrors.map((mirror) => ({ url: mirror, credentials: new URL(mirror).host })),
      { url: withoutSlash(base), credentials: own?.credentials ?? registry },
    ];
  }
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '');
}

function readSettings({ path, text: json }: NonNullable<RegistryFacts['settings']>): SettingsFile {
  const decoded = decodeJson(json, settingsFile);
  if (decoded.ok) return decoded.value;
  throw invalid(path, decoded.problem);
}

function isLoopback(registry: string): boolean {
  const host = registry.replace(/:[0-9]+$/, '');
  return host === 'localhost' || host === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

function invalid(source: string, problem: string): GondolinError {
  return new GondolinError(
    'IMAGE_REGISTRY_CONFIG_INVALID',
    `Cannot read the registries of ${source}: ${problem}`,
  );
}

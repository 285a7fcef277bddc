import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GondolinError } from '../errors/gondolin-error.ts';

// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only observes returns nothing
type Given<T> = T | void | Promise<T | void>;

/** The exports of a policy script: the hooks of the SDK. */
export interface PolicyScript {
  readonly onRequestHead?: (request: Request) => Given<Request | Response>;
  readonly onRequest?: (request: Request) => Given<Request | Response>;
  readonly onResponse?: (response: Response, request: Request) => Given<Response>;
}

const HOOKS = ['onRequestHead', 'onRequest', 'onResponse'] as const;

function invalid(path: string, problem: string, facts: { cause?: unknown; hint?: string } = {}) {
  return new GondolinError(
    'PROJECT_POLICY_SCRIPT_INVALID',
    `network.policy_script: ${path}: ${problem}`,
    facts,
  );
}

async function importScript(path: string): Promise<object> {
  try {
    return (await import(pathToFileURL(path).href)) as object;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw invalid(path, `Node ${process.version} cannot run it`, {
        cause,
        hint: 'Write it in JavaScript (.mjs), or use Node 22.18 or later for TypeScript.',
      });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid(path, `cannot be loaded: ${reason}`, { cause });
  }
}

/**
 * Loads the hooks of `network.policy_script`: functions that the module exports by name, or in an object as its default
 * export. The module runs on the host with the rights of gondolin.
 * @throws {GondolinError} PROJECT_POLICY_SCRIPT_INVALID when it cannot be loaded, exports no hook, or exports a hook that
 *   is not a function.
 */
export async function loadPolicyScript(path: string): Promise<PolicyScript> {
  const module = await importScript(path);
  const named = HOOKS.some((hook) => hook in module);
  const own: unknown = 'default' in module && !named ? module.default : module;
  const script = typeof own === 'object' && own !== null ? own : {};
  const given = HOOKS.filter((hook) => Reflect.get(script, hook) !== undefined);
  const wrong = given.find((hook) => typeof Reflect.get(script, hook) !== 'function');
  if (wrong !== undefined) throw invalid(path, `${wrong} is not a function`);
  if (given.length === 0) {
    throw invalid(path, `${basename(path)} exports none of ${HOOKS.join(', ')}`);
  }
  return Object.fromEntries(given.map((hook) => [hook, Reflect.get(script, hook)]));
}

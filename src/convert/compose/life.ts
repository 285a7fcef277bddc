import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { isSandboxKey } from '../schema-keys.ts';
import { type YamlEntry, type YamlMap, type YamlValue, yamlMap } from '../yaml-writer.ts';
import { wordsOf } from './command.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';

const CONDITIONS: Readonly<Record<string, string>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};
const DURATION = /^(?=[0-9])(?:[0-9]+h)?(?:[0-9]+m(?!s))?(?:[0-9]+(?:\.[0-9]+)?s)?(?:[0-9]+ms)?$/;
const SIGNAL = /^SIG(?:TERM|INT|QUIT|HUP|USR1|USR2|WINCH|KILL)$/;
/** Keys about the command of a service. */
const OF_COMMAND = ['healthcheck', 'restart', 'stop_signal', 'stop_grace_period'];
const TIMES = ['interval', 'timeout', 'start_period', 'start_interval'];

function dependency(service: ComposeService, name: string, node: SourceNode): YamlEntry | null {
  const { remarks } = service.context;
  const key = keyOf(service, 'depends_on', name);
  const sandbox = service.sandboxes.get(name);
  if (sandbox === undefined || name === service.name) {
    remarks.left(node, key, 'there is no such other service');
    return null;
  }
  for (const [own, entry] of node.kind === 'map' ? node.entries : []) {
    if (own !== 'condition') remarks.leftKey(entry, `${key}.${own}`, 'not supported');
  }
  const condition = getChild(node, 'condition');
  const text = condition === undefined ? 'service_started' : plainTextOf(service, condition, key);
  const known = text !== null && Object.hasOwn(CONDITIONS, text) ? CONDITIONS[text] : undefined;
  if (known === undefined) {
    remarks.left(node, key, 'an unknown condition');
    return null;
  }
  if (known === 'healthy' && !service.running.has(name)) {
    remarks.changed(node, key, 'it has no command that gets healthy: its end is waited for');
    return { key: sandbox, value: yamlMap([['condition', 'completed']]) };
  }
  return { key: sandbox, value: yamlMap([['condition', known]]) };
}

/** Converts `depends_on`: a list of services, or a map with conditions. */
function dependsOn(service: ComposeService, node: SourceNode): YamlMap | undefined {
  const pairs: (readonly [string, SourceNode])[] =
    node.kind === 'map'
      ? [...node.entries].map(([name, { value }]) => [name, value])
      : (node.kind === 'list' ? node.items : [node]).map((item) => [
          item.kind === 'scalar' ? item.text : '',
          item,
        ]);
  const entries = new Map<string, YamlEntry>();
  for (const [name, item] of pairs) {
    const found = dependency(service, name, item);
    if (found !== null) entries.set(found.key, found);
  }
  return entries.size === 0 ? undefined : { entries: [...entries.values()] };
}

function healthTest(service: ComposeService, node: SourceNode): YamlValue | undefined {
  const key = keyOf(service, 'healthcheck', 'test');
  if (node.kind !== 'list') {
    const asList: SourceNode = { kind: 'list', items: [node], span: node.span };
    return wordsOf(service, asList, key)?.[0];
  }
  const words = wordsOf(service, node, key);
  if (words === null) return undefined;
  const [kind, ...rest] = words;
  if (kind === 'CMD-SHELL') return rest[0];
  return kind === 'CMD' && rest.length > 0 ? rest : undefined;
}

/** The value of a key of `healthcheck` beside `test`: a duration or a count; undefined for anything else. */
function healthValue(name: string, node: SourceNode): YamlValue | undefined {
  const text = node.kind === 'scalar' ? node.text : '';
  if (TIMES.includes(name)) return DURATION.test(text) ? text : undefined;
  return name === 'retries' && /^[1-9]\d{0,2}$/.test(text) ? Number(text) : undefined;
}

function healthcheck(service: ComposeService, node: SourceNode): YamlMap | undefined {
  const { remarks } = service.context;
  const testNode = getChild(node, 'test');
  const test = testNode === undefined ? undefined : healthTest(service, testNode);
  if (node.kind !== 'map' || test === undefined) {
    remarks.left(
      node,
      keyOf(service, 'healthcheck'),
      'it has no command that could be carried over',
    );
    return undefined;
  }
  const entries = [...node.entries].flatMap(([name, entry]) => {
    const value = name === 'test' ? test : healthValue(name, entry.value);
    if (value !== undefined && isSandboxKey('healthcheck', name)) return [{ key: name, value }];
    const key = keyOf(service, 'healthcheck', name);
    remarks.leftKey(entry, key, 'not supported, or in another form here');
    return [];
  });
  return { entries };
}

function restart(service: ComposeService, node: SourceNode): YamlValue | undefined {
  const key = keyOf(service, 'restart');
  const text = plainTextOf(service, node, key);
  if (text === 'unless-stopped') {
    service.context.remarks.changed(node, key, 'unless-stopped becomes always');
    return 'always';
  }
  if (text !== null && /^(?:no|always|on-failure(?::[1-9]\d{0,5})?)$/.test(text)) return text;
  if (text !== null) service.context.remarks.left(node, key, 'an unknown policy');
  return undefined;
}

function names(service: ComposeService, node: SourceNode): YamlValue | undefined {
  const texts = (node.kind === 'list' ? node.items : [node]).flatMap((item) => {
    const text = plainTextOf(service, item, keyOf(service, 'profiles'));
    return text === null ? [] : [text];
  });
  return texts.length === 0 ? undefined : texts;
}

/** The text of a key when it has a form that the project file has too. */
function matching(service: ComposeService, node: SourceNode, key: string, form: RegExp) {
  const text = plainTextOf(service, node, keyOf(service, key));
  if (text === null || form.test(text)) return text ?? undefined;
  service.context.remarks.left(node, keyOf(service, key), 'it has no such form here');
  return undefined;
}

const READERS: Readonly<
  Record<string, (service: ComposeService, node: SourceNode) => YamlValue | undefined>
> = {
  depends_on: dependsOn,
  healthcheck,
  restart,
  profiles: names,
  stop_signal: (service, node) => matching(service, node, 'stop_signal', SIGNAL),
  stop_grace_period: (service, node) => matching(service, node, 'stop_grace_period', DURATION),
};

/** Converts the keys about a service's life that this version's project file has; notes the others. */
export function convertLife(service: ComposeService): YamlEntry[] {
  return Object.entries(READERS).flatMap(([key, read]) => {
    const node = presentValue(service, key);
    if (node === undefined) return [];
    if (!isSandboxKey(key)) {
      service.context.remarks.left(node, keyOf(service, key), `this version has no ${key}`);
      return [];
    }
    if (OF_COMMAND.includes(key) && !service.running.has(service.name)) {
      const reason = 'it is about the command, which was not carried over';
      service.context.remarks.left(node, keyOf(service, key), reason);
      return [];
    }
    const value = read(service, node);
    return value === undefined ? [] : [{ key, value }];
  });
}

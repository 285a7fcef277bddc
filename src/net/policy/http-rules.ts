import type { Host } from '../../address/host.ts';
import { coversHost } from '../../address/host-pattern.ts';
import { printable } from '../../protocol/printable.ts';
import { matchesParts } from '../../util/wildcard.ts';
import { coversPort, type ListedPattern, readListedPattern } from './listed-pattern.ts';
import { decodeOnce, looseSegments, pathForms, targetPath } from './path-forms.ts';
import { patternError } from './pattern-error.ts';
import type { HttpRule } from './policy-options.ts';
import { suggestRule } from './suggest.ts';
import { allow, deny, type Verdict } from './verdict.ts';

interface CompiledRule {
  readonly index: number;
  /** For a request that it allows. */
  readonly label: string;
  readonly host: ListedPattern;
  readonly methods: ReadonlySet<string> | null;
  readonly paths: readonly (readonly string[])[] | null;
  /** `paths` in the form of `looseSegments`; empty for a rule that allows. */
  readonly loosePaths: readonly (readonly string[])[];
  readonly action: HttpRule['action'];
  readonly reason: string;
}

const MAX_REASON_CHARACTERS = 200;
/** Reasons of allow rules that one refusal names. */
const MAX_REASONS = 3;

function compilePath(path: string): readonly string[] {
  if (!path.startsWith('/')) {
    throw patternError(
      'rules',
      path,
      'a path starts with /',
      `Write /${path}, or /** for every path.`,
    );
  }
  if (/[?#{}[\]\s\\]/.test(path) || /\*\*[^/]|[^/]\*\*/.test(path)) {
    throw patternError(
      'rules',
      path,
      'in a path only * and a whole segment ** are special',
      'Write each path as a separate entry, without braces, brackets or a query.',
    );
  }
  return decodeOnce(targetPath(path), '/\\%').split('/').slice(1);
}

function compileMethod(method: string): string {
  if (/^[A-Za-z][A-Za-z-]*$/.test(method)) return method.toUpperCase();
  throw patternError(
    'rules',
    method,
    'it is not an HTTP method',
    'Write GET, POST and so on; leave methods out to match all of them.',
  );
}

function checkReason(reason: string): string {
  if (reason.length <= MAX_REASON_CHARACTERS && printable(reason) === reason) return reason;
  throw patternError(
    'rules',
    printable(reason),
    'its reason is not one printable line',
    `Write one line of up to ${MAX_REASON_CHARACTERS} characters without control characters.`,
  );
}

function compileRule(rule: HttpRule, index: number): CompiledRule {
  if (rule.action !== 'allow' && rule.action !== 'deny') {
    throw patternError(
      'rules',
      rule.host,
      'its action is neither allow nor deny',
      'Write action: allow or action: deny.',
    );
  }
  const host = readListedPattern(rule.host, {
    field: 'rules',
    defaultPort: 'any',
    isDeep: rule.action === 'deny',
  });
  if (host.isTcp) {
    throw patternError(
      'rules',
      rule.host,
      'rules read HTTP requests, and /tcp carries bytes unread',
      'Leave /tcp out.',
    );
  }
  const paths = rule.paths?.map(compilePath) ?? null;
  return {
    index,
    label: `rules[${index}]: ${rule.action} ${JSON.stringify(rule.host)}`,
    host,
    methods: rule.methods ? new Set(rule.methods.map(compileMethod)) : null,
    paths,
    loosePaths: rule.action === 'deny' ? (paths ?? []).map(looseSegments) : [],
    action: rule.action,
    reason: checkReason(rule.reason ?? ''),
  };
}

/** Returns true when a pattern covers the path. `/a/**` covers `/a` too, as `**` matches any number of segments. */
function matchesPath(patterns: readonly (readonly string[])[], form: string): boolean {
  const segments = form.split('/').slice(1);
  return form.startsWith('/') && patterns.some((pattern) => matchesParts(pattern, segments));
}

function isDenied({ paths, loosePaths }: CompiledRule, form: string): boolean {
  const segments = looseSegments(form.split('/').slice(1));
  const isLooselyDenied = loosePaths.some((pattern) => matchesParts(pattern, segments));
  return isLooselyDenied || matchesPath(paths ?? [], form);
}

function matchesRule(rule: CompiledRule, method: string, forms: readonly string[]): boolean {
  const { methods, paths } = rule;
  if (methods !== null && !methods.has(method.toUpperCase())) return false;
  if (paths === null) return true;
  // The safe side of an ambiguous path differs: see pathForms.
  return rule.action === 'allow'
    ? forms.every((form) => matchesPath(paths, form))
    : forms.some((form) => isDenied(rule, form));
}

function reasonsOf(rules: readonly CompiledRule[]): string[] {
  const given = rules.map(({ reason }) => reason).filter((reason) => reason !== '');
  return [...new Set(given)].slice(0, MAX_REASONS);
}

/** The compiled `rules` of a policy. */
export class HttpRules {
  readonly #rules: readonly CompiledRule[];

  /** @throws {GondolinError} NET_PATTERN_INVALID naming the rule's bad host, method or path. */
  constructor(rules: readonly HttpRule[]) {
    this.#rules = rules.map(compileRule);
  }

  /**
   * Returns the verdict of the first rule that matches. If none does, a host with an `allow` rule is closed, because its
   * allow rules list all that may be requested; a host with `deny` rules only, or without rules, is open: null.
   * @param method  Untrusted; case is ignored, so that `post` cannot evade a rule against POST.
   * @param target  Untrusted: path and query.
   */
  decide(host: Host, port: number, method: string, target: string): Verdict | null {
    const rules = this.#rules.filter(
      (rule) => coversHost(rule.host.host, host) && coversPort(rule.host, port),
    );
    if (rules.length === 0) return null;
    const forms = pathForms(target);
    const suggestion = () => suggestRule(host, port, method, target);
    for (const rule of rules) {
      if (!matchesRule(rule, method, forms)) continue;
      if (rule.action === 'allow') return allow(rule.label);
      const { index, host: denied } = rule;
      const reasons = reasonsOf([rule]);
      return deny('rule', { by: 'rule', index, host: denied.entry, reasons }, suggestion());
    }
    const allowing = rules.filter((rule) => rule.action === 'allow');
    if (allowing.length === 0) return null;
    return deny('rule', { by: 'rules', reasons: reasonsOf(allowing) }, suggestion());
  }
}

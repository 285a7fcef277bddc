const MAX_DEPTH = 4;
const MAX_ENTRIES = 100;

/** A value as a person reads it; deep and long ones are cut. */
export function inspect(value, depth = 0, seen = new Set()) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[Function ${value.name || 'anonymous'}]`;
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Error)
    return value.stack ? `${value}\n${value.stack}`.trimEnd() : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (seen.has(value)) return '[Circular]';
  if (depth === MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
  const inner = new Set(seen).add(value);
  return inspectObject(value, (part) => inspect(part, depth + 1, inner));
}

function inspectObject(value, show) {
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return list('[', Array.from(value).map(show), ']');
  if (value instanceof Map)
    return list(
      'Map {',
      [...value].map(([key, item]) => `${show(key)} => ${show(item)}`),
      '}',
    );
  if (value instanceof Set) return list('Set {', [...value].map(show), '}');
  if (value instanceof Promise) return 'Promise {}';
  return list(
    '{',
    Object.keys(value).map((key) => `${key}: ${show(value[key])}`),
    '}',
  );
}

function list(open, parts, close) {
  if (parts.length === 0) return open + close;
  const shown = parts.slice(0, MAX_ENTRIES);
  if (parts.length > MAX_ENTRIES) shown.push(`… ${parts.length - MAX_ENTRIES} more`);
  return `${open} ${shown.join(', ')} ${close}`;
}

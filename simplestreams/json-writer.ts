import { compareCodePoints } from './code-points.js';
import { JsonNumber, type JsonObject, type JsonValue } from './json-value.js';

export interface WriteOptions {
  /** Spaces a level. */
  readonly indent: number;
  /** Keys by code point; otherwise in the order of the object. */
  readonly sort: boolean;
}

/**
 * The writer of the Python tools: keys sorted by code point, one space a level, everything outside of printable ASCII
 * escaped, no newline at the end. Numbers keep their spelling.
 */
export function canonicalJson(value: JsonValue): string {
  return writeJson(value, { indent: 1, sort: true });
}

export function writeJson(value: JsonValue, options: WriteOptions): string {
  const out: string[] = [];
  write(value, '\n', options, out);
  return out.join('');
}

function write(value: JsonValue, newline: string, options: WriteOptions, out: string[]): void {
  if (value === null) out.push('null');
  else if (typeof value === 'boolean') out.push(value ? 'true' : 'false');
  else if (typeof value === 'string') out.push(quote(value));
  else if (value instanceof JsonNumber) out.push(value.text);
  else if (Array.isArray(value)) {
    if (value.length === 0) return void out.push('[]');
    const inner = newline + ' '.repeat(options.indent);
    value.forEach((element, i) => {
      out.push(i === 0 ? '[' : ',', inner);
      write(element, inner, options, out);
    });
    out.push(newline, ']');
  } else writeObject(value, newline, options, out);
}

function writeObject(object: JsonObject, newline: string, options: WriteOptions, out: string[]): void {
  if (object.size === 0) return void out.push('{}');
  const inner = newline + ' '.repeat(options.indent);
  const members = [...object];
  if (options.sort) members.sort(([a], [b]) => compareCodePoints(a, b));
  members.forEach(([key, member], i) => {
    out.push(i === 0 ? '{' : ',', inner, quote(key), ': ');
    write(member, inner, options, out);
  });
  out.push(newline, '}');
}

const SHORT_ESCAPES = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function quote(text: string): string {
  return `"${text.replace(/["\\]|[^ -~]/g, escape)}"`;
}

/** One UTF-16 unit at a time: characters past U+FFFF become the pair that JSON wants. */
function escape(unit: string): string {
  return SHORT_ESCAPES.get(unit) ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

import { JsonNumber, type JsonValue } from './json-value.js';

/**
 * What Python's `str()` makes of a JSON value: the texts that filters compare and that strings of numbers and booleans
 * become (`True`, `1e+22`, `['a', 'b']`, `None`).
 */
export function pythonText(value: JsonValue): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

function pythonRepr(value: JsonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return pythonQuote(value);
  if (value instanceof JsonNumber) return pythonNumber(value.text);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  return `{${[...value].map(([key, member]) => `${pythonQuote(key)}: ${pythonRepr(member)}`).join(', ')}}`;
}

/** Integers keep all their digits; anything with a point or an exponent is a float there. */
function pythonNumber(text: string): string {
  if (!/[.eE]/.test(text)) return text === '-0' ? '0' : text;
  const number = Number(text);
  if (!Number.isFinite(number)) return number < 0 ? '-inf' : 'inf';
  const [mantissa = '', exponentText = '0'] = Math.abs(number).toExponential().split('e');
  const sign = number < 0 || Object.is(number, -0) ? '-' : '';
  const exponent = Number(exponentText);
  if (number !== 0 && (exponent < -4 || exponent >= 16)) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/** Single quotes unless the text has some and no double ones. */
function pythonQuote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"]|[\p{C}\p{Z}]/gu, (char) => {
    if (char === ' ') return char;
    if (char === '\\' || char === mark) return `\\${char}`;
    if (char === "'" || char === '"') return char;
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\\t';
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return mark + body + mark;
}

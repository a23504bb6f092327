/**
 * A JSON number by its spelling: `1.0`, `1e22` and integers past 2^53 are read and written back unchanged.
 */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A Map and no plain object: those put keys like `20240101` first, and `__proto__` is a key that a mirror can send. */
export type JsonObject = Map<string, JsonValue>;
export type JsonArray = JsonValue[];
export type JsonValue = null | boolean | string | JsonNumber | JsonArray | JsonObject;

/** What {@link jsonFrom} takes: ordinary JS values, with Maps where the order or the keys matter. */
export type PlainJson =
  | null
  | boolean
  | string
  | number
  | bigint
  | JsonNumber
  | readonly PlainJson[]
  | ReadonlyMap<string, PlainJson>
  | { readonly [key: string]: PlainJson | undefined };

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

/** The string under `key`, or undefined for anything else there. */
export function stringAt(object: JsonObject, key: string): string | undefined {
  const value = object.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** The object under `key`, or undefined for anything else there. */
export function objectAt(object: JsonObject, key: string): JsonObject | undefined {
  const value = object.get(key);
  return isObject(value) ? value : undefined;
}

/**
 * The JSON value of ordinary JS values; members that are undefined are left out.
 * @throws {RangeError} for NaN and the infinities, which JSON does not have
 */
export function jsonFrom(value: PlainJson): JsonValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (value instanceof JsonNumber) return value;
  if (typeof value === 'bigint') return new JsonNumber(value.toString());
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`JSON has no number ${value}`);
    return new JsonNumber(Object.is(value, -0) ? '-0' : String(value));
  }
  if (isList(value)) return value.map(jsonFrom);
  const members = isMap(value) ? value : Object.entries(value);
  const object: JsonObject = new Map();
  for (const [key, member] of members) if (member !== undefined) object.set(key, jsonFrom(member));
  return object;
}

function isMap(value: object): value is ReadonlyMap<string, PlainJson> {
  return value instanceof Map;
}

function isList(value: object): value is readonly PlainJson[] {
  return Array.isArray(value);
}

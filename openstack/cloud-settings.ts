import { ImageStreamError } from '../contracts/errors.js';
import { isMapping, type RawMapping } from './cloud-files.js';

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off', '']);

/**
 * The keys of one cloud. `auth` is flattened into the rest, where the outer level wins: it is where the environment and
 * a region's values land (openstacksdk, story 2010784). Dashes and underscores mean the same, an empty value means none.
 */
export class Settings {
  readonly #values = new Map<string, unknown>();
  readonly #where: string;
  readonly #onWarning: (text: string) => void;

  constructor(entry: RawMapping, where: string, onWarning: (text: string) => void = () => undefined) {
    this.#where = where;
    this.#onWarning = onWarning;
    const { auth, ...outer } = entry;
    if (auth !== undefined && auth !== null && !isMapping(auth))
      throw this.invalid('auth', 'is not a mapping');
    this.overlay(isMapping(auth) ? auth : {});
    this.overlay(outer);
  }

  /** Puts other values over these. */
  overlay(values: RawMapping): void {
    for (const [key, value] of Object.entries(values)) {
      if (key === 'auth' && isMapping(value)) this.overlay(value);
      else if (value !== null && value !== undefined && value !== '')
        this.#values.set(key.replaceAll('-', '_'), value);
    }
  }

  raw(key: string): unknown {
    return this.#values.get(key);
  }

  /** The first of these keys that is set. */
  text(...keys: string[]): string | undefined {
    for (const key of keys) {
      const value = this.#values.get(key);
      if (typeof value === 'string') return value;
      if (value !== undefined && key !== 'region_name') throw this.invalid(key, 'is not a single value');
    }
    return undefined;
  }

  flag(key: string): boolean | undefined {
    const text = this.text(key)?.toLowerCase();
    if (text === undefined) return undefined;
    if (TRUE.has(text)) return true;
    if (FALSE.has(text)) return false;
    throw this.invalid(key, 'is neither true nor false');
  }

  warn(text: string): void {
    this.#onWarning(`${this.#where}: ${text}`);
  }

  missing(key: string): ImageStreamError {
    return this.invalid(key, 'is missing');
  }

  invalid(key: string, fault: string): ImageStreamError {
    return new ImageStreamError(
      'CloudConfigInvalid',
      `${this.#where}: ${key} (OS_${key.toUpperCase()}) ${fault}`,
      {
        details: { key },
      },
    );
  }
}

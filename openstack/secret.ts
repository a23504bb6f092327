import { inspect } from 'node:util';

const MASK = '[secret]';

/** A text that no log, dump or JSON shows: only `reveal()` gives it, at the moment it is sent. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

import { ImageStreamError } from '../../../contracts/errors.js';

/** The code with which something fails; `other` for errors without one, undefined when it does not fail. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof ImageStreamError ? error.code : 'other';
  }
}

/** The same for something asynchronous. */
export async function failureOf(action: Promise<unknown>): Promise<string | undefined> {
  try {
    await action;
    return undefined;
  } catch (error) {
    return error instanceof ImageStreamError ? error.code : 'other';
  }
}

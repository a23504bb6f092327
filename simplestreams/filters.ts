import { ImageStreamError } from '../contracts/errors.js';
import { pythonRegExp } from './python-regexp.js';

export type FilterOperator = '=' | '!=' | '~' | '!~';

export interface ItemFilter {
  readonly expression: string;
  readonly key: string;
  readonly operator: FilterOperator;
  readonly value: string;
  /** Whether the value that stands under `key` passes. */
  readonly passes: (found: string) => boolean;
}

/** Python's `$` also matches before a last newline, and its `.` everything but a newline: reference §3. */
const EXPRESSION = /^([\p{L}\p{N}_|-]+) *(!?[=~]) *([^\n]*)\n?$/u;

/**
 * A filter expression such as `arch~(x86_64|amd64)`: key, operator (`=`, `!=`, `~`, `!~`), value.
 * A missing key compares as the empty string. Regular expressions are Python's and unanchored. Spaces after the
 * operator are dropped, those at the end belong to the value.
 * @throws {ImageStreamError} FilterSyntax, naming the expression
 */
export function parseFilter(expression: string): ItemFilter {
  const [, key, operator, value] = EXPRESSION.exec(expression) ?? [];
  if (key === undefined || value === undefined || !isOperator(operator)) {
    throw new ImageStreamError('FilterSyntax', `${JSON.stringify(expression)} is no filter expression`, {
      details: { expression },
    });
  }
  return { expression, key, operator, value, passes: test(operator, value, expression) };
}

/**
 * Whether every filter accepts the data.
 * @param missing what an absent key compares as
 */
export function matchesAll(
  filters: readonly ItemFilter[],
  data: ReadonlyMap<string, string>,
  missing = '',
): boolean {
  return filters.every((filter) => filter.passes(data.get(filter.key) ?? missing));
}

function test(operator: FilterOperator, value: string, expression: string): ItemFilter['passes'] {
  if (operator === '=') return (found) => found === value;
  if (operator === '!=') return (found) => found !== value;
  const search = compile(value, expression);
  return operator === '~' ? (found) => search.test(found) : (found) => !search.test(found);
}

function compile(pattern: string, expression: string): RegExp {
  try {
    return pythonRegExp(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageStreamError(
      'FilterSyntax',
      `the filter ${JSON.stringify(expression)} has a bad regular expression: ${reason}`,
      { details: { expression }, cause: error },
    );
  }
}

function isOperator(text: string | undefined): text is FilterOperator {
  return text === '=' || text === '!=' || text === '~' || text === '!~';
}

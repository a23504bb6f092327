/**
 * Why a filter expression cannot be read, or undefined when it can: key, operator (`=`, `!=`, `~`, `!~`), value, spaces allowed
 * around the operator (the syntax of simplestreams' filters).
 */
export function filterProblem(expression: string): string | undefined {
  const match = parseExpression(expression);
  if (!match) return 'must be key=value, key!=value, key~regex or key!~regex';
  if (!match.operator.endsWith('~')) return undefined;
  try {
    new RegExp(match.value, 'u');
  } catch {
    try {
      new RegExp(match.value);
    } catch {
      return 'its regular expression cannot be read';
    }
  }
  return undefined;
}

export interface FilterParts {
  key: string;
  operator: '=' | '!=' | '~' | '!~';
  value: string;
}

/** The parts of a filter expression; undefined when it is none. */
export function parseExpression(expression: string): FilterParts | undefined {
  const match = /^([\w|-]+) *(!?[=~]) *([^\n]*)$/.exec(expression);
  const [, key, operator, value] = match ?? [];
  if (key === undefined || value === undefined) return undefined;
  if (operator !== '=' && operator !== '!=' && operator !== '~' && operator !== '!~') return undefined;
  return { key, operator, value };
}

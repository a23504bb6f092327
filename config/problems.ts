import type { z } from 'zod';

import type { ErrorCode } from '../contracts/error-codes.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { KeyPath } from './positions.js';
import { KNOWN_KEYS } from './schema.js';

/** One thing wrong with a configuration file. */
export interface Problem {
  code: ErrorCode;
  path: KeyPath;
  /** What is wrong, without the values, which may be secret. */
  message: string;
  /** What to do, where the remedy of the code would lead astray. */
  hint?: string;
}

/** What zod found, in the words of this program. */
export function schemaProblems(issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        code: 'ConfigInvalid',
        path: [...issue.path, key],
        message: `unknown key${suggestion(key, KNOWN_KEYS[withoutIndices(issue.path)] ?? [])}`,
      }));
    }
    return [{ code: codeOf(issue), path: issue.path, message: wording(issue) }];
  });
}

/**
 * The error for all problems of a file: the first in the order of lines is the message, the rest are in `details.problems`.
 * @param display the file as the user would name it
 */
export function problemsError(
  problems: readonly Problem[],
  display: string,
  lineOf: (path: KeyPath) => number,
): ImageStreamError {
  const placed = problems
    .map((problem) => ({ problem, line: lineOf(problem.path) }))
    .sort((a, b) => a.line - b.line || rank(a.problem) - rank(b.problem));
  const [first] = placed;
  const lines = placed.map(({ problem, line }) => problemLine(display, line, problem));
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : '';
  return new ImageStreamError(first?.problem.code ?? 'ConfigInvalid', `${lines[0]}${more}`, {
    ...(first?.problem.hint === undefined ? {} : { hint: first.problem.hint }),
    details: { file: display, line: first?.line, problems: lines },
  });
}

/** `image-stream.yaml:12: mirrors[0].filtres: unknown key` */
function problemLine(display: string, line: number, { path, message }: Problem): string {
  return path.length > 0
    ? `${display}:${line}: ${keyText(path)}: ${message}`
    : `${display}:${line}: ${message}`;
}

function keyText(path: KeyPath): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = String(part)
        .slice(0, 80)
        .replaceAll(/\p{Cc}/gu, '?');
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}

/** A misspelt key usually explains the missing one next to it, so it comes first. */
function rank({ message }: Problem): number {
  return message.startsWith('unknown key') ? 0 : 1;
}

function codeOf(issue: z.core.$ZodIssue): ErrorCode {
  const at = withoutIndices(issue.path);
  if (at.startsWith('mirrors.schedule')) return 'ScheduleInvalid';
  if (/^mirrors\.(index_)?filters$/.test(at) && issue.code === 'custom') return 'FilterSyntax';
  return 'ConfigInvalid';
}

const KINDS: Record<string, string> = {
  string: 'text (put it in quotes)',
  object: 'a mapping of keys',
  record: 'a mapping of keys',
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

function wording(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (/received undefined$/.test(issue.message)) return 'is missing';
      return issue.message.startsWith('Invalid input')
        ? `must be ${KINDS[issue.expected] ?? issue.expected}`
        : issue.message;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'is no valid key';
    case 'too_small':
      return issue.message.startsWith('Too small')
        ? `must ${amount(issue.origin)}${issue.minimum} or more`
        : issue.message;
    case 'too_big':
      return issue.message.startsWith('Too big')
        ? `must ${amount(issue.origin)}${issue.maximum} or less`
        : issue.message;
    default:
      return issue.message;
  }
}

function amount(origin: string): string {
  return origin === 'array' || origin === 'string'
    ? `have ${origin === 'array' ? 'entries, ' : 'characters, '}`
    : 'be ';
}

function withoutIndices(path: KeyPath): string {
  return path.filter((part) => typeof part !== 'number').join('.');
}

function suggestion(key: string, known: readonly string[]): string {
  const lower = key.toLowerCase().replaceAll('-', '_').slice(0, 64);
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(lower, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return nearest && nearest.distance <= Math.max(1, Math.floor(nearest.candidate.length / 3))
    ? ` (did you mean ${nearest.candidate}?)`
    : '';
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

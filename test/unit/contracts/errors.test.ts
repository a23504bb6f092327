import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_TABLE, isErrorCode, type ErrorCode } from '../../../contracts/error-codes.js';
import { ImageStreamError, errorLine } from '../../../contracts/errors.js';

const codes = Object.keys(ERROR_TABLE) as ErrorCode[];
const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', section] as const),
);

test('docs/errors.md has a section for every code and no other', () => {
  expect([...sections.keys()]).toEqual(codes);
});

test.each(codes)(
  'docs/errors.md says of %s what it means, why, what to do, how the command ends and whether it is retried',
  (code) => {
    const { exit, retryable } = ERROR_TABLE[code];
    const section = sections.get(code) ?? '';
    expect(section).toMatch(/^\w+\n\n\S.{10,}\n\n- Likely cause: \S.+\n- What to do: \S.+\n/);
    expect(section).toContain(`- Exit status: ${exit}\n- Retried: ${retryable ? 'yes' : 'no'}\n`);
  },
);

test.each(codes)('the remedy of %s is one sentence that a user can follow', (code) => {
  expect(ERROR_TABLE[code].remedy).toMatch(/^[`A-Z][^\n]{10,160}\.$/);
});

test('knows a code from any other text', () => {
  expect(isErrorCode('StagingFull')).toBe(true);
  for (const other of ['toString', '__proto__', '', 'stagingfull', undefined, 7])
    expect(isErrorCode(other)).toBe(false);
});

test('an error takes remedy, exit status and retries from the table', () => {
  const error = new ImageStreamError('KeystoneUnreachable', 'Keystone at k does not answer');
  expect(error).toMatchObject({ exit: 69, retryable: true, hint: ERROR_TABLE.KeystoneUnreachable.remedy });
});

test('an error may know better what to do and whether to try again', () => {
  const error = new ImageStreamError('Conflict', 'x', { hint: 'Do this.', retryable: false });
  expect(error).toMatchObject({ hint: 'Do this.', retryable: false });
});

test('the line of an error is one line, whatever its message has in it', () => {
  const line = errorLine({
    code: 'BadRequest',
    message: ' Glance said\r\n"no"\n\tand\u2028more ',
    hint: 'Change it.',
  });
  expect(line).toBe('BadRequest: Glance said "no" and more. Change it.');
});

test('the line of an error has nothing in it that a terminal would obey', () => {
  expect(errorLine({ code: 'BadRequest', message: 'a\u001b[2Jb\u009bc\u0007' })).toBe(
    'BadRequest: a [2Jb c.',
  );
});

test('the line of an error ends its sentence once', () => {
  expect(errorLine({ code: 'Usage', message: 'What?' })).toBe('Usage: What?');
  expect(errorLine({ code: 'Usage', message: 'No.' })).toBe('Usage: No.');
});

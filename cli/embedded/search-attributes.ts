import type { Connection } from '@temporalio/client';

import { ImageStreamError } from '../../contracts/errors.js';
import { SearchAttribute } from '../../contracts/names.js';

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API. */
const KEYWORD: number = 2;

/** gRPC codes of servers that do not let clients see their attributes, such as Temporal Cloud's. */
const NOT_TOLD = new Set([7, 12]);

/** The names that are missing in a namespace, and those that are there with another type. */
async function examine(
  connection: Connection,
  namespace: string,
): Promise<{ missing: string[]; other: string[] } | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const names = Object.values(SearchAttribute);
    return {
      missing: names.filter((name) => customAttributes[name] === undefined),
      other: names.filter(
        (name) => customAttributes[name] !== undefined && Number(customAttributes[name]) !== KEYWORD,
      ),
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_TOLD.has(Number(error.code))) return undefined;
    throw error;
  }
}

/**
 * Checks that the search attributes of our workflows are registered: without one of them no run can be started. A server that
 * does not tell is trusted.
 * @throws {ImageStreamError} TemporalSetup, with the command that registers what is missing
 */
export async function checkSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const found = await examine(connection, namespace);
  if (!found) return;
  const { missing, other } = found;
  if (other.length > 0) {
    throw new ImageStreamError(
      'TemporalSetup',
      `Search attributes of namespace ${namespace} are not of type Keyword: ${other.join(', ')}`,
      {
        hint: `Remove them with \`temporal operator search-attribute remove --namespace ${namespace} ${flags(other)}\`, then register them anew.`,
        details: { namespace, other },
      },
    );
  }
  if (missing.length === 0) return;
  const typed = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
  throw new ImageStreamError(
    'TemporalSetup',
    `Search attributes missing in namespace ${namespace}: ${missing.join(', ')}`,
    {
      hint: `Register them with \`temporal operator search-attribute create --namespace ${namespace} ${typed}\`.`,
      details: { namespace, missing },
    },
  );
}

/** Registers what is missing. The embedded server takes its flags for a new database only, so an older one needs this. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const found = await examine(connection, namespace);
  if (!found || found.missing.length === 0) return;
  const searchAttributes = Object.fromEntries(found.missing.map((name) => [name, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
}

function flags(names: string[]): string {
  return names.map((name) => `--name ${name}`).join(' ');
}

import { CORE_SCHEMA, load, YAMLException, type EventType, type State } from 'js-yaml';

/** A key path as zod has it: keys and list indices. */
export type KeyPath = readonly PropertyKey[];

/** A YAML document together with where its keys stand. */
export interface PositionedDocument {
  value: unknown;
  /** The line (from 1) of the key or list entry at this path, or of its nearest parent that is there. */
  lineOf: (path: KeyPath) => number;
}

/** A text that is no YAML of the kind taken here; `line` counts from 1. */
export class YamlProblem extends Error {
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message);
  }
}

interface Node {
  value: unknown;
  line: number;
  children: Node[];
}

/**
 * Reads one YAML document and remembers the line of each key. Anchors are refused: a configuration that repeats itself by
 * reference cannot name one line for a problem, and a few hundred bytes of them unfold to gigabytes.
 * @throws {YamlProblem} syntax, duplicate keys, tabs, several documents, anchors
 */
export function parsePositioned(text: string): PositionedDocument {
  const nodes = new NodeRecorder();
  let value: unknown;
  try {
    value = load(text, { schema: CORE_SCHEMA, listener: (event, state) => nodes.record(event, state) });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // A null mark is what js-yaml has for several documents, although its types promise one.
    const mark = error.mark as { line: number } | undefined;
    throw new YamlProblem(explain(error.reason), mark ? mark.line + 1 : secondDocumentLine(text));
  }
  const lines = new Map<string, number>();
  if (nodes.root) placeChildren(nodes.root, value, [], lines);
  return {
    value,
    lineOf: (path) => {
      for (let length = path.length; length > 0; length--) {
        const line = lines.get(pathKey(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return nodes.root?.line ?? 1;
    },
  };
}

/** js-yaml tells of each node when it opens (before its value is known) and when it closes. */
class NodeRecorder {
  root: Node | undefined;
  readonly #open: Node[] = [];

  record(event: EventType, state: State): void {
    if (event === 'open') {
      this.#open.push({ value: undefined, line: state.line + 1, children: [] });
      return;
    }
    const node = this.#open.pop();
    if (!node) return;
    if ('anchor' in state && state.anchor !== null) {
      throw new YamlProblem('anchors (&) and aliases (*) are not taken; write the value out', node.line);
    }
    node.value = state.result as unknown;
    // A list in brackets is first tried as the key of a mapping, which leaves it wrapped in itself.
    const [only] = node.children;
    const settled =
      only && node.children.length === 1 && isCollection(node.value) && only.value === node.value
        ? only
        : node;
    const parent = this.#open.at(-1);
    if (parent) parent.children.push(settled);
    else this.root = settled;
  }
}

/**
 * Matches the nodes seen with the value they made. Absent values leave no node, so the order of the nodes alone does not tell
 * keys from values: a node is the value of the key before it when it holds that very value.
 */
function placeChildren(node: Node, value: unknown, path: KeyPath, lines: Map<string, number>): void {
  if (Array.isArray(value)) {
    let next = 0;
    value.forEach((item: unknown, index) => {
      let child = next;
      while (child < node.children.length && !Object.is(node.children[child]?.value, item)) child++;
      const found = node.children[child];
      if (!found || (item === null && child !== next)) return;
      next = child + 1;
      lines.set(pathKey([...path, index]), found.line);
      placeChildren(found, item, [...path, index], lines);
    });
  } else if (isCollection(value)) {
    const entries = new Map<string, unknown>(Object.entries(value));
    for (let child = 0; child < node.children.length; child++) {
      const key = node.children[child];
      if (!key || isCollection(key.value) || !entries.has(String(key.value))) continue;
      const here = [...path, String(key.value)];
      if (!lines.has(pathKey(here))) lines.set(pathKey(here), key.line);
      const entry = entries.get(String(key.value));
      const following = node.children[child + 1];
      if (following && Object.is(following.value, entry)) {
        placeChildren(following, entry, here, lines);
        child++;
      }
    }
  }
}

function isCollection(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function pathKey(path: KeyPath): string {
  return JSON.stringify(path.map(String));
}

function explain(reason: string): string {
  if (/duplicated mapping key/.test(reason)) return 'this key is there twice';
  if (/tab characters/.test(reason)) return 'tabs cannot indent YAML; use spaces';
  if (/single document/.test(reason)) return 'there is more than one YAML document in the file';
  return `not readable as YAML: ${reason.replace(/\s+/g, ' ')}`;
}

function secondDocumentLine(text: string): number {
  const lines = text.split('\n');
  const started = lines.findIndex((line) => line.trim() !== '' && !/^(#|---)/.test(line.trim()));
  const second = lines.findIndex((line, index) => index > started && /^(---|\.\.\.)(\s|$)/.test(line));
  return second < 0 ? 1 : second + 1;
}

import { ImageStreamError } from '../contracts/errors.js';
import { JsonNumber, type JsonArray, type JsonObject, type JsonValue } from './json-value.js';

/** Deeper than any stream (products, versions, items: 7 levels), shallow enough for every stack. */
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const SHORT_ESCAPES = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** A member of an object with where its value stands in the text: `text.slice(start, end)`. */
export interface JsonMember {
  readonly key: string;
  readonly value: JsonValue;
  readonly start: number;
  readonly end: number;
}

/**
 * Parses JSON (RFC 8259) without loss: numbers keep their spelling, objects are Maps in the order of the text, of a key
 * given twice the last value counts. `NaN`, `Infinity` and a byte order mark are refused.
 * @param path names the document in messages
 * @throws {ImageStreamError} DocumentInvalid, with line and column (from 1, in UTF-16 units) in message and details
 */
export function parseJson(text: string, path = 'the document'): JsonValue {
  return new Parser(text, path).document();
}

/**
 * The members of the object that begins at `offset`, with the places of their values.
 * @throws {ImageStreamError} DocumentInvalid
 */
export function jsonMembers(text: string, offset: number, path: string): JsonMember[] {
  return new Parser(text, path, offset).members();
}

class Parser {
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly path: string,
    private at = 0,
  ) {}

  document(): JsonValue {
    this.skipSpace();
    const value = this.value();
    this.skipSpace();
    if (this.at < this.text.length) this.fail('text after the end of the JSON value');
    return value;
  }

  members(): JsonMember[] {
    this.skipSpace();
    if (this.text.charCodeAt(this.at) !== OPEN_OBJECT) this.fail('expected an object');
    const members: JsonMember[] = [];
    this.eachMember((key) => {
      const start = this.at;
      const value = this.value();
      members.push({ key, value, start, end: this.at });
    });
    return members;
  }

  private value(): JsonValue {
    switch (this.text.charCodeAt(this.at)) {
      case QUOTE:
        return this.string();
      case OPEN_OBJECT:
        return this.object();
      case OPEN_ARRAY:
        return this.array();
      case 0x74:
        return this.word('true', true);
      case 0x66:
        return this.word('false', false);
      case 0x6e:
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(): JsonObject {
    const object: JsonObject = new Map();
    this.eachMember((key) => object.set(key, this.value()));
    return object;
  }

  private eachMember(take: (key: string) => void): void {
    this.enter();
    if (this.text.charCodeAt(this.at) === CLOSE_OBJECT) return this.leave();
    for (;;) {
      if (this.text.charCodeAt(this.at) !== QUOTE) this.fail('expected a key in quotes');
      const key = this.string();
      this.skipSpace();
      if (this.text.charCodeAt(this.at) !== COLON) this.fail("expected ':' after a key");
      this.at++;
      this.skipSpace();
      take(key);
      if (this.closes(CLOSE_OBJECT, "expected ',' or '}'")) return;
    }
  }

  private array(): JsonArray {
    const array: JsonArray = [];
    this.enter();
    if (this.text.charCodeAt(this.at) === CLOSE_ARRAY) {
      this.leave();
      return array;
    }
    for (;;) {
      array.push(this.value());
      if (this.closes(CLOSE_ARRAY, "expected ',' or ']'")) return array;
    }
  }

  private enter(): void {
    if (++this.depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH} levels`);
    this.at++;
    this.skipSpace();
  }

  private leave(): void {
    this.at++;
    this.depth--;
  }

  private closes(closer: number, message: string): boolean {
    this.skipSpace();
    const code = this.text.charCodeAt(this.at);
    if (code === closer) {
      this.leave();
      return true;
    }
    if (code !== COMMA) this.fail(message);
    this.at++;
    this.skipSpace();
    return false;
  }

  private string(): string {
    const { text } = this;
    const start = ++this.at;
    let at = start;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH) return this.escapedString(start, at);
      if (!(code >= 0x20)) this.failInString(at);
      at++;
    }
  }

  /** The slow path: pieces between the escapes, joined once. */
  private escapedString(start: number, firstEscape: number): string {
    const { text } = this;
    const pieces = [text.slice(start, firstEscape)];
    let at = firstEscape;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return pieces.join('');
      }
      if (code === BACKSLASH) {
        const letter = text.charAt(at + 1);
        const short = SHORT_ESCAPES.get(letter);
        if (short !== undefined) {
          pieces.push(short);
          at += 2;
          continue;
        }
        const hex = text.slice(at + 2, at + 6);
        if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) {
          this.at = at;
          this.fail('unknown escape in a string');
        }
        pieces.push(String.fromCharCode(parseInt(hex, 16)));
        at += 6;
        continue;
      }
      const from = at;
      while (
        text.charCodeAt(at) >= 0x20 &&
        text.charCodeAt(at) !== QUOTE &&
        text.charCodeAt(at) !== BACKSLASH
      )
        at++;
      if (at === from) this.failInString(at);
      pieces.push(text.slice(from, at));
    }
  }

  private number(): JsonNumber {
    const { text } = this;
    const start = this.at;
    let at = start;
    if (text.charCodeAt(at) === MINUS) at++;
    if (text.charAt(at) === '0') at++;
    else at = this.digits(at, start);
    if (text.charAt(at) === '.') at = this.digits(at + 1, start);
    if (text.charAt(at) === 'e' || text.charAt(at) === 'E') {
      at++;
      if (text.charAt(at) === '+' || text.charAt(at) === '-') at++;
      at = this.digits(at, start);
    }
    this.at = at;
    return new JsonNumber(text.slice(start, at));
  }

  private digits(from: number, start: number): number {
    let at = from;
    while (isDigit(this.text.charCodeAt(at))) at++;
    if (at > from) return at;
    const begins = this.text.charCodeAt(start);
    if (begins === MINUS || isDigit(begins)) this.at = at;
    return this.fail(this.at >= this.text.length ? 'the text ends too early' : 'unexpected character');
  }

  private word<T extends boolean | null>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail('unexpected character');
    this.at += word.length;
    return value;
  }

  private skipSpace(): void {
    const { text } = this;
    let at = this.at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
      at++;
    }
    this.at = at;
  }

  private failInString(at: number): never {
    this.at = at;
    return this.fail(
      at >= this.text.length ? 'the text ends inside a string' : 'control character in a string',
    );
  }

  private fail(reason: string): never {
    const before = this.text.slice(0, this.at);
    const line = before.split('\n').length;
    const column = this.at - before.lastIndexOf('\n');
    throw new ImageStreamError(
      'DocumentInvalid',
      `${this.path} is not JSON: ${reason} at line ${line}, column ${column}`,
      { details: { path: this.path, line, column } },
    );
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

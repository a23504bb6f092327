/** What stands for Python's classes of a `str` pattern, which know all of Unicode. */
const CLASSES = new Map([
  ['w', '\\p{L}\\p{N}_'],
  ['d', '\\p{Nd}'],
  ['s', '\\s\\x1c-\\x1f\\x85'],
]);

const CONTROL_ESCAPES = new Map([
  ['a', '\\x07'],
  ['f', '\\f'],
  ['n', '\\n'],
  ['r', '\\r'],
  ['t', '\\t'],
  ['v', '\\v'],
]);

/**
 * A JS regular expression that searches as Python's `re.search` does: `$` also before a last newline, `.` everything but
 * a newline, `\w` and `\d` in all scripts, `(?P<name>…)`, `\A`, `\Z`, `(?i)` at the beginning.
 * @throws {SyntaxError} for what Python refuses and for what JS lacks (atomic groups, flags inside of the pattern)
 */
export function pythonRegExp(pattern: string): RegExp {
  const global = /^\(\?([aimsu]+)\)/.exec(pattern);
  const flags = global?.[1] ?? '';
  const translator = new Translator(pattern.slice(global?.[0].length ?? 0), flags.includes('m'));
  const jsFlags = ['i', 'm', 's'].filter((flag) => flags.includes(flag));
  return new RegExp(translator.translate(flags.includes('s')), `u${jsFlags.join('')}`);
}

class Translator {
  private at = 0;

  constructor(
    private readonly pattern: string,
    private readonly multiline: boolean,
  ) {}

  translate(dotAll: boolean): string {
    let out = '';
    while (this.at < this.pattern.length) {
      const rest = this.pattern.slice(this.at);
      const quantifier = /^\{(\d*)(,?)(\d*)\}/.exec(rest);
      if (rest.startsWith('(?P<')) out += this.take(4, '(?<');
      else if (rest.startsWith('(?P=')) out += this.backReference(rest);
      else if (rest.startsWith('(?#')) this.skipComment(rest);
      else if (rest.startsWith('\\')) out += this.escape(false);
      else if (rest.startsWith('[')) out += this.characterClass();
      else if (rest.startsWith('.')) out += this.take(1, dotAll ? '.' : '[^\\n]');
      else if (rest.startsWith('^')) out += this.take(1, this.multiline ? '(?<![^\\n])' : '^');
      else if (rest.startsWith('$')) out += this.take(1, this.multiline ? '(?![^\\n])' : '(?=\\n?$)');
      else if (quantifier && (quantifier[1] || quantifier[3])) {
        out += this.take(
          quantifier[0].length,
          `{${quantifier[1] || '0'}${quantifier[2] ?? ''}${quantifier[3] ?? ''}}`,
        );
      } else if (/^[{}\]]/.test(rest)) out += this.take(1, `\\${rest.charAt(0)}`);
      else out += this.take(1, rest.charAt(0));
    }
    return out;
  }

  private take(length: number, out: string): string {
    this.at += length;
    return out;
  }

  private backReference(rest: string): string {
    const name = /^\(\?P=(\w+)\)/.exec(rest);
    if (!name) throw new SyntaxError('bad group name');
    return this.take(name[0].length, `\\k<${name[1] ?? ''}>`);
  }

  private skipComment(rest: string): void {
    const end = rest.indexOf(')');
    if (end < 0) throw new SyntaxError('missing ), unterminated comment');
    this.at += end + 1;
  }

  private escape(inClass: boolean): string {
    const letter = this.pattern.charAt(this.at + 1);
    if (letter === '') throw new SyntaxError('bad escape (end of pattern)');
    const members = CLASSES.get(letter.toLowerCase());
    if (members && !(inClass && letter !== letter.toLowerCase())) {
      if (inClass) return this.take(2, members);
      return this.take(2, `[${letter === letter.toLowerCase() ? '' : '^'}${members}]`);
    }
    const control = CONTROL_ESCAPES.get(letter);
    if (control) return this.take(2, control);
    const code = /^\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/.exec(this.pattern.slice(this.at));
    if (code) return this.take(code[0].length, `\\u{${code[0].slice(2)}}`);
    if (inClass && letter === 'b') return this.take(2, '\\x08');
    if (inClass && /[WDS]/.test(letter)) return this.take(2, negatedMember(letter));
    if (!inClass) {
      if (letter === 'A') return this.take(2, '(?<![^])');
      if (letter === 'Z') return this.take(2, '(?![^])');
      if (/[bB1-9]/.test(letter)) return this.take(2, `\\${letter}`);
    }
    if (/[a-zA-Z0-9]/.test(letter)) throw new SyntaxError(`bad escape \\${letter}`);
    return this.literalEscape();
  }

  /** `u` expressions take an escape only before a character of the syntax. */
  private literalEscape(): string {
    const char = String.fromCodePoint(this.pattern.codePointAt(this.at + 1) ?? 0);
    return this.take(
      1 + char.length,
      /[\^$\\.*+?()[\]{}|/-]/.test(char) ? `\\${char === '-' ? 'x2d' : char}` : char,
    );
  }

  private characterClass(): string {
    let out = this.take(1, '[');
    if (this.pattern.startsWith('^', this.at)) out += this.take(1, '^');
    if (this.pattern.startsWith(']', this.at)) out += this.take(1, '\\]');
    for (;;) {
      const char = this.pattern.charAt(this.at);
      if (char === '') throw new SyntaxError('unterminated character set');
      if (char === ']') return out + this.take(1, ']');
      if (char === '\\') out += this.escape(true);
      else out += this.take(1, char === '[' ? '\\[' : char);
    }
  }
}

function negatedMember(letter: string): string {
  if (letter === 'D') return '\\P{Nd}';
  if (letter === 'S') return '\\S';
  throw new SyntaxError('\\W inside of [] is not supported');
}

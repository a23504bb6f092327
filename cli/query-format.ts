import { ImageStreamError } from '../contracts/errors.js';
import { compareCodePoints, pythonText } from '../simplestreams/index.js';

/** What an item is printed with; says which key is missing instead of a line. */
export type ItemFormat = (data: ReadonlyMap<string, string>) => { line: string } | { missing: string };

/**
 * The `%` format of Python that `sstream-query -o` takes, as far as it makes sense for strings: `%(key)s`, `%(key)r`, with
 * flags `-`, width and precision, `%s` and `%r` for the whole item, `%%`.
 * @throws {ImageStreamError} Usage
 */
export function percentFormat(format: string): ItemFormat {
  const pieces: ((data: ReadonlyMap<string, string>) => string | { missing: string })[] = [];
  const conversion = /%(?:\(([^)]*)\))?([-+ #0]*)(\d*)(?:\.(\d+))?(.?)|[^%]+/gsu;
  for (const [whole, key, flags = '', width, precision, letter] of format.matchAll(conversion)) {
    if (letter === undefined) pieces.push(() => whole);
    else if (letter === '%') pieces.push(() => '%');
    else if (letter === 's' || letter === 'r') {
      const laidOut = (text: string) => {
        const cut = precision ? [...text].slice(0, Number(precision)).join('') : text;
        const padding = ' '.repeat(Math.max(0, Number(width) - [...cut].length));
        return flags.includes('-') ? cut + padding : padding + cut;
      };
      pieces.push((data) => {
        const value = key === undefined ? pythonText(new Map(data)) : data.get(key);
        if (value === undefined) return { missing: key ?? '' };
        return laidOut(letter === 'r' && key !== undefined ? repr(value) : value);
      });
    } else {
      throw new ImageStreamError(
        'Usage',
        `the output format ${JSON.stringify(format)} has ${JSON.stringify(whole)}`,
        {
          hint: 'Write %(key)s for a value and %% for a percent sign.',
        },
      );
    }
  }
  return (data) => {
    let line = '';
    for (const piece of pieces) {
      const text = piece(data);
      if (typeof text !== 'string') return text;
      line += text;
    }
    return { line };
  };
}

/** As Python's pprint: on one line where it fits into 80 columns, otherwise one key a line, sorted. */
export function prettyItem(data: ReadonlyMap<string, string>): string {
  const members = [...data].sort(([a], [b]) => compareCodePoints(a, b));
  const line = pythonText(new Map(members));
  if ([...line].length <= 80) return line;
  return `{${members.map(([key, value]) => `${repr(key)}: ${repr(value)}`).join(',\n ')}}`;
}

/** A list's representation shows its elements' own, which is where a lone string's comes from. */
function repr(text: string): string {
  return pythonText([text]).slice(1, -1);
}

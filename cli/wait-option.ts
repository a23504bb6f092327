import { Option } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';

/** How long a run by hand waits for what is not there yet. */
export function waitOption(): Option {
  return new Option('--wait <seconds>', 'how long missing services or an unreachable mirror are waited for')
    .default(60)
    .argParser(parseSeconds);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= 604_800) return seconds;
  throw new ImageStreamError(
    'Usage',
    `--wait wants seconds, from 0 to a week, and not ${JSON.stringify(text)}`,
  );
}
